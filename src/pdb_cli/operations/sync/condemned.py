"""Files that ``validate`` found bad: they come again, also with the mirror's size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from pdb_cli.operations.collection_plan import PlanAction
from pdb_cli.operations.sync.model import SettledStatus
from pdb_cli.operations.sync.removal import forget_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pdb_cli.events import Observer
    from pdb_cli.index.model import Check, Record
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import FileSettled, SyncRequest, SyncTree

FOUND_BAD: Final = "found bad by validate"
"""The reason of a change that no list and no time tells."""


class Looks(Protocol):
    """What remembers how files were found: the catalogue."""

    def condemned(self, under: str) -> Mapping[str, Check]:
        """Return the looks that found files below a directory bad, by path."""
        ...

    def records(self, paths: Iterable[str]) -> Mapping[str, Record]:
        """Return what was recorded of some files, by path."""
        ...


def find_condemned(tree: SyncTree, looks: Looks | None) -> frozenset[str]:
    """Return the files of a tree that were found bad, and are as bad as they were.

    Parameters
    ----------
    tree
        The tree.
    looks
        What is remembered; None if nothing is.

    Returns
    -------
    frozenset of str
        Paths in the collection. Seldom more than a few.
    """
    if looks is None or not (checks := looks.condemned(tree.directory)):
        return frozenset()
    records = looks.records(checks)
    found = set()
    for path, check in checks.items():
        try:
            status = tree.path_of(path).lstat()
        except OSError:
            continue
        if check.condemns(status, records.get(path)):
            found.add(path)
    return frozenset(found)


class Replacements:
    """What the catalogue has of files that come by a transport which records nothing.

    Parameters
    ----------
    plan
        What comes.
    request
        Into which collection.
    observe
        Gets a ``Note`` about a catalogue that can not be used.
    """

    def __init__(self, plan: GroupPlan, request: SyncRequest, observe: Observer) -> None:
        self._plan = plan
        self._request = request
        self._observe = observe
        self._bad: set[str] = set()
        self._came: list[str] = []

    def begin(self) -> None:
        """Forget files that are replaced: the record of what is no more would accuse what comes.

        Not those that were found bad: that holds until the good one is there.
        """
        changed: list[str] = []
        for one in self._plan.transfers if self._plan.changed.files else ():
            if one.reason == FOUND_BAD:
                self._bad.add(one.path)
            elif one.action is PlanAction.CHANGED:
                changed.append(one.path)
        self._forget(changed)

    def settle(self, settled: FileSettled) -> None:
        """Take note of a file.

        Parameters
        ----------
        settled
            What became of it.
        """
        if settled.status is SettledStatus.TRANSFERRED and settled.path in self._bad:
            self._came.append(settled.path)

    def end(self) -> None:
        """Forget what was found of files in whose place others have come."""
        self._forget(self._came)

    def _forget(self, paths: list[str]) -> None:
        """Forget some files."""
        if paths:
            forget_files(paths, request=self._request, observe=self._observe)
