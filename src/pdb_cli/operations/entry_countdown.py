"""When is an entry settled? When the last of its wanted files is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.events import EntrySettled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdb_cli.archive.ids import EntryId
    from pdb_cli.events import Observer


class EntryCountdown:
    """Counts the files of each entry down; remembers only entries that are settled in part.

    Files come in the order of their entries, so these are about as many as files are in hand.

    Parameters
    ----------
    files_of
        Tells how many files of an entry are wanted.
    observe
        Gets ``EntrySettled``.

    Examples
    --------
    >>> from pdb_cli.archive.ids import EntryId
    >>> events = []
    >>> countdown = EntryCountdown(lambda entry: 2, events.append)
    >>> for text in ("4hhb", "1abc", "4hhb"):
    ...     countdown.settle(EntryId.parse(text))
    >>> events
    [EntrySettled(entry='4hhb')]
    """

    def __init__(self, files_of: Callable[[EntryId], int], observe: Observer) -> None:
        self._files_of = files_of
        self._observe = observe
        self._left: dict[EntryId, int] = {}

    def settle(self, entry: EntryId) -> None:
        """Count one file of an entry."""
        waited = self._left.pop(entry, 0) if self._left else 0
        left = (waited or self._files_of(entry)) - 1
        if left:
            self._left[entry] = left
        else:
            self._observe(EntrySettled(str(entry)))

    def expect(self, entry: EntryId, files: int, *, instead_of: int) -> None:
        """Wait for some files in place of others of an entry, none of which is settled.

        Parameters
        ----------
        entry
            The entry.
        files
            How many come; one at least.
        instead_of
            In place of how many.
        """
        left = self._left.get(entry, 0) or self._files_of(entry)
        self._left[entry] = left + files - instead_of
