"""Run the download operation as a library."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.operations.download.request import (
    Destination,
    DownloadRequest,
    FileKind,
)
from pdb_cli.operations.download.run import (
    FileOutcome,
    run_download,
)
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.events import (
        Event,
    )
    from support.archive_simulator import ArchiveSimulator

OPTIONS = HttpOptions(connections=4, connect_timeout_s=2, stall_timeout_s=2)
RETRY = RetryPolicy(retries=0, base_s=0.01)
MMCIF = FileKind(DataType.STRUCTURES, FileFormat.MMCIF)


def request_for(
    mirror: ArchiveSimulator, folder: Path, *ids: str, kind: FileKind = MMCIF
) -> DownloadRequest:
    """Return a request for entries of a mirror."""
    return DownloadRequest(
        tuple(map(EntryId.parse, ids)),
        (kind,),
        Destination(folder),
        (Mirror("lab", mirror.url, (), Layout.CLASSIC),),
    )


def run(request: DownloadRequest) -> tuple[list[FileOutcome], list[Event]]:
    """Run a download; return its outcomes and events."""
    events: list[Event] = []
    outcomes = run_download(request, options=OPTIONS, retry=RETRY, observe=events.append)
    with closing(outcomes):
        return list(outcomes), events
