"""See whether a mirror lags behind what is here.

Mirrors are brought up to date one after the other, for hours or days. What the next mirror on the
list has is as good as what the first one had, unless it would take the collection back. So would
the list of the last run, where something else has brought newer files since.

A few such files stay as they are, and the rest goes on: the archive puts a file back now and then.
Where there are many, the mirror is behind.
"""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.operations.collection_plan import PlanAction, PlannedChange, Tally
from pdb_cli.operations.sync.condemned import FOUND_BAD
from pdb_cli.operations.sync.guards import date_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.operations.collection_plan import Changes, GroupPlan, Listing
    from pdb_cli.operations.sync.lists import SeenList
    from pdb_cli.operations.sync.model import SyncTree

_SAME_TIME_S: Final = 1.0
_SECOND_NS: Final = 1_000_000_000
_CLOCKS_DIFFER_S: Final = 86_400.0
_MANY: Final = 10
"""Files that would go back: with so many, the mirror is behind."""


class Lag(NamedTuple):
    """A file that would become older than it is, or go although the mirror can not know it yet."""

    change: PlannedChange
    there_s: float
    """The time of the file on the mirror, or of its newest one; in seconds since 1970."""
    here_s: float
    size_bytes: int
    """Of the file that is here."""


def check_lag(
    tree: SyncTree, plan: GroupPlan, seen: SeenList | None, *, whole: bool
) -> tuple[GroupPlan, ListDoubtError | None]:
    """See that a mirror does not take the collection back.

    What would be replaced counts whatever was seen before: lists of other selections, and of other
    programs, leave no mark.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.
    seen
        The last complete list of the same files; None if there was none.
    whole
        Whether all entries are listed: of a few, the newest one may well be withdrawn.

    Returns
    -------
    tuple of (GroupPlan, ListDoubtError or None)
        The plan without the few files that would go back, and what to say of these; the same plan
        if there are none.

    Raises
    ------
    ListDoubtError
        The mirror knows less than what is here.
    """
    source = plan.listing.source
    is_followed = seen is not None and seen.source == source
    is_another = seen is not None and seen.source not in {"", source}
    found = []
    for lag in find_lags(tree, plan, is_followed=is_followed, deletions=whole or is_another):
        found.append(lag)
        if len(found) == _MANY:
            raise _doubt(plan, ListDoubt.BEHIND, found[0])
    if not found:
        return plan, None
    return _without(plan, found), _doubt(plan, ListDoubt.FEW_BEHIND, found[0], more=len(found) - 1)


def find_lags(
    tree: SyncTree, plan: GroupPlan, *, is_followed: bool, deletions: bool
) -> Iterator[Lag]:
    """Look for files here that are newer than what the mirror knows.

    Only times of the archive count: those are whole seconds, and not in the future. A file that was
    written here by somebody else says nothing about the mirror, nor does one that was found bad.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.
    is_followed
        Whether the mirror was followed before.
    deletions
        Whether to look at what would go, too.

    Yields
    ------
    Lag
        One for each such file.
    """
    known_s = _known_s(plan.listing, is_followed=is_followed)
    # Millions of new files say nothing of what is here.
    for change in plan.transfers if plan.changed.files else ():
        is_other = change.action is PlanAction.CHANGED and change.reason != FOUND_BAD
        if is_other and change.mtime_s is not None:
            there_s = change.mtime_s
            if (lag := _lag_of(tree, change, there_s, max(there_s, known_s))) is not None:
                yield lag
    newest_s = plan.listing.newest_s
    if deletions and newest_s is not None:
        for change in plan.deletions:
            if (lag := _lag_of(tree, change, newest_s, newest_s)) is not None:
                yield lag


def _known_s(listing: Listing, *, is_followed: bool) -> float:
    """Return until when a file here may be taken back on purpose, as the archive does it.

    A list that itself has the times of its files knows all until its newest date, whoever has it. A
    walk over files does not: the mirror may be half way. Then it is one that was followed before.
    """
    known_s = -math.inf
    if listing.has_times and listing.newest_entry_s is not None:
        known_s = listing.newest_entry_s
    if is_followed and listing.newest_s is not None:
        known_s = max(known_s, listing.newest_s)
    return known_s


def _lag_of(tree: SyncTree, change: PlannedChange, there_s: float, known_s: float) -> Lag | None:
    """Compare one file here with what the mirror knows."""
    try:
        status = os.lstat(tree.path_of(change.path))
    except OSError:
        return None
    mtime_ns = status.st_mtime_ns
    here_s = mtime_ns / _SECOND_NS
    is_archives = not mtime_ns % _SECOND_NS and here_s <= time.time() + _CLOCKS_DIFFER_S
    if not is_archives or here_s <= known_s + _SAME_TIME_S:
        return None
    return Lag(change, there_s, here_s, status.st_size)


def _doubt(plan: GroupPlan, doubt: ListDoubt, lag: Lag, *, more: int = 0) -> ListDoubtError:
    """Say what is newer here than there."""
    path, there, here = lag.change.path, date_text(lag.there_s), date_text(lag.here_s)
    if lag.change.action is PlanAction.DELETE:
        there, here = f"files until {there}", f"{here} ({path})"
    else:
        there = f"{path} of {there}"
    if more:
        here += f" ({more} more such files)"
    return ListDoubtError(plan.name, plan.listing.source, doubt, there, here)


class _Rest:
    """Changes without a few of them."""

    def __init__(self, changes: Changes, left: frozenset[str]) -> None:
        self._changes = changes
        self._left = left
        self._files = sum(1 for _ in self)

    def __len__(self) -> int:
        return self._files

    def __iter__(self) -> Iterator[PlannedChange]:
        left = self._left
        return (change for change in self._changes if change.path not in left)


def _without(plan: GroupPlan, lags: list[Lag]) -> GroupPlan:
    """Take a few files out of a plan: they are kept."""
    left = frozenset(lag.change.path for lag in lags)
    transfers, deletions = _Rest(plan.transfers, left), _Rest(plan.deletions, left)
    changed = (change for change in transfers if change.action is PlanAction.CHANGED)
    return plan._replace(
        transfers=transfers,
        deletions=deletions,
        changed=Tally.of(changed),
        deleted=Tally.of(deletions),
        kept=plan.kept + Tally(len(lags), sum(lag.size_bytes for lag in lags)),
    )
