"""Download entries: plan what is missing, fetch it verified, report each file.

What was not found is explained when all else has been tried.

``plan_download`` looks at the disk and changes nothing. ``run_download`` carries a plan out. Both
are generators; of files that are there, outcomes are held until the next one that is fetched.
"""

from __future__ import annotations

import errno
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import FileFormat
from pdb_cli.errors import FileAccessError, VerificationError
from pdb_cli.events import Note, PhaseBegan, PlanMade, ignore_event
from pdb_cli.operations.download_lists import find_assemblies
from pdb_cli.operations.download_model import (
    Action,
    DownloadResult,
    FileOutcome,
    Outcome,
    PlannedFile,
)
from pdb_cli.operations.download_request import ExistingFile
from pdb_cli.operations.download_rounds import DownloadRounds, Instead
from pdb_cli.transfer.verify import expect, verify_file

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.events import Observer
    from pdb_cli.operations.download_request import DownloadRequest
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

__all__ = [
    "Action",
    "DownloadResult",
    "FileOutcome",
    "Outcome",
    "PlannedFile",
    "plan_download",
    "run_download",
]

_CHECK_AHEAD = 64


def plan_download(request: DownloadRequest) -> Generator[PlannedFile, None, None]:
    """Compare what is wanted with what is there; change nothing.

    A file that is there is checked to its last byte (in threads, some files ahead), so that a
    damaged one is fetched again.

    Parameters
    ----------
    request
        What is wanted.

    Yields
    ------
    PlannedFile
        In the order of the request.

    Raises
    ------
    UnsupportedError
        The archive has no such combination of type and format.
    """
    ahead: deque[PlannedFile | Future[PlannedFile]] = deque()
    with ThreadPoolExecutor(thread_name_prefix="check") as pool:
        for file in request.files():
            path = request.destination.path(file)
            if not path.exists():
                ahead.append(PlannedFile(Action.FETCH, file, path, "missing", None))
            elif request.existing is ExistingFile.REPLACE:
                size_bytes = _size_bytes(path)
                ahead.append(PlannedFile(Action.FETCH, file, path, "wanted again", size_bytes))
            else:
                ahead.append(pool.submit(_check, file, path))
            if len(ahead) > _CHECK_AHEAD:
                yield _settled(ahead.popleft())
        while ahead:
            yield _settled(ahead.popleft())


def run_download(
    request: DownloadRequest,
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
) -> Generator[FileOutcome, None, None]:
    """Plan and fetch; each file is whole, verified and in its place before its outcome comes out.

    Closing the generator (or an exception in its consumer) stops the transfers and leaves no
    partial file under a final name.

    Parameters
    ----------
    request
        What is wanted.
    options
        Connections, time limits, certificates.
    retry
        How often and how soon to try again.
    observe
        Gets an event for everything that happens.

    Yields
    ------
    FileOutcome
        One per wanted file, in the order they were settled.

    Raises
    ------
    UnsupportedError
        The archive has no such combination of type and format.
    FileAccessError
        Nothing more can be written (disk full, read-only); files already there stay.
    TransferError, HoldingsError
        Every assembly is wanted, and the list of them can not be had.
    """
    request = find_assemblies(request, options=options, retry=retry, observe=observe)
    # Files are looked for while others are fetched: there is no phase of planning alone.
    observe(PlanMade(request.files_total, len(request.entries)))
    observe(PhaseBegan("downloading"))
    rounds = DownloadRounds(request, options=options, retry=retry, observe=observe)
    yield from rounds.fetch(plan_download(request))
    if rounds.without_pdb:
        text = f"{len(rounds.without_pdb)} without a legacy PDB file: fetching mmCIF instead"
        observe(Note(text))
        substitute = request.as_mmcif(rounds.without_pdb)
        yield from rounds.fetch(plan_download(substitute), Instead(FileFormat.PDB))
    yield from rounds.explain()
    for successors, instead in rounds.follow():
        yield from rounds.fetch(plan_download(successors), instead)


def _check(file: ArchiveFile, path: Path) -> PlannedFile:
    """Check a file that is there."""
    try:
        found = verify_file(path, expect(file, path.name), subject=str(path))
    except VerificationError as error:
        return PlannedFile(Action.FETCH, file, path, str(error.defect), _size_bytes(path))
    except FileAccessError as error:
        # It may have gone since we looked; what can not be read is fetched again, not lost.
        reason = "missing" if error.errno == errno.ENOENT else error.reason
        return PlannedFile(Action.FETCH, file, path, reason, None)
    return PlannedFile(Action.KEEP, file, path, "up to date", found.size_bytes)


def _size_bytes(path: Path) -> int | None:
    """Return the size of a file that may be gone by now."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _settled(planned: PlannedFile | Future[PlannedFile]) -> PlannedFile:
    """Return a line of the plan, waiting for its check."""
    return planned if isinstance(planned, PlannedFile) else planned.result()
