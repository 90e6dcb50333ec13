"""What an operation on a whole collection is about to do: one plan, printed, saved or carried out.

``sync`` makes one with either transport, ``update`` one for the files it keeps up to date. A plan
is a value: it is made without changing anything, it says why each file changes, and it can be
written as JSON. Files that stay as they are, are only counted: there may be millions of them.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

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

    def __add__(self, other: object) -> "Tally":
        """Return the sum of two."""
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(self.files + other.files, self.size_bytes + other.size_bytes)

    @classmethod
    def of(cls, changes: Iterable[PlannedChange]) -> "Tally":
        """Count some changes."""
        files = size_bytes = 0
        for change in changes:
            files += 1
            size_bytes += change.size_bytes or 0
        return cls(files, size_bytes)


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


class GroupPlan(NamedTuple):
    """The changes of one tree (for ``sync``) or one type of data (for ``update``)."""

    name: str
    """Unique in a plan, the same in every run: ``structures-mmcif``."""
    group: str
    """For sums: ``structures``."""
    listing: Listing
    changes: tuple[PlannedChange, ...]
    """What comes first, then what goes."""
    kept: Tally
    """Files that are as the mirror has them. Files of no concern are not among them."""

    def tally(self, action: PlanAction) -> Tally:
        """Return how many files have an action, and their bytes."""
        return Tally.of(change for change in self.changes if change.action is action)

    @property
    def transfers(self) -> tuple[PlannedChange, ...]:
        """What has to be fetched."""
        return tuple(one for one in self.changes if one.action is not PlanAction.DELETE)

    @property
    def deletions(self) -> tuple[PlannedChange, ...]:
        """What goes."""
        return tuple(one for one in self.changes if one.action is PlanAction.DELETE)

    @property
    def local_files(self) -> int:
        """How many files of this group are here before anything happens."""
        return self.kept.files + sum(one.action is not PlanAction.NEW for one in self.changes)

    def without(self, paths: "frozenset[str] | set[str]") -> "GroupPlan":
        """Return the plan without the changes of some paths: what is left to do."""
        left = tuple(change for change in self.changes if change.path not in paths)
        return self._replace(changes=left)


class CollectionPlan(NamedTuple):
    """All that will change."""

    groups: tuple[GroupPlan, ...]

    @property
    def changes(self) -> Iterator[PlannedChange]:
        """Every change, group after group."""
        for group in self.groups:
            yield from group.changes

    def tally(self, action: PlanAction) -> Tally:
        """Return how many files have an action, and their bytes."""
        return sum((group.tally(action) for group in self.groups), Tally())

    @property
    def kept(self) -> Tally:
        """Files that stay as they are."""
        return sum((group.kept for group in self.groups), Tally())

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be done."""
        return not any(group.changes for group in self.groups)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values, to be written as JSON.

        Returns
        -------
        dict of str to Any
            ``schema``, ``groups`` with their sums and listings, ``changes`` as one list.
        """
        return {
            "schema": PLAN_SCHEMA,
            "groups": [_group_row(group) for group in self.groups],
            "changes": [_change_row(group, one) for group in self.groups for one in group.changes],
        }


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


def _group_row(group: GroupPlan) -> dict[str, Any]:
    """Return a group without its changes."""
    sums = {action.value: group.tally(action)._asdict() for action in PlanAction}
    return {
        "name": group.name,
        "group": group.group,
        **sums,
        "kept": group.kept._asdict(),
        "listing": group.listing._asdict(),
    }


def _change_row(group: GroupPlan, change: PlannedChange) -> dict[str, Any]:
    """Return one change."""
    return {
        "action": change.action.value,
        "path": change.path,
        "group": change.group,
        "name": group.name,
        "size_bytes": change.size_bytes,
        "mtime_s": change.mtime_s,
        "reason": change.reason,
    }
