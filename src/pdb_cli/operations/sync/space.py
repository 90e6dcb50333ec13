"""Is there room for what is planned? Asked before the first byte."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import NoSpaceError
from pdb_cli.operations.collection_plan import PlanAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import SyncTree


_ENOUGH_TO_GUESS: Final = 1000
_USUAL_BYTES: Final = 330_000
"""Mean size of structures and assemblies as mmCIF, gzipped (September 2026)."""


class _Need(NamedTuple):
    """What is to come to one file system."""

    place: Path
    size_bytes: int
    files: int


def check_space(
    planned: Iterable[tuple[SyncTree, GroupPlan]], *, trash: Path | None = None
) -> None:
    """See that free bytes and free files suffice, for each file system.

    New files count in full. A file that comes in the place of another counts for as much as it is
    larger, since the old one goes when the new one is whole. A thousand new files or more whose
    sizes nobody said count for two thirds of what as many files of the tree take, or of the
    archive's usual size: enough to notice a disk that is far too small. What goes to a trash on
    another file system needs room there.

    Parameters
    ----------
    planned
        Trees and their plans.
    trash
        The directory of the trash, which need not exist; None if nothing goes there.

    Raises
    ------
    NoSpaceError
        They do not.
    """
    needs: dict[int, _Need] = {}
    for tree, plan in planned:
        place = _existing(tree.root)
        device = place.stat().st_dev
        need = needs.get(device, _Need(place, 0, 0))
        needs[device] = need._replace(
            size_bytes=need.size_bytes + _growth_bytes(tree, plan, place),
            files=need.files + plan.new.files,
        )
        if trash is not None and plan.deleted.files:
            place = _existing(trash)
            if (other := place.stat().st_dev) != device:
                need = needs.get(other, _Need(place, 0, 0))
                needs[other] = need._replace(
                    size_bytes=need.size_bytes + plan.deleted.size_bytes,
                    files=need.files + plan.deleted.files,
                )
    for need in needs.values():
        status = os.statvfs(need.place)
        free_bytes = status.f_bavail * status.f_frsize
        if need.size_bytes > free_bytes:
            raise NoSpaceError(need.place, need.size_bytes, free_bytes, "bytes")
        # Some file systems make room for files as they come, and say 0.
        if status.f_files and need.files > status.f_favail:
            raise NoSpaceError(need.place, need.files, status.f_favail, "files")


def _growth_bytes(tree: SyncTree, plan: GroupPlan, place: Path) -> int:
    """Return by how much the files of a tree grow."""
    new_bytes = plan.new.size_bytes + _guess_bytes(plan)
    most = new_bytes + plan.changed.size_bytes
    status = os.statvfs(place)
    if not plan.changed.files or most <= status.f_bavail * status.f_frsize // 2:
        return most  # there is room for both the old and the new
    growth = new_bytes
    for change in plan.transfers:
        if change.action is not PlanAction.CHANGED:
            continue
        try:
            old_bytes = tree.path_of(change.path).stat().st_size
        except OSError:
            old_bytes = 0
        growth += max(0, (change.size_bytes or 0) - old_bytes)
    return growth


def _guess_bytes(plan: GroupPlan) -> int:
    """Return what new files of unknown size will take at the least."""
    if plan.new.unsized < _ENOUGH_TO_GUESS:
        return 0
    mean_bytes = _USUAL_BYTES
    if plan.kept.files - plan.kept.unsized >= _ENOUGH_TO_GUESS:
        mean_bytes = plan.kept.size_bytes // (plan.kept.files - plan.kept.unsized)
    return plan.new.unsized * mean_bytes * 2 // 3


def _existing(path: Path) -> Path:
    """Return the nearest directory that exists."""
    place = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they are
    while not place.is_dir():
        place = place.parent
    return place
