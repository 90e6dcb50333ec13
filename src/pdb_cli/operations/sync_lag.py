"""See whether another mirror lags behind the one that was followed before.

Mirrors are brought up to date one after the other, for hours or days. What the next mirror on the
list has is as good as what the first one had, unless it would take the collection back.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.operations.collection_plan import PlanAction

if TYPE_CHECKING:
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync_model import SyncTree

_SAME_TIME_S = 1.0
_SECOND_NS = 1_000_000_000


class Lag(NamedTuple):
    """A file that would become older than it is, or go although the mirror can not know it yet."""

    there_s: float
    """The time of the file on the mirror, or of its newest one; in seconds since 1970."""
    here_s: float


def find_lag(tree: SyncTree, plan: GroupPlan) -> Lag | None:
    """Look for a file here that is newer than what the mirror knows.

    Only times of the archive count: those are whole seconds. A file that was written here by
    somebody else says nothing about the mirror.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.

    Returns
    -------
    Lag or None
        The first such file; None if there is none.
    """
    for change in plan.transfers:
        if change.action is PlanAction.CHANGED and change.mtime_s is not None:
            lag = _lag_of(tree, change.path, change.mtime_s)
            if lag is not None:
                return lag
    if plan.listing.newest_s is not None:
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
    return Lag(there_s, here_s)
