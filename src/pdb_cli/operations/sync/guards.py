"""What must be true before ``sync`` changes anything: checks, each with an error of its own."""

from __future__ import annotations

import os
import stat
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import (
    DeleteLimitError,
    FileAccessError,
    ListDoubt,
    ListDoubtError,
    UnsafeTreeError,
)
from pdb_cli.operations.collection_plan import PlannedChange, is_safe_path
from pdb_cli.operations.delete_limit import SHORTEST_SHARE, DeleteLimit, limit_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pdb_cli.errors import PdbCliError
    from pdb_cli.operations.collection_plan import GroupPlan, Listing
    from pdb_cli.operations.sync.lists import SeenList
    from pdb_cli.operations.sync.model import SyncRequest, SyncTree


_SAME_TIME_S: Final = 1.0
_CLOCKS_DIFFER_S: Final = 86_400.0
_PERCENT: Final = 100
_SOME_FILES: Final = 10
"""Fewer may well have been removed by hand."""


def check_list(plan: GroupPlan, seen: SeenList | None, *, trust: bool, whole: bool) -> None:
    """See that a mirror's list can be what the archive is now.

    Parameters
    ----------
    plan
        What came of it.
    seen
        The last complete list of the same files; None if there was none.
    trust
        Whether a list that is shorter or older is believed all the same. An empty one is only
        where it is of a few entries: these may be withdrawn, all of them.
    whole
        Whether all entries are listed: the time of the newest file of a few entries may go back,
        when just that one has been withdrawn.

    Raises
    ------
    ListDoubtError
        It can not.
    """
    listing = plan.listing
    here = plan.local_files
    before = 0 if seen is None else seen.expected_files
    if listing.files == 0 and (whole or not listing.complete) and (here or before or whole):
        raise ListDoubtError(plan.name, listing.source, ListDoubt.EMPTY, "0", str(here))
    if listing.files == 0 and not trust and (here or before):
        most = str(max(here, before))
        raise ListDoubtError(plan.name, listing.source, ListDoubt.SHORT, "0", most)
    if seen is None or trust:
        return
    # Of a handful of entries, one that is withdrawn is a large share.
    is_shorter = whole or before - listing.files >= _SOME_FILES
    if listing.complete and is_shorter and listing.files < SHORTEST_SHARE * before:
        raise ListDoubtError(
            plan.name, listing.source, ListDoubt.SHORT, str(listing.files), str(before)
        )
    if whole and (older := _older(listing, seen)) is not None:
        now, then = map(date_text, older)
        raise ListDoubtError(plan.name, listing.source, ListDoubt.OLDER, now, then)


def _older(listing: Listing, seen: SeenList) -> tuple[float, float] | None:
    """Return how new a list is and how new the last one was, if it is older; None if it is not.

    The time of a list as a file is that of its server: it says nothing about another mirror's, and
    the nodes of one mirror get theirs within a day. Dates of entries are the archive's, but now and
    then put back: the list of the same mirror is measured by them only if it tells no time.
    """
    is_another = seen.source not in {"", listing.source}
    for key, now_s in listing.ages_s.items():
        is_of_file = bool(listing.newest_of) and key != listing.entries_key
        before_s = seen.newest_s.get(key)
        if before_s is None or (is_of_file and is_another):
            continue
        tolerance_s = _CLOCKS_DIFFER_S if is_of_file else _SAME_TIME_S
        # A file with a time of the future says nothing about a list.
        is_time = before_s <= time.time() + _CLOCKS_DIFFER_S
        return (now_s, before_s) if is_time and now_s < before_s - tolerance_s else None
    return None


def check_still_here(
    tree: SyncTree, plan: GroupPlan, seen: SeenList | None, *, trust: bool
) -> None:
    """See that what earlier runs have brought has not gone all at once: a disk is not mounted.

    Parameters
    ----------
    tree
        The tree.
    plan
        What came of it.
    seen
        The list of the last run that was completed; None if there was none.
    trust
        Whether the user says that this is right.

    Raises
    ------
    UnsafeTreeError
        There were files, and there are none.
    """
    if trust or plan.local_files or seen is None or seen.files < _SOME_FILES:
        return
    raise UnsafeTreeError(
        tree.root,
        f"none of the {seen.files} files of the last run is here; mount its disk, or say "
        "--trust-list to fetch them all again",
    )


def check_deletions(plans: Iterable[GroupPlan], limit: DeleteLimit) -> None:
    """See that no more goes than allowed.

    Parameters
    ----------
    plans
        Of the run.
    limit
        A number counts for all of them together, a percentage for each.

    Raises
    ------
    DeleteLimitError
        More would go.
    """
    everything = tuple(plans)
    if limit.percent is not None:
        for plan in everything:
            if _PERCENT * plan.deleted.files > limit.percent * plan.local_files:
                raise DeleteLimitError(
                    plan.name, plan.deleted.files, plan.local_files, limit_text(limit)
                )
    deletions = sum(plan.deleted.files for plan in everything)
    if limit.files is not None and deletions > limit.files:
        local_files = sum(plan.local_files for plan in everything)
        raise DeleteLimitError(None, deletions, local_files, limit_text(limit))


