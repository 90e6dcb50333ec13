"""The lists of one mirror, each asked for at most once in a run."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pdb_cli.archive.dates import read_date_table, second_of
from pdb_cli.errors import FileAccessError, HttpStatusError, PdbCliError
from pdb_cli.events import Note
from pdb_cli.operations.holdings import fetch_holdings
from pdb_cli.operations.holdings_origin import mirror_folder
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pdb_cli.archive.holdings import HoldingsFile
    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.events import Observer
    from pdb_cli.operations.holdings import KeptList
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_NOT_THERE = frozenset({403, 404, 410})
"""Some stores of files answer 403 for what they do not have."""
_ABSENT_S: Final = 72_000.0
"""How long a mirror is not asked again for a list that it has not: a daily run asks."""


class MirrorLists:
    """The lists of one mirror.

    Parameters
    ----------
    mirror
        Which one; nobody else is asked, and nothing is used that another one sent: plans are of one
        state of the archive.
    folder
        Where lists are kept; made if it is not there.
    options, retry, trust
        As for ``fetch_holdings``.
    observe
        Gets ``BytesReceived``, ``AttemptFailed`` and ``Note``.
    """

    def __init__(
        self,
        mirror: Mirror,
        folder: Path,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
        trust: bool = False,
    ) -> None:
        self._trust = trust
        self._mirror = mirror
        self._folder = folder
        self._options = options
        self._retry = retry
        self._observe = observe
        self._kept: dict[HoldingsFile, KeptList | PdbCliError] = {}
        self._tables: dict[HoldingsFile, Mapping[str, str]] = {}
        self._newest: dict[HoldingsFile, float | None] = {}

    def get(self, name: HoldingsFile) -> KeptList:
        """Return a list, brought up to date.

        Parameters
        ----------
        name
            Which one.

        Raises
        ------
        TransferError, HoldingsError, UnsupportedError
            The mirror has sent no whole list, now or when it was asked before.
        FileAccessError
            The folder can not be written.
        """
        kept = self._kept.get(name)
        if kept is None:
            try:
                kept = fetch_holdings(
                    name,
                    mirrors=(self._mirror,),
                    folder=self._folder,
                    options=self._options,
                    retry=self._retry,
                    observe=self._observe,
                    trust=self._trust,
                )
            except PdbCliError as error:
                kept = error
            self._kept[name] = kept
        if isinstance(kept, PdbCliError):
            raise kept
        return kept

    def find(self, name: HoldingsFile, instead: str) -> KeptList | None:
        """Return a list that a mirror need not have; None, and a note, if it has none.

        Parameters
        ----------
        name
            Which one.
        instead
            What is done without it, for the note.

        Raises
        ------
        TransferError, HoldingsError, UnsupportedError, FileAccessError
            As :meth:`get`, but for a mirror that says it has no such list.
        """
        is_new = name not in self._kept
        if is_new and self._is_absent(name):
            return None
        try:
            return self.get(name)
        except HttpStatusError as error:
            if error.status not in _NOT_THERE:
                raise
            if is_new:
                self._observe(Note(f"{self._mirror.name} has no {name.path}: {instead}"))
                self._note_absent(name)
            return None

    def dates(self, name: HoldingsFile) -> Mapping[str, str]:
        """Return the dates of a list by the extended form of the ids.

        Parameters
        ----------
        name
            A list of dates.

        Raises
        ------
        TransferError, HoldingsError, UnsupportedError, FileAccessError
            As :meth:`get`.
        """
        table = self._tables.get(name)
        if table is None:
            kept = self.get(name)
            table = read_date_table(kept.chunks(), subject=kept.url)
            self._tables[name] = table
        return table

    def newest_entry_s(self, names: Sequence[HoldingsFile]) -> float | None:
        """Return the newest date in lists of dates.

        Parameters
        ----------
        names
            Lists, of which only those are looked at whose dates were asked for.

        Returns
        -------
        float or None
            In seconds since 1970; None if there is none that can be read.
        """
        for name in names:
            if name in self._tables and name not in self._newest:
                # As text: the archive writes them all alike, year first, and there are many.
                newest = second_of(max(self._tables[name].values(), default=""))
                self._newest[name] = None if newest is None else float(newest)
        known = [newest_s for name in names if (newest_s := self._newest.get(name)) is not None]
        return max(known, default=None)

    def _is_absent(self, name: HoldingsFile) -> bool:
        """Tell whether the mirror has just said that it has no such list."""
        path = self._absent(name)
        try:
            age_s = time.time() - path.stat().st_mtime
            url = path.read_text("utf-8", "replace")
        except OSError:
            return False
        return 0 <= age_s < _ABSENT_S and url == self._url(name)

    def _note_absent(self, name: HoldingsFile) -> None:
        """Remember for a while that the mirror has no such list."""
        path = self._absent(name)
        with suppress(FileAccessError, OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, self._url(name).encode(), durable=False)

    def _absent(self, name: HoldingsFile) -> Path:
        """Return the note about a list that a mirror has not."""
        return mirror_folder(self._folder, self._mirror) / f"{name}.absent"

    def _url(self, name: HoldingsFile) -> str:
        """Return where a list would be, without credentials."""
        return without_credentials(self._mirror.path_url(name.path))
