"""Carry out the plan of one tree with the download engine."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.dates import archive_second, second_of
from pdb_cli.archive.identify import identify
from pdb_cli.errors import ConnectionFailedError, StaleVersionError
from pdb_cli.events import AttemptFailed, BytesReceived, Note
from pdb_cli.operations.collection_plan import PlanAction
from pdb_cli.operations.sync.https.doubts import Doubt, is_made_later
from pdb_cli.operations.sync.https.leftovers import note_leftovers
from pdb_cli.operations.sync.https.local import check_no_link
from pdb_cli.operations.sync.https.sources import DateKind
from pdb_cli.operations.sync.model import FileSettled, SettledStatus
from pdb_cli.operations.verification_record import record_of_fetch
from pdb_cli.transfer.attempts import short_reason
from pdb_cli.transfer.fetch import FetchItem, FetchResult, FetchStatus, Source, fetch_files
from pdb_cli.transfer.verify import Expectation, expect

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.errors import PdbCliError, TransferError
    from pdb_cli.events import Event, Observer
    from pdb_cli.index.model import Record
    from pdb_cli.operations.collection_plan import GroupPlan, PlannedChange
    from pdb_cli.operations.sync.https.doubts import Marks
    from pdb_cli.operations.sync.https.names import TreeNames
    from pdb_cli.operations.sync.https.remote import ListedTree
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_HOPELESS_AFTER: Final = 4
"""Files in a row that found nobody to connect to: then the others are not tried either."""
_REMEMBERED_TOGETHER: Final = 200
_FEWEST_IN_HAND: Final = 4
_SHARE_IN_HAND: Final = 100
_SECOND_NS: Final = 1_000_000_000

_FORMATS: Final = {
    ".pdf": FileFormat.PDF,
    ".png": FileFormat.PNG,
    ".svg": FileFormat.SVG,
    ".xml": FileFormat.XML,
}
"""Of files that the table of the archive does not name; all else is checked to be a text."""


def fetch_planned(
    names: TreeNames,
    plan: GroupPlan,
    *,
    mirrors: Sequence[Mirror],
    dates: ListedTree | None,
    marks: Marks,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer,
) -> Generator[FileSettled, None, None]:
    """Fetch what is new or changed in one tree.

    Parameters
    ----------
    names
        How its files are called.
    plan
        What to fetch.
    mirrors
        Where from: the one whose lists were read, then others with the same paths.
    dates
        What the lists said, to remember what is current now; None if that is not known any more.
    marks
        Where that is remembered.
    options, retry
        As for ``fetch_files``.
    observe
        Gets ``BytesReceived``, ``AttemptFailed`` and ``Note``.

    Yields
    ------
    FileSettled
        One per transfer, as they end.

    Raises
    ------
    FileAccessError
        Nothing more can be written.
    UnsafeTreeError
        A directory of the tree is a link.
    TransferError
        No mirror can be reached any more.
    """
    run = _Run(names, mirrors, dates, marks)

    def pass_on(event: Event) -> None:
        if isinstance(event, BytesReceived | AttemptFailed | Note):
            observe(event)

    begun = run.begun_items(plan)
    note_leftovers(begun, options=options, retry=retry, observe=pass_on)
    items = run.items(plan)
    try:
        with closing(fetch_files(items, options=options, retry=retry, observe=pass_on)) as results:
            for result in results:
                yield run.settle(result)
                if run.lost is not None:
                    raise run.lost
    finally:
        run.keep_marks()
        marks.write()
        if run.undated:
            # Their marks say that they are current; rsync knows nothing of these.
            what = f"the times of {run.undated} files of {names.tree.name}"
            observe(Note(f"{mirrors[0].name} does not tell {what}: rsync would fetch them again"))


class _Run:
    """One call of :func:`fetch_planned`."""

    def __init__(
        self,
        names: TreeNames,
        mirrors: Sequence[Mirror],
        dates: ListedTree | None,
        marks: Marks,
    ) -> None:
        self._names = names
        self._mirrors = mirrors
        self._dates = dates
        self._marks = marks
        self._fresh: list[tuple[Doubt, float | None]] = []
        self._arrived: list[Record] = []
        self._in_hand = 0
        """Files that the engine has and that are not settled."""
        self._in_vain = 0
        self._checked = ""
        """The directory that was last seen to be none of somebody else's links."""
        self.undated = 0
        """Files that have no time of the archive."""
        self.lost: TransferError | None = None
        """Why no other file needs to be tried."""

    def items(self, plan: GroupPlan) -> Iterator[FetchItem | None]:
        """Yield what the engine needs to fetch each file; None while enough are in hand."""
        # What is on its way when the process is killed is fetched again: a small part of the whole.
        most = max(_FEWEST_IN_HAND, len(plan.transfers) // _SHARE_IN_HAND)
        for change in plan.transfers:
            while self._in_hand >= most:
                yield None
            self._in_hand += 1
            yield self._item(change)

    def begun_items(self, plan: GroupPlan) -> Iterator[FetchItem]:
        """Yield the same for files of which there is a partial one."""
        directory, root = self._names.tree.directory, os.fspath(self._names.tree.root)
        for change in plan.transfers:
            place, _, name = change.path[len(directory) + 1 :].rpartition("/")
            if os.path.lexists(f"{root}/{place}/.{name}.part"):
                yield self._item(change)

    def _item(self, change: PlannedChange) -> FetchItem:
        """Return what the engine needs to fetch a file."""
        path = self._names.tree.path_of(change.path)
        self._check(os.fspath(path.parent))
        remote = self._names.remote_path(change.path)
        listed_s = self._listed_s(change)
        bounds = _bounds_of(change, os.fspath(path), listed_s)
        own, *others = self._mirrors
        return FetchItem(
            name=change.path,
            sources=(
                Source(own.name, own.path_url(remote)),
                *(Source(one.name, one.path_url(remote), bounds.others_s) for one in others),
            ),
            destination=path,
            expectation=self._expectation(remote),
            tag=change,
            is_missing=change.action is PlanAction.NEW and not path.is_symlink(),
            not_before_s=bounds.not_before_s,
            mtime_s=self._own_time_s(listed_s),
            unless_since_s=bounds.unless_since_s,
        )

    def _listed_s(self, change: PlannedChange) -> float | None:
        """Return the time that a file has by the list, or that the mirror told."""
        dates = self._dates
        if change.mtime_s is not None or dates is None or dates.kind is not DateKind.EXACT:
            return change.mtime_s
        # Of what is empty or bad here, the plan says just that.
        entry = self._names.entry_of(self._below(change.path))
        second = None if entry is None else second_of(dates.moments.text(entry.extended))
        return None if second is None else float(second)

    def _own_time_s(self, listed_s: float | None) -> float | None:
        """Return the time that a file has by the list, where mirrors have caught up with it."""
        is_listed = self._dates is not None and self._dates.kind is DateKind.EXACT
        if listed_s is None or not is_listed or self._marks.is_recent(int(listed_s)):
            return None
        return listed_s

    def settle(self, result: FetchResult) -> FileSettled:
        """Say what became of a file, and remember that it is current."""
        change: PlannedChange = result.item.tag
        self._in_hand -= 1
        match result.status:
            case FetchStatus.FETCHED | FetchStatus.PRESENT | FetchStatus.UNCHANGED:
                self._in_vain = 0
                return self._settle_good(change, result)
            case FetchStatus.NOT_FOUND:
                self._in_vain = 0
                return FileSettled(change.path, SettledStatus.VANISHED, reason="not found")
            case FetchStatus.FAILED:
                error = result.error
                if isinstance(error, ConnectionFailedError):
                    self._in_vain += 1
                    if self._in_vain >= _HOPELESS_AFTER:
                        self.lost = error
                reason = "" if error is None else _reason(error)
                return FileSettled(change.path, SettledStatus.FAILED, reason=reason)

    def _settle_good(self, change: PlannedChange, result: FetchResult) -> FileSettled:
        """Say of a file that it is here, and remember it."""
        own = self._mirrors[0].name
        mirror = result.source.mirror if result.source is not None else own
        other = "" if mirror == own else mirror
        if (record := record_of_fetch(result)) is not None:
            self._arrived.append(record)
        if result.status is FetchStatus.FETCHED and result.last_modified_s is None:
            self.undated += result.item.mtime_s is None
        if result.source is not None and not other:
            self._note(change, result)
        if max(len(self._fresh), len(self._arrived)) >= _REMEMBERED_TOGETHER:
            self.keep_marks()
        unchanged = result.status is FetchStatus.UNCHANGED
        status = SettledStatus.UNCHANGED if unchanged else SettledStatus.TRANSFERRED
        return FileSettled(change.path, status, result.size_bytes, mirror=other)

    def keep_marks(self) -> None:
        """Remember what is current, as far as that was not done yet."""
        fresh, self._fresh = self._fresh, []
        arrived, self._arrived = self._arrived, []
        self._marks.keep(fresh, arrived)

    def _note(self, change: PlannedChange, result: FetchResult) -> None:
        """Remember a file as current where its time does not say so by itself."""
        dates = self._dates
        if dates is None:
            return
        entry = self._names.entry_of(self._below(change.path))
        if entry is None:
            return
        second = dates.moments.second(entry.extended)
        try:
            status = os.stat(result.item.destination)  # noqa: PTH116 - for each file
        except OSError:
            return
        mtime = status.st_mtime_ns // _SECOND_NS
        size_bytes, mtime_ns = status.st_size, status.st_mtime_ns
        if second is not None:
            if mtime == second:
                return
            if dates.kind is DateKind.ENTRY and is_made_later(size_bytes, mtime_ns, second):
                return
            if dates.kind is DateKind.EXACT and mtime < second and self._marks.is_recent(second):
                return  # the mirror has a list of today and a file of yesterday
        date = dates.moments.text(entry.extended)
        remote = self._names.remote_path(change.path)
        doubt = Doubt(change.path, remote, size_bytes, mtime_ns, date, second)
        self._fresh.append((doubt, result.last_modified_s))

    def _below(self, path: str) -> str:
        """Return the name of a file below its bucket."""
        below = path[len(self._names.tree.directory) + 1 :]
        return below.partition("/")[2] if self._names.is_hashed else below

    def _check(self, directory: str) -> None:
        """Refuse to write through a link that is not the user's own root."""
        if directory == self._checked:
            return
        root = os.fspath(self._names.tree.root)
        at = directory
        while len(at) > len(root):
            check_no_link(at)
            at = at.rpartition("/")[0]
        self._checked = directory

    def _expectation(self, remote: str) -> Expectation:
        """Say what a file should turn out to be, from where the mirror has it."""
        known = identify(remote)
        name = remote.rpartition("/")[2]
        if known is not None:
            return expect(known[0], name)
        below = self._below(
            f"{self._names.tree.directory}/{remote[len(self._names.directory) + 1 :]}"
        )
        entry = self._names.entry_of(below)
        if entry is None:
            raise ValueError(remote)
        ending = os.path.splitext(name.removesuffix(".gz"))[1]  # noqa: PTH122 - no Path for it
        return Expectation(
            entry,
            self._names.tree.data_type or DataType.STRUCTURES,
            _FORMATS.get(ending, FileFormat.MR),
            gzipped=name.endswith(".gz"),
            name=name.removesuffix(".gz"),
        )


class _Bounds(NamedTuple):
    """How old a file may be that is put in a place; in seconds since 1970, None for any age."""

    unless_since_s: float | None = None
    """The mirror of the lists need not send one that is not newer."""
    not_before_s: float | None = None
    """No mirror's may be older: neither than what is here nor than what the list tells."""
    others_s: float | None = None
    """Of mirrors whose lists were not read, also not older than this: what the list tells is here
    then. Without a word of it, at least as new as what is here."""


def _bounds_of(change: PlannedChange, path: str, listed_s: float | None) -> _Bounds:
    """Say of which age a file has to be."""
    if change.action is not PlanAction.CHANGED:
        return _Bounds(others_s=listed_s)
    try:
        mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - for each file
    except OSError:
        return _Bounds(others_s=listed_s)
    here_s = archive_second(mtime_ns)
    if listed_s is None:
        return _Bounds(others_s=here_s)
    # The archive puts files back now and then: then its list says so.
    not_before_s = None if here_s is None else min(here_s, listed_s)
    mtime_s = mtime_ns // _SECOND_NS
    # A server may say of anything that is not newer than what we have that it is unchanged.
    is_older = change.reason == "time" and mtime_s < listed_s
    return _Bounds(float(mtime_s) if is_older else None, not_before_s, listed_s)


def _reason(error: PdbCliError) -> str:
    """Return why a file did not come, in a few words."""
    if isinstance(error, StaleVersionError):
        return f"{urlsplit(error.url).netloc}: {error.reason}"
    return short_reason(error)
