"""Remove files that the archive has no more: into the trash, or for good where that is wanted."""

from __future__ import annotations

import math
import os
import stat
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError
from pdb_cli.events import FileRemoved, Note
from pdb_cli.operations.collection_plan import Tally
from pdb_cli.operations.sync.guards import PathGuard
from pdb_cli.operations.sync.model import SyncSelection
from pdb_cli.operations.sync.patterns import make_filter
from pdb_cli.storage.collection import Collection
from pdb_cli.storage.trash import move_to_trash, remove_empty_directories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import Changes, GroupPlan, PlannedChange
    from pdb_cli.operations.sync.model import SyncRequest, SyncTree
    from pdb_cli.operations.sync.result import TreeResult


def remove_files(
    tree: SyncTree,
    deletions: Iterable[PlannedChange],
    *,
    collection: Path,
    day: date | None,
    check: Callable[[], None] = lambda: None,
    since_s: float = math.inf,
    stays: list[str] | None = None,
) -> Iterator[tuple[str, int]]:
    """Remove files of a tree; directories that become empty go with them.

    What is no file any more, or is gone already, is passed over.

    Parameters
    ----------
    tree
        The tree.
    deletions
        Of its plan.
    collection
        The root of the collection, for its trash.
    day
        The day under which they go to the trash; None to delete them.
    check
        Called before each; raises what must stop it.
    since_s
        What was put there later than this is another file than the one that was to go: it stays.
        In seconds since 1970.
    stays
        Gets the paths of these.

    Yields
    ------
    tuple of (str, int)
        The path in the collection and the size of each that is gone, in bytes.

    Raises
    ------
    UnsafeTreeError
        A path leads out of the tree.
    FileAccessError
        One could not be removed; it is where it was.
    """
    guard = PathGuard(tree)
    for change in deletions:
        check()
        place = guard.check(change)
        try:
            status = place.lstat()
        except OSError:
            continue
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            continue
        if status.st_ctime > since_s:
            if stays is not None:
                stays.append(change.path)
            continue
        if day is not None:
            move_to_trash(collection, place, change.path, day)
        else:
            _delete(place)
        remove_empty_directories(tree.root, place.parent)
        yield change.path, status.st_size


def remove_gone(
    outcome: TreeResult,
    deletions: Changes,
    *,
    request: SyncRequest,
    day: date,
    observe: Observer,
    check: Callable[[], None],
    since_s: float,
) -> None:
    """Remove what is gone from one tree, count it, and let the catalogue forget it.

    Parameters
    ----------
    outcome
        That of the tree; counts what goes, also when something stops it.
    deletions
        Of its plan.
    request
        What is wanted.
    day
        Today, by UTC.
    observe
        Gets an event for each.
    check
        Called before each; raises what must stop it.
    since_s
        When the run began; see :func:`remove_files`.

    Raises
    ------
    UnsafeTreeError, FileAccessError
        As :func:`remove_files`.
    """
    if not len(deletions):
        return
    forgotten: list[str] = []
    stays: list[str] = []
    try:
        for path, size_bytes in remove_files(
            outcome.tree,
            deletions,
            collection=request.collection,
            day=day if request.use_trash else None,
            check=check,
            since_s=since_s,
            stays=stays,
        ):
            observe(FileRemoved(path))
            outcome.removed += Tally(1, size_bytes)
            forgotten.append(path)
    finally:
        if stays:
            text = f"{len(stays)} files that were to go have been put here since, and stay"
            observe(Note(f"{outcome.tree.name}: {text}: {stays[0]}"))
        if forgotten:
            forget_files(forgotten, request=request, observe=observe)


def forget_files(paths: Iterable[str], *, request: SyncRequest, observe: Observer) -> None:
    """Drop what the catalogue has of files that go, or are replaced.

    Parameters
    ----------
    paths
        In the collection.
    request
        Which collection.
    observe
        Gets a ``Note`` about a catalogue that can not be used.
    """
    from pdb_cli.index.catalogue import open_catalogue  # noqa: PLC0415 - seldom

    collection = Collection(request.collection, request.data_type_dirs)
    with open_catalogue(collection, observe=observe) as catalogue:
        catalogue.forget(paths)


class OwnDeletions:
    """Those deletions whose names are of a tree; the others are nobody's business.

    Parameters
    ----------
    tree
        The tree.
    deletions
        Of a plan of it.
    """

    def __init__(self, tree: SyncTree, deletions: Changes) -> None:
        # Of the tree alone, whatever else may be in the directory.
        self._fits = make_filter(tree._replace(shared=True), SyncSelection())
        self._start = len(tree.directory) + 1
        self._deletions = deletions
        self.tally = Tally.of(self)
        """How many they are, and their bytes."""

    def __len__(self) -> int:
        return self.tally.files

    def __iter__(self) -> Iterator[PlannedChange]:
        start, fits = self._start, self._fits
        return (change for change in self._deletions if fits(change.path[start:]))


def only_own(tree: SyncTree, plan: GroupPlan) -> GroupPlan:
    """Leave in a plan only deletions of files whose names are of its tree.

    Parameters
    ----------
    tree
        One without a pattern takes any name.
    plan
        Of any transport.

    Returns
    -------
    GroupPlan
        The same where there is nothing to leave out.
    """
    if tree.pattern is None or not plan.deleted.files:
        return plan
    own = OwnDeletions(tree, plan.deletions)
    if len(own) == plan.deleted.files:
        return plan
    return plan._replace(deletions=own, deleted=own.tally)


def _delete(place: Path) -> None:
    """Delete one file."""
    try:
        os.unlink(place)  # noqa: PTH108 - Path.unlink is the same with an object more
    except OSError as error:
        raise FileAccessError.wrap("delete", place, error) from error
