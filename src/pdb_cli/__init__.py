"""Keep a local collection of Protein Data Bank files, correct and current.

The names in ``__all__`` are the public API; each is imported from its module when first used, so
that ``import pdb_cli`` costs next to nothing.

Examples
--------
>>> import pdb_cli
>>> entry = pdb_cli.EntryId.parse("PDB_00004HHB")
>>> file = pdb_cli.ArchiveFile(entry, pdb_cli.DataType.STRUCTURES, pdb_cli.FileFormat.MMCIF)
>>> pdb_cli.find_mirror("rcsb", {}).url(file)
'https://files.rcsb.org/pub/pdb/data/structures/divided/mmCIF/hh/4hhb.cif.gz'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli._version import __version__

if TYPE_CHECKING:
    from pdb_cli.archive.datatypes import DataType, FileFormat
    from pdb_cli.archive.identify import identify
    from pdb_cli.archive.ids import EntryId, parse_id_list
    from pdb_cli.archive.layouts import ArchiveFile, Layout, archive_path, collection_path
    from pdb_cli.archive.mirrors import Mirror, find_mirror
    from pdb_cli.config.load import load_settings
    from pdb_cli.config.settings import Settings
    from pdb_cli.errors import PdbCliError
    from pdb_cli.jobs.clean import CleanResult
    from pdb_cli.jobs.listing import JobFilter
    from pdb_cli.jobs.liveness import Doubt, Observation
    from pdb_cli.jobs.manager import JobManager
    from pdb_cli.jobs.model import Job, JobStatus
    from pdb_cli.operations.download.request import (
        Arrangement,
        Destination,
        DownloadRequest,
        ExistingFile,
        FileKind,
    )
    from pdb_cli.operations.download.run import FileOutcome, Outcome, plan_download, run_download
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy
    from pdb_cli.transfer.verify import verify_file

_HOME = {
    "ArchiveFile": "pdb_cli.archive.layouts",
    "Arrangement": "pdb_cli.operations.download.request",
    "CleanResult": "pdb_cli.jobs.clean",
    "DataType": "pdb_cli.archive.datatypes",
    "Destination": "pdb_cli.operations.download.request",
    "Doubt": "pdb_cli.jobs.liveness",
    "DownloadRequest": "pdb_cli.operations.download.request",
    "EntryId": "pdb_cli.archive.ids",
    "ExistingFile": "pdb_cli.operations.download.request",
    "FileFormat": "pdb_cli.archive.datatypes",
    "FileKind": "pdb_cli.operations.download.request",
    "FileOutcome": "pdb_cli.operations.download.run",
    "HttpOptions": "pdb_cli.transfer.options",
    "Job": "pdb_cli.jobs.model",
    "JobFilter": "pdb_cli.jobs.listing",
    "JobManager": "pdb_cli.jobs.manager",
    "JobStatus": "pdb_cli.jobs.model",
    "Layout": "pdb_cli.archive.layouts",
    "Mirror": "pdb_cli.archive.mirrors",
    "Observation": "pdb_cli.jobs.liveness",
    "Outcome": "pdb_cli.operations.download.run",
    "PdbCliError": "pdb_cli.errors",
    "RetryPolicy": "pdb_cli.transfer.retry",
    "Settings": "pdb_cli.config.settings",
    "archive_path": "pdb_cli.archive.layouts",
    "collection_path": "pdb_cli.archive.layouts",
    "find_mirror": "pdb_cli.archive.mirrors",
    "identify": "pdb_cli.archive.identify",
    "load_settings": "pdb_cli.config.load",
    "parse_id_list": "pdb_cli.archive.ids",
    "plan_download": "pdb_cli.operations.download.run",
    "run_download": "pdb_cli.operations.download.run",
    "verify_file": "pdb_cli.transfer.verify",
}

__all__ = [
    "ArchiveFile",
    "Arrangement",
    "CleanResult",
    "DataType",
    "Destination",
    "Doubt",
    "DownloadRequest",
    "EntryId",
    "ExistingFile",
    "FileFormat",
    "FileKind",
    "FileOutcome",
    "HttpOptions",
    "Job",
    "JobFilter",
    "JobManager",
    "JobStatus",
    "Layout",
    "Mirror",
    "Observation",
    "Outcome",
    "PdbCliError",
    "RetryPolicy",
    "Settings",
    "__version__",
    "archive_path",
    "collection_path",
    "find_mirror",
    "identify",
    "load_settings",
    "parse_id_list",
    "plan_download",
    "run_download",
    "verify_file",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a public name is used

    value: object = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
