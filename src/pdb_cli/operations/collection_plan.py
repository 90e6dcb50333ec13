"""What an operation on a whole collection is about to do: one plan, printed, saved or carried out.

``sync`` makes one with either transport, ``update`` one for the files it keeps up to date. A plan
is a value: it is made without changing anything, it says why each file changes, and it can be
written as JSON, change by change. Files that stay as they are, are only counted: there may be
millions of them.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

PLAN_SCHEMA: Final = 1
"""The version of the JSON form."""


class PlanAction(StrEnum):
    """What happens to a file."""

    NEW = "new"
    """It is not here yet."""
    CHANGED = "changed"
    """It is here, and another one comes in its place."""
    DELETE = "delete"
    """It is here, and a complete list of the mirror lacks it."""


class PlannedChange(NamedTuple):
    """One file that will change."""

    action: PlanAction
    path: str
    """Relative to the collection, with ``/``; no part is empty, ``.``, ``..`` or has a control
    character: :func:`is_safe_path` holds for it."""
    group: str
    """The type of data, or the name of the tree, for sums: ``structures``, ``emdb``."""
    size_bytes: int | None
    """Of the new file, or of the one that goes; None if nobody said."""
    reason: str
    """Why, in a few words: ``missing``, ``size``, ``time``, ``not on the mirror``."""
    mtime_s: float | None = None
    """The archive's time of the new file, POSIX seconds; None if nobody said."""


class Tally(NamedTuple):
    """A number of files and their bytes."""

    files: int = 0
    size_bytes: int = 0
    """Of those whose size is known."""
    unsized: int = 0
    """Files among them whose size nobody said."""

    def __add__(self, other: object) -> "Tally":
        """Return the sum of two."""
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(*map(sum, zip(self, other, strict=True)))

    @classmethod
    def of(cls, changes: Iterable[PlannedChange]) -> "Tally":
        """Count some changes."""
        files = size_bytes = unsized = 0
        for change in changes:
            files += 1
            if change.size_bytes is None:
                unsized += 1
            else:
                size_bytes += change.size_bytes
        return cls(files, size_bytes, unsized)


class Changes(Protocol):
    """Many changes, to be gone through any number of times: a tuple, or something that keeps less.

    There may be millions: nobody makes a list of them all.
    """

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __iter__(self) -> Iterator[PlannedChange]:
        """Go through them, in the order in which they are carried out."""
        ...


class Listing(NamedTuple):
    """Where the knowledge of a plan came from."""

    mirror: str
    """Its name."""
    transport: str
    """How it was asked: ``rsync``, ``https``."""
    source: str
    """The URL of what was listed, without credentials."""
    complete: bool
    """Whether it lists everything there is of what was asked for. Nothing is ever deleted on the
    word of one that is not."""
    files: int
    """How many files it lists, within the selection."""
    size_bytes: int | None = None
    """Their bytes, if it says."""
    newest_s: float | None = None
    """When the archive last changed according to it, POSIX seconds: the newest file's time, or that
    of the list itself, always the same kind from one transport; None if it does not say."""
    newest_entry_s: float | None = None
    """The newest date of an entry in it: what its age is measured by where :attr:`newest_s` is not
    known. None if it has no dates."""
    newest_of: str = ""
    """Of which list :attr:`newest_s` is the time, where a transport reads several: they are written
    one after the other, so that the times of two say nothing about each other."""

    has_times: bool = False
    """Whether the list itself tells the time of each file: then :attr:`newest_entry_s` says what it
    knows, whichever mirror has it."""

    @property
    def entries_key(self) -> str:
        """The name of :attr:`newest_entry_s` in :attr:`ages_s`."""
        return f"{self.transport} entries"

    @property
    def ages_s(self) -> dict[str, float]:
        """All that is known of how new it is, by what was measured and by which transport."""
        measured = f"{self.transport} {self.newest_of}".rstrip()
        found = {measured: self.newest_s, self.entries_key: self.newest_entry_s}
        return {key: time_s for key, time_s in found.items() if time_s is not None}


