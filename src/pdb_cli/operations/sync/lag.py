"""See whether a mirror lags behind what is here.

Mirrors are brought up to date one after the other, for hours or days. What the next mirror on the
list has is as good as what the first one had, unless it would take the collection back. So would
the list of the last run, where something else has brought newer files since.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.operations.collection_plan import PlanAction
from pdb_cli.operations.sync.condemned import FOUND_BAD
from pdb_cli.operations.sync.guards import date_text

if TYPE_CHECKING:
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.lists import SeenList
    from pdb_cli.operations.sync.model import SyncTree

_SAME_TIME_S = 1.0
_SECOND_NS = 1_000_000_000
_CLOCKS_DIFFER_S = 86_400.0


class Lag(NamedTuple):
    """A file that would become older than it is, or go although the mirror can not know it yet."""

    path: str
    """In the collection."""
    there_s: float
    """The time of the file on the mirror, or of its newest one; in seconds since 1970."""
    here_s: float
    goes: bool = False
    """Whether the mirror has no such file."""


def check_lag(tree: SyncTree, plan: GroupPlan, seen: SeenList | None, *, whole: bool) -> None:
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

    Raises
    ------
    ListDoubtError
        The mirror knows less than what is here.
    """
    source = plan.listing.source
    is_followed = seen is not None and seen.source == source
    is_another = seen is not None and seen.source not in {"", source}
    lag = find_lag(tree, plan, is_followed=is_followed, deletions=whole or is_another)
    if lag is not None:
        there, here = f"{lag.path} of {date_text(lag.there_s)}", date_text(lag.here_s)
        if lag.goes:
            there, here = f"files until {date_text(lag.there_s)}", f"{here} ({lag.path})"
        raise ListDoubtError(plan.name, source, ListDoubt.BEHIND, there, here)


def find_lag(tree: SyncTree, plan: GroupPlan, *, is_followed: bool, deletions: bool) -> Lag | None:
    """Look for a file here that is newer than what the mirror knows.

    Only times of the archive count: those are whole seconds, and not in the future. A file that was
    written here by somebody else says nothing about the mirror, nor does one that was found bad.

    Parameters
    ----------
    tree
        The tree.
    plan
        What would change in it.
    is_followed
        Whether the mirror was followed before. A list of it that is newer than the file takes that
        back on purpose, as the archive does now and then.
    deletions
        Whether to look at what would go, too.

    Returns
    -------
    Lag or None
        The first such file; None if there is none.
    """
    newest_s = plan.listing.newest_s
    for change in plan.transfers:
        is_other = change.action is PlanAction.CHANGED and change.reason != FOUND_BAD
        if is_other and change.mtime_s is not None:
            known_s = change.mtime_s
            if is_followed and newest_s is not None:
                known_s = max(known_s, newest_s)
            if (lag := _lag_of(tree, change.path, known_s)) is not None:
                return lag
    if deletions and newest_s is not None:
        for change in plan.deletions:
            if (lag := _lag_of(tree, change.path, newest_s)) is not None:
                return lag._replace(goes=True)
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
    return Lag(path, there_s, here_s)
