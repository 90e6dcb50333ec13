"""See whether a mirror lags behind what is here.

Mirrors are brought up to date one after the other, for hours or days. What the next mirror on the
list has is as good as what the first one had, unless it would take the collection back. So would
the list of the last run, where something else has brought newer files since.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.operations.collection_plan import PlanAction

if TYPE_CHECKING:
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync_model import SyncTree

_SAME_TIME_S = 1.0
_SECOND_NS = 1_000_000_000
_CLOCKS_DIFFER_S = 86_400.0


class Lag(NamedTuple):
    """A file that would become older than it is, or go although the mirror can not know it yet."""

    there_s: float
    """The time of the file on the mirror, or of its newest one; in seconds since 1970."""
    here_s: float


def find_lag(tree: SyncTree, plan: GroupPlan, *, is_other: bool) -> Lag | None:
    """Look for a file here that is newer than what the mirror knows.

    Only times of the archive count: those are whole seconds, and not in the future. A file that was
    written here by somebody else says nothing about the mirror.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.
    is_other
        Whether it is not known that the mirror was followed before. Of one that was, a list that is
        newer than the file takes it back on purpose, as the archive does now and then.

    Returns
    -------
    Lag or None
        The first such file; None if there is none.
    """
    newest_s = plan.listing.newest_s
    if newest_s is None and not is_other:
        return None
    for change in plan.transfers:
        if change.action is PlanAction.CHANGED and change.mtime_s is not None:
            known_s = change.mtime_s
            if not is_other and newest_s is not None:
                known_s = max(known_s, newest_s)
            lag = _lag_of(tree, change.path, known_s)
            if lag is not None:
                return lag
    if newest_s is not None:
        for change in plan.deletions:
            lag = _lag_of(tree, change.path, newest_s)
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
    is_archives = not mtime_ns % _SECOND_NS and here_s <= time.time() + _CLOCKS_DIFFER_S
    if not is_archives or here_s <= there_s + _SAME_TIME_S:
        return None
    return Lag(there_s, here_s)
