"""Bring a collection up to the archive's state: fetch exactly what has another version there.

First everything is compared (:mod:`pdb_cli.operations.update.check`), which changes nothing; then
what is outdated, damaged or gone is fetched into the places it has, and obsolete entries are dealt
with. A file that can not be had stays as it was. Entries that are new in the archive are the
business of ``sync``.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.archive.dates import second_of
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.errors import UnsupportedError
from pdb_cli.events import FileFailed, PhaseBegan, PlanMade, ignore_event
from pdb_cli.index.model import Mark
from pdb_cli.operations.date_marks import lasting
from pdb_cli.operations.download.memory import DownloadMemory
from pdb_cli.operations.download.request import Destination
from pdb_cli.operations.update.model import (
    WANTED_STATES,
    FileState,
    JudgedFile,
    UpdatedFile,
    UpdateResult,
)
from pdb_cli.operations.update.obsolete import check_limit, retire, successors_of
from pdb_cli.operations.verification_record import record_of_fetch
from pdb_cli.storage.guard import no_guard
from pdb_cli.transfer.fetch import FetchItem, FetchStatus, Source, fetch_files
from pdb_cli.transfer.urls import without_credentials
from pdb_cli.transfer.verify import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.update.check import CollectionCheck
    from pdb_cli.operations.update.model import UpdateRequest
    from pdb_cli.storage.collection import Collection
    from pdb_cli.storage.guard import Guard
    from pdb_cli.transfer.fetch import FetchResult
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_MOST_MARKS = 1000
_RESULTS = {
    FetchStatus.FETCHED: UpdateResult.UPDATED,
    FetchStatus.PRESENT: UpdateResult.UPDATED,
    FetchStatus.NOT_FOUND: UpdateResult.NOT_FOUND,
    FetchStatus.FAILED: UpdateResult.FAILED,
}


def is_wanted(judged: JudgedFile, request: UpdateRequest) -> bool:
    """Tell whether ``run_update`` fetches a file.

    Parameters
    ----------
    judged
        The file.
    request
        What is asked for.
    """
    if judged.state in WANTED_STATES:
        return True
    # What the archive does not list is not there to be fetched.
    is_listed = judged.remote_date is not None and judged.state is not FileState.OBSOLETE
    return request.force and is_listed


def run_update(
    request: UpdateRequest,
    check: CollectionCheck,
    collection: Collection,
    catalogue: Catalogue,
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
    guard: Guard = no_guard,
) -> Generator[UpdatedFile, None, None]:
    """Compare, then fetch what is wanted, then deal with obsolete entries.

    Each file that is fetched is whole, verified and in the place of the old one before it comes
    out; until then, and if it can not be had, the old one stays. Closing the generator stops the
    transfers.

    Parameters
    ----------
    request
        What is asked for.
    check
        The comparison; not begun yet.
    collection
        Where the files are.
    catalogue
        What is known of them.
    options, retry
        How to talk to mirrors.
    observe
        Gets an event for everything that happens.
    guard
        Asked before each change of a file, by any thread.

    Yields
    ------
    UpdatedFile
        One for each file that is not simply up to date.

    Raises
    ------
    TransferError, HoldingsError, UnsupportedError
        A list of the archive can not be had; nothing was changed.
    ObsoleteLimitError
        More entries would be taken away than allowed; nothing was changed.
    FileAccessError
        Nothing more can be written (disk full, read-only).
    CollectionBusyError
        From ``guard``; nothing has been changed since.
    """
    wanted: list[JudgedFile] = []
    obsolete: list[JudgedFile] = []
    with closing(check.judge()) as judged_files:
        for judged in judged_files:
            if is_wanted(judged, request):
                wanted.append(judged)
            elif judged.state is FileState.OBSOLETE:
                obsolete.append(judged)
            else:
                yield UpdatedFile(judged)
    check_limit(obsolete, catalogue, request)
    successors: list[JudgedFile] = []
    if request.follow:
        successors = successors_of(obsolete, collection, without=wanted)
    fetching = _Fetching(
        request,
        catalogue,
        options=options,
        retry=retry,
        observe=observe,
        clock=check.clock,
        guard=guard,
    )
    observe(PlanMade(len(wanted) + len(successors)))
    if wanted or successors:
        observe(PhaseBegan("updating"))
    yield from fetching.fetch(wanted)
    for updated in fetching.fetch(successors):
        yield _as_successor(updated)
    stay = [judged for judged in obsolete if _lacks_successor(judged, fetching.lacking)]
    for judged in stay:
        reason = "its successor could not be fetched; it stays"
        yield UpdatedFile(judged, UpdateResult.KEPT, reason=reason)
    staying = {judged.name for judged in stay}
    go = [judged for judged in obsolete if judged.name not in staying]
    for updated in retire(go, collection, request.obsolete, guard=guard):
        _note_retired(updated, catalogue)
        yield updated


class _Fetching:
    """Fetches files into the places they have."""

    def __init__(
        self,
        request: UpdateRequest,
        catalogue: Catalogue,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
        clock: Callable[[], float],
        guard: Guard,
    ) -> None:
        self._request = request
        self._catalogue = catalogue
        self._options = options
        self._retry = retry
        self._observe = observe
        self._clock = clock
        self._guard = guard
        place = Destination(request.root, data_type_dirs=request.data_type_dirs)
        self._memory = DownloadMemory(catalogue, place)
        self._marks: list[Mark] = []
        self.lacking: set[ArchiveFile] = set()
        """Files that are not here and could not be had."""

    def fetch(self, wanted: Iterable[JudgedFile]) -> Iterator[UpdatedFile]:
        """Fetch files; what no mirror can have comes out as failed."""
        refused: list[UpdatedFile] = []
        transfers = fetch_files(
            self._items(wanted, refused),
            options=self._options,
            retry=self._retry,
            observe=self._observe,
            guard=self._guard,
        )
        try:
            with closing(transfers) as results:
                for result in results:
                    yield self._updated(result)
        finally:
            self._settle()
        yield from refused

    def _items(
        self, wanted: Iterable[JudgedFile], refused: list[UpdatedFile]
    ) -> Iterator[FetchItem]:
        """Say what to transfer."""
        for judged in wanted:
            try:
                serving = serving_mirrors(self._request.mirrors, judged.file)
            except UnsupportedError as error:
                refused.append(UpdatedFile(judged, UpdateResult.FAILED, error=error))
                self._note_lack(judged)
                self._observe(FileFailed(judged.name, error.reason))
                continue
            yield FetchItem(
                name=judged.name,
                sources=tuple(Source(mirror.name, url) for mirror, url in serving),
                destination=judged.path,
                expectation=expect(judged.file, judged.path.name),
                tag=judged,
                is_missing=judged.size_bytes is None,
                not_before_s=judged.not_before_s,
            )

    def _updated(self, result: FetchResult) -> UpdatedFile:
        """Turn what the transfer layer says into what was done, and remember it."""
        judged: JudgedFile = result.item.tag
        outcome = _RESULTS[result.status]
        if result.status is FetchStatus.NOT_FOUND:
            self._observe(FileFailed(judged.name, "no mirror has it"))
        if outcome is UpdateResult.UPDATED:
            self._remember(judged, result)
        else:
            self._note_lack(judged)
        url = without_credentials(result.source.url) if result.source else None
        return UpdatedFile(
            judged,
            outcome,
            size_bytes=result.size_bytes,
            url=url,
            error=result.error,
            is_untried=result.is_untried,
        )

    def _note_lack(self, judged: JudgedFile) -> None:
        """Remember that a file is not here and can not be had."""
        if judged.size_bytes is None:
            self.lacking.add(judged.file)

    def _remember(self, judged: JudgedFile, result: FetchResult) -> None:
        """Record what has arrived, and for which date of the archive it is current."""
        if result.status is not FetchStatus.FETCHED:
            return  # another process brought it, whatever it is
        self._memory.note_arrival(result)
        date, there_s = judged.remote_date, result.last_modified_s
        if date is None or (there_s is not None and second_of(date) == there_s // 1):
            return
        record = record_of_fetch(result)
        if record is not None:
            against = lasting(date, there_s, self._clock())
            self._marks.append(Mark(judged.name, record.size_bytes, record.mtime_ns, against))
            if len(self._marks) >= _MOST_MARKS:
                self._settle()

    def _settle(self) -> None:
        """Keep what is known of what has arrived; marks last, for a record takes them away."""
        self._memory.flush()
        marks, self._marks = self._marks, []
        if marks:
            self._catalogue.flush()
            self._catalogue.settle(marks)


def _as_successor(updated: UpdatedFile) -> UpdatedFile:
    """Say of a successor that it is one."""
    if updated.result is UpdateResult.UPDATED:
        return updated._replace(result=UpdateResult.FOLLOWED)
    return updated


def _lacks_successor(judged: JudgedFile, lacking: Iterable[object]) -> bool:
    """Tell whether a successor of a file was wanted and is not here."""
    return any(judged.file._replace(entry=entry) in lacking for entry in judged.successors)


def _note_retired(updated: UpdatedFile, catalogue: Catalogue) -> None:
    """Take care that what was moved on purpose is not missed."""
    if updated.result in {UpdateResult.MOVED, UpdateResult.TRASHED}:
        catalogue.forget([updated.judged.name])