class GroupPlan(NamedTuple):
    """The changes of one tree (for ``sync``) or one type of data (for ``update``)."""

    name: str
    """Unique in a plan, the same in every run: ``structures-mmcif``."""
    group: str
    """For sums: ``structures``."""
    listing: Listing
    transfers: Changes
    """What is new or changed."""
    deletions: Changes
    """What goes; empty where nothing shall be deleted."""
    new: Tally
    changed: Tally
    deleted: Tally
    kept: Tally
    """Files that are as the mirror has them. Files of no concern are not among them."""

    @classmethod
    def make(
        cls,
        name: str,
        group: str,
        listing: Listing,
        changes: Iterable[PlannedChange],
        *,
        kept: Tally,
    ) -> "GroupPlan":
        """Build a plan of changes that fit in memory, and count them.

        Parameters
        ----------
        name, group, listing, kept
            As the fields.
        changes
            New, changed and deleted ones, in any order; the order among each kind is kept.
        """
        sorts: dict[PlanAction, list[PlannedChange]] = {action: [] for action in PlanAction}
        transfers = []
        for change in changes:
            sorts[change.action].append(change)
            if change.action is not PlanAction.DELETE:
                transfers.append(change)
        new, changed, deleted = (Tally.of(sorts[action]) for action in PlanAction)
        deletions = tuple(sorts[PlanAction.DELETE])
        return cls(name, group, listing, tuple(transfers), deletions, new, changed, deleted, kept)

    @property
    def local_files(self) -> int:
        """How many files of this group are here before anything happens."""
        return self.kept.files + self.changed.files + self.deleted.files


class CollectionPlan(NamedTuple):
    """All that will change."""

    groups: tuple[GroupPlan, ...]

    @property
    def changes(self) -> Iterator[PlannedChange]:
        """Every change, group after group: what comes, then what goes."""
        for group in self.groups:
            yield from group.transfers
            yield from group.deletions

    @property
    def new(self) -> Tally:
        """All that is not here yet."""
        return sum((group.new for group in self.groups), Tally())

    @property
    def changed(self) -> Tally:
        """All that comes in the place of another."""
        return sum((group.changed for group in self.groups), Tally())

    @property
    def deleted(self) -> Tally:
        """All that goes."""
        return sum((group.deleted for group in self.groups), Tally())

    @property
    def kept(self) -> Tally:
        """All that stays as it is."""
        return sum((group.kept for group in self.groups), Tally())

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be done."""
        return not any(len(one.transfers) or len(one.deletions) for one in self.groups)


def is_safe_path(path: str) -> bool:
    """Tell whether a path of a list may become the name of a file below a directory.

    Parameters
    ----------
    path
        As a mirror wrote it, relative.

    Returns
    -------
    bool
        False for one that is absolute, has ``..``, ``.`` or an empty part, a control character or
        a backslash, or a part that begins with a dot: those names are of programs, not of data.

    Examples
    --------
    >>> is_safe_path("ab/1abc.cif.gz"), is_safe_path("../x"), is_safe_path("/etc/passwd")
    (True, False, False)
    """
    if not path.isprintable() or "\\" in path:
        return False
    # An empty part begins with no dot, but it ends where it begins.
    return all(part and not part.startswith(".") for part in path.split("/"))


def group_row(group: GroupPlan) -> dict[str, Any]:
    """Return a group without its changes, as plain values for JSON.

    Parameters
    ----------
    group
        The group.
    """
    return {
        "name": group.name,
        "group": group.group,
        "new": group.new._asdict(),
        "changed": group.changed._asdict(),
        "delete": group.deleted._asdict(),
        "kept": group.kept._asdict(),
        "listing": group.listing._asdict(),
    }


def change_row(change: PlannedChange) -> dict[str, Any]:
    """Return one change as plain values for JSON.

    Parameters
    ----------
    change
        The change.
    """
    return {**change._asdict(), "action": change.action.value}
