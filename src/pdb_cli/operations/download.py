"""Download entries: plan what is missing, fetch it verified, report each file.

``plan_download`` looks at the disk and changes nothing. ``run_download`` carries a plan out. Both
are generators; of files that are there, outcomes are held until the next one that is fetched.
"""

from __future__ import annotations

import errno
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.layouts import ArchiveFile, Layout, collection_path
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.errors import ConnectionFailedError, FileAccessError, VerificationError
from pdb_cli.events import (
    FileFailed,
    FilePresent,
    Note,
    PhaseBegan,
    PlanMade,
    ignore_event,
)
from pdb_cli.operations.download_request import ExistingFile, FileKind
from pdb_cli.operations.entry_countdown import EntryCountdown
from pdb_cli.transfer.fetch import FetchItem, FetchStatus, Source, fetch_files
from pdb_cli.transfer.urls import without_credentials
from pdb_cli.transfer.verify import expect, verify_file

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.operations.download_request import DownloadRequest
    from pdb_cli.transfer.fetch import FetchResult, HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_CHECK_AHEAD = 64


class Action(StrEnum):
    """What a plan says about one file."""

    FETCH = "fetch"
    KEEP = "keep"


class Outcome(StrEnum):
    """How it went with one file."""

    DOWNLOADED = "downloaded"
    UP_TO_DATE = "up-to-date"
    NOT_FOUND = "not-found"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One line of a plan."""

    action: Action
    file: ArchiveFile
    path: Path
    reason: str
    """Why it is fetched: ``missing``, ``wanted again``, or its defect; why it is kept."""
    size_bytes: int | None
    """The size of what is there now, if anything is."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """How it went with one file."""

    outcome: Outcome
    file: ArchiveFile
    path: Path
    size_bytes: int = 0
    url: str | None = None
    mirror: str | None = None
    attempts: int = 0
    duration_s: float = 0.0
    error: PdbCliError | None = None
    replaces_format: FileFormat | None = None
    """The format that was asked for, when another was fetched instead."""


@dataclass(slots=True)
class DownloadResult:
    """The sum of a download; fed by ``add``, one outcome at a time."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    received_bytes: int = 0
    unreachable: int = 0
    """Files that failed because there was no connection, or a broken one."""

    def add(self, outcome: FileOutcome) -> None:
        """Count one file."""
        self.counts[outcome.outcome] += 1
        self.unreachable += isinstance(outcome.error, ConnectionFailedError)
        if outcome.outcome is Outcome.DOWNLOADED:
            self.received_bytes += outcome.size_bytes

    @property
    def good(self) -> int:
        """Files that are present and valid now."""
        return self.counts[Outcome.DOWNLOADED] + self.counts[Outcome.UP_TO_DATE]

    @property
    def bad(self) -> int:
        """Files that are not."""
        return self.counts[Outcome.NOT_FOUND] + self.counts[Outcome.FAILED]


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
    """
    # Files are looked for while others are fetched: there is no phase of planning alone.
    observe(PlanMade(request.files_total, len(request.entries)))
    observe(PhaseBegan("downloading"))
    countdown = EntryCountdown(len(request.kinds), observe)
    without_pdb: list[ArchiveFile] = []
    kept: deque[FileOutcome] = deque()

    def missing(
        plan: Iterable[PlannedFile], asked: FileFormat | None
    ) -> Iterator[FetchItem | None]:
        """Put aside what is there; hand on the rest, and None so that transfers are served."""
        for planned in plan:
            if planned.action is Action.FETCH:
                yield _item(planned, request)
                continue
            observe(FilePresent(_name(planned.file)))
            countdown.settle(planned.file.entry)
            kept.append(
                FileOutcome(
                    Outcome.UP_TO_DATE,
                    planned.file,
                    planned.path,
                    planned.size_bytes or 0,
                    replaces_format=asked,
                )
            )
            yield None

    def fetched(plan: Iterable[PlannedFile], asked: FileFormat | None) -> Iterator[FileOutcome]:
        """Fetch what a plan lacks; outcomes of kept files come out in between."""
        items = missing(plan, asked)
        with closing(fetch_files(items, options=options, retry=retry, observe=observe)) as results:
            for result in results:
                while kept:
                    yield kept.popleft()
                outcome = _outcome(result, asked)
                if _has_substitute(outcome, request):
                    without_pdb.append(outcome.file)
                    continue
                if outcome.outcome is Outcome.NOT_FOUND:
                    mirrors = ", ".join(mirror.name for mirror in request.mirrors)
                    observe(FileFailed(_name(outcome.file), f"not found on {mirrors}"))
                countdown.settle(outcome.file.entry)
                yield outcome
            yield from kept
            kept.clear()

    yield from fetched(plan_download(request), None)
    if without_pdb:
        text = f"{len(without_pdb)} without a legacy PDB file: fetching mmCIF instead"
        observe(Note(text))
        substitute = _as_mmcif(request, without_pdb)
        yield from fetched(plan_download(substitute), FileFormat.PDB)


def _name(file: ArchiveFile) -> str:
    """Return a file's name in events."""
    return collection_path(file, Layout.CLASSIC)


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


def _item(planned: PlannedFile, request: DownloadRequest) -> FetchItem:
    """Return what the transfer layer needs to fetch a file."""
    return FetchItem(
        name=_name(planned.file),
        sources=tuple(
            Source(mirror.name, url)
            for mirror, url in serving_mirrors(request.mirrors, planned.file)
        ),
        destination=planned.path,
        expectation=expect(planned.file, planned.path.name),
        tag=planned.file,
    )


def _outcome(result: FetchResult, asked: FileFormat | None) -> FileOutcome:
    """Turn the transfer layer's result into this operation's."""
    outcomes = {
        FetchStatus.FETCHED: Outcome.DOWNLOADED,
        FetchStatus.PRESENT: Outcome.UP_TO_DATE,
        FetchStatus.NOT_FOUND: Outcome.NOT_FOUND,
        FetchStatus.FAILED: Outcome.FAILED,
    }
    return FileOutcome(
        outcome=outcomes[result.status],
        file=result.item.tag,
        path=result.item.destination,
        size_bytes=result.size_bytes,
        url=without_credentials(result.source.url) if result.source else None,
        mirror=result.source.mirror if result.source else None,
        attempts=result.attempts,
        duration_s=result.duration_s,
        error=result.error,
        replaces_format=asked,
    )


def _has_substitute(outcome: FileOutcome, request: DownloadRequest) -> bool:
    """Tell whether another format may be fetched in place of a file no mirror has."""
    return (
        outcome.outcome is Outcome.NOT_FOUND
        and request.fallback
        and outcome.file.data_type is DataType.STRUCTURES
        and outcome.file.file_format is FileFormat.PDB
    )


def _as_mmcif(request: DownloadRequest, files: Iterable[ArchiveFile]) -> DownloadRequest:
    """Return the request for the same structures as mmCIF."""
    return request._replace(
        entries=tuple(file.entry for file in files),
        kinds=(FileKind(DataType.STRUCTURES, FileFormat.MMCIF),),
        fallback=False,
    )
