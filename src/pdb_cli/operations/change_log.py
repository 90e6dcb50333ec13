"""Millions of planned changes in little memory: packed in blocks, read as often as needed.

The first plan for all types of data has about four million files. As values with a path each they
would take more than a gigabyte; packed they take some fifteen bytes each.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from pdb_cli.operations.collection_plan import PlanAction, PlannedChange, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLOCK: Final = 1000
"""Changes packed together."""
_FAST: Final = 1
"""Of zlib: paths that differ in a few characters hardly gain by more effort."""


class ChangeLog:
    """Planned changes of one group, in the order in which they were added.

    Parameters
    ----------
    group
        Of all of them, for sums.

    Examples
    --------
    >>> log = ChangeLog("structures")
    >>> log.add(PlanAction.NEW, "structures/divided/mmCIF/ab/1abc.cif.gz", None, "missing")
    >>> len(log), [change.reason for change in log], log.tally(PlanAction.NEW).unsized
    (1, ['missing'], 1)
    """

    __slots__ = ("_blocks", "_group", "_open", "_sums")

    def __init__(self, group: str) -> None:
        self._group = group
        self._blocks: list[bytes] = []
        self._open: list[str] = []
        """Lines that are not packed yet."""
        self._sums = {action: [0, 0, 0] for action in PlanAction}

    @classmethod
    def of(cls, group: str, changes: Iterable[PlannedChange]) -> ChangeLog:
        """Write down changes that are there.

        Parameters
        ----------
        group
            Of all of them.
        changes
            In their order.
        """
        log = cls(group)
        for change in changes:
            log.add(change.action, change.path, change.size_bytes, change.reason, change.mtime_s)
        return log

    def add(
        self,
        action: PlanAction,
        path: str,
        size_bytes: int | None,
        reason: str,
        mtime_s: float | None = None,
    ) -> None:
        """Write down one more change.

        Parameters
        ----------
        action, path, size_bytes, reason, mtime_s
            As the fields of ``PlannedChange``; no text has a tab or ends a line.
        """
        size = "" if size_bytes is None else str(size_bytes)
        mtime = "" if mtime_s is None else repr(mtime_s)
        self._open.append(f"{path}\t{action}\t{size}\t{reason}\t{mtime}")
        sums = self._sums[action]
        sums[0] += 1
        if size_bytes is None:
            sums[2] += 1
        else:
            sums[1] += size_bytes
        if len(self._open) == _BLOCK:
            self._blocks.append(zlib.compress("\n".join(self._open).encode(), _FAST))
            self._open.clear()

    def tally(self, action: PlanAction) -> Tally:
        """Return how many changes have an action, and their bytes.

        Parameters
        ----------
        action
            Which ones.
        """
        return Tally(*self._sums[action])

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._blocks) * _BLOCK + len(self._open)

    def __iter__(self) -> Iterator[PlannedChange]:
        """Go through them, in order."""
        for block in self._blocks:
            for line in zlib.decompress(block).decode().split("\n"):
                yield self._read(line)
        for line in list(self._open):
            yield self._read(line)

    def _read(self, line: str) -> PlannedChange:
        """Return the change that a line says."""
        path, action, size, reason, mtime = line.split("\t")
        return PlannedChange(
            _ACTIONS[action],
            path,
            self._group,
            int(size) if size else None,
            reason,
            float(mtime) if mtime else None,
        )


_ACTIONS = {action.value: action for action in PlanAction}
