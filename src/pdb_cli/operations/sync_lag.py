"""See whether a mirror lags behind what is here.

Mirrors are brought up to date one after the other, for hours or days. What the next mirror on the
list has is as good as what the first one had, unless it would take the collection back.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.operations.collection_plan import PlanAction
from pdb_cli.operations.sync_condemned import FOUND_BAD
from pdb_cli.operations.sync_guards import date_text

if TYPE_CHECKING:
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync_lists import SeenList
    from pdb_cli.operations.sync_model import SyncTree

_SAME_TIME_S = 1.0
_SECOND_NS = 1_000_000_000


class Lag(NamedTuple):
    """A file that would become older than it is, or go although the mirror can not know it yet."""

    path: str
    """In the collection."""
    there_s: float
    """The time of the file on the mirror, or of its newest one; in seconds since 1970."""
    here_s: float


def check_lag(tree: SyncTree, plan: GroupPlan, seen: SeenList | None) -> None:
    """See that a mirror does not take the collection back.

    What would be replaced counts whatever was seen before: lists of other selections, and of other
    programs, leave no mark. What would go counts where the last list was another mirror's: the
    newest file of all may well be withdrawn.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.
    seen
        The last complete list of the same files; None if there was none.

    Raises
    ------
    ListDoubtError
        The mirror knows less than what is here.
    """
    is_another = seen is not None and seen.source not in {"", plan.listing.source}
    if (lag := find_lag(tree, plan, deletions=is_another)) is not None:
        there, here = f"{lag.path} of {date_text(lag.there_s)}", date_text(lag.here_s)
        raise ListDoubtError(plan.name, plan.listing.source, ListDoubt.BEHIND, there, here)


def find_lag(tree: SyncTree, plan: GroupPlan, *, deletions: bool) -> Lag | None:
    """Look for a file here that is newer than what the mirror knows.

    Only times of the archive count: those are whole seconds. A file that was written here by
    somebody else says nothing about the mirror, nor does one that was found bad.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.
    deletions
        Whether to look at what would go, too.

    Returns
    -------
    Lag or None
        The first such file; None if there is none.
    """
    for change in plan.transfers:
        is_other = change.action is PlanAction.CHANGED and change.reason != FOUND_BAD
        if is_other and change.mtime_s is not None:
            lag = _lag_of(tree, change.path, change.mtime_s)
            if lag is not None:
                return lag
    if deletions and plan.listing.newest_s is not None:
        for change in plan.deletions:
            lag = _lag_of(tree, change.path, plan.listing.newest_s)
            if lag is not None:
                return lag
    return None


def _lag_of(tree: SyncTree, path: str, there_s: float) -> Lag | None:
    """Compare one file here with a time of the mirror."""
    try:
        mtime_ns = os.lstat(tree.path_of(path)).st_mtime_ns
    except OSError:
        return None
    here_s = mtime_ns / _SECOND_NS
    if mtime_ns % _SECOND_NS or here_s <= there_s + _SAME_TIME_S:
        return None
    return Lag(path, there_s, here_s)
