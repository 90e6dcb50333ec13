"""Entries that were asked for and that neither the mirror nor the collection has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pdb_cli.operations.sync.patterns import make_id_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.archive.ids import EntryId
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import SyncSelection, SyncTree


def absent_entries(
    selection: SyncSelection, planned: Iterable[tuple[SyncTree, GroupPlan]]
) -> tuple[EntryId, ...]:
    """Find entries of which a run has nothing, in any of its trees.

    Parameters
    ----------
    selection
        What was asked for; prefixes name no entries.
    planned
        All trees of the run and their plans, before or after these were carried out.

    Returns
    -------
    tuple of EntryId
        Those with no file that is here to stay, or that is to come; sorted.
    """
    missing = set(selection.entries or ())
    for tree, plan in planned:
        if not missing:
            break
        read_id = make_id_reader(tree)
        start = len(tree.directory) + 1
        for change in plan.transfers:
            missing -= {read_id(change.path[start:])}
        going = {change.path[start:] for change in plan.deletions}
        for path in _files(tree, missing):
            if path not in going:
                missing -= {read_id(path)}
    return tuple(sorted(missing))


def _files(tree: SyncTree, entries: Iterable[EntryId]) -> Iterator[str]:
    """Yield the paths below a tree of the files in the directories of some entries."""
    tops = [""]
    if tree.pattern is not None and tree.pattern.startswith("{hash}/"):
        tops = sorted({str(entry)[-3:-1] for entry in entries})
    for top in tops:
        for directory, _, names in os.walk(tree.root / top):
            below = os.path.relpath(directory, tree.root)
            for name in names:
                yield name if below == os.curdir else f"{below}/{name}"