def check_places(planned: Iterable[tuple[SyncTree, GroupPlan]], request: SyncRequest) -> None:
    """See that nothing goes from a directory in which others have their files.

    Links on the disk are considered, settings have been before. Trees that share a directory by
    design are told apart by the names of their files, of which only their own go.

    Parameters
    ----------
    planned
        Trees and their plans.
    request
        Says where everything else is.

    Raises
    ------
    UnsafeTreeError
        Files would go from a tree that has the collection, or another tree, in it.
    """
    suspects = [tree for tree, plan in planned if plan.deleted.files and not tree.shared]
    if not suspects:
        return
    others = {tree.name: (tree.directory, os.path.realpath(tree.root)) for tree in request.trees}
    collection = os.path.realpath(request.collection)
    for tree in suspects:
        top = os.path.realpath(tree.root)
        inside = [
            name
            for name, (directory, place) in others.items()
            if not f"{directory}/".startswith(f"{tree.directory}/") and _is_in(place, top)
        ]
        if inside or _is_in(collection, top):
            what = inside[0] if inside else "the collection"
            raise UnsafeTreeError(tree.root, f"{what} is in the same directory, so nothing may go")


class PathGuard:
    """Tells whether paths of a plan are those of plain directories and files of their tree.

    A link below the tree's root is none, wherever it leads: what a transport replaced would be the
    user's link, and what went to the trash a file of another place. Nor is a file in the place of
    a directory: it is nobody's to overwrite.

    Parameters
    ----------
    tree
        The tree; its root may be a link, or below one, as the user likes it.
    """

    def __init__(self, tree: SyncTree) -> None:
        self._tree = tree
        self._top = os.path.realpath(tree.root)
        # Paths come directory by directory, of which the archive has some thousand.
        self._blocker: Callable[[str], tuple[Path, str] | None] = lru_cache(maxsize=4096)(
            self._look
        )

    def check(self, change: PlannedChange) -> Path:
        """Return where a change is on the disk.

        Parameters
        ----------
        change
            Of a plan of the tree.

        Raises
        ------
        UnsafeTreeError
            Its path is none, or a link or a file is where one of its directories belongs.
        """
        self._check(change.path)
        return self._tree.path_of(change.path)

    def check_all(self, changes: Iterable[PlannedChange]) -> None:
        """See that all of many changes are safe.

        Parameters
        ----------
        changes
            Of a plan of the tree.

        Raises
        ------
        UnsafeTreeError
            As :meth:`check`.
        """
        for change in changes:
            self._check(change.path)

    def is_free(self, directory: str) -> bool:
        """Tell whether a directory is a plain one, or may be made.

        Parameters
        ----------
        directory
            Relative to the collection, with ``/``, in the tree.
        """
        return self._blocker(directory) is None

    def _check(self, path: str) -> None:
        """See that a path is safe."""
        if not path.startswith(self._tree.directory + "/") or not is_safe_path(path):
            reason = "its name is no path of the tree"
            raise UnsafeTreeError(self._tree.root / path, reason, is_told=True)
        blocker = self._blocker(path.rpartition("/")[0])
        if blocker is not None:
            raise UnsafeTreeError(*blocker)

    def _look(self, directory: str) -> tuple[Path, str] | None:
        """Return what is in the way of a directory of a plan, which need not exist, and why."""
        if directory == self._tree.directory:
            return None
        above = self._blocker(directory.rpartition("/")[0])
        if above is not None:
            return above
        place = self._tree.path_of(directory)
        try:
            mode = place.lstat().st_mode
        except OSError:
            # Not there, or not to be looked at: who wants to write in it says why not.
            return None
        if stat.S_ISDIR(mode):
            return None
        what = "a link" if stat.S_ISLNK(mode) else "a file"
        real = os.path.realpath(place)
        if not _is_in(real, self._top):
            return place, "a link leads out of the tree: move it away"
        return place, f"{what} is where a directory of the archive belongs: move it away"


def _is_in(place: str, top: str) -> bool:
    """Tell whether a path is another one or below it; both are real."""
    return place == top or place.startswith(top.rstrip(os.sep) + os.sep)


def is_of_here(error: PdbCliError | None) -> bool:
    """Tell whether something is wrong here, so that no other mirror helps.

    Parameters
    ----------
    error
        Of a tree.
    """
    return isinstance(error, FileAccessError) or (
        isinstance(error, UnsafeTreeError) and not error.is_told
    )


def date_text(time_s: float) -> str:
    """Return a time as people read it.

    Parameters
    ----------
    time_s
        POSIX seconds.
    """
    return f"{datetime.fromtimestamp(time_s, tz=UTC):%Y-%m-%d %H:%M}"
