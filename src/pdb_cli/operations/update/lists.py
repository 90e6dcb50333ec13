"""The archive's lists that ``update`` compares with: each fetched when it is needed, once."""

from __future__ import annotations

from collections import ChainMap
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.archive.absence import RemovedEntries, explain_missing, read_removed
from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.dates import read_date_table
from pdb_cli.archive.holdings import HoldingsFile
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import HoldingsError, HttpStatusError, TransferError, UnsupportedError
from pdb_cli.events import Note
from pdb_cli.operations.holdings import fetch_holdings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.archive.absence import Absence
    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.operations.holdings import KeptList
    from pdb_cli.operations.update.doubt import ListShortage
    from pdb_cli.operations.update.model import UpdateRequest
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_EXPERIMENTAL: Final = frozenset({
    DataType.STRUCTURE_FACTORS,
    DataType.NMR_CHEMICAL_SHIFTS,
    DataType.NMR_RESTRAINTS,
    DataType.NMR_DATA,
})  # fmt: skip
_NOT_THERE: Final = frozenset({404, 410})


class Dates(NamedTuple):
    """The dates that files of one kind are compared with."""

    by_entry: Mapping[str, str]
    """As published, by the extended form of the id."""
    own: bool
    """Whether they are the dates of these very files."""


class ArchiveLists:
    """The lists, as far as somebody asked for them.

    Parameters
    ----------
    request
        Which mirrors, and where lists are kept.
    options, retry, observe
        As for ``fetch_holdings``.
    """

    def __init__(
        self,
        request: UpdateRequest,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
    ) -> None:
        self._observe = observe
        self._fetch = partial(
            fetch_holdings,
            mirrors=request.mirrors,
            folder=request.holdings_dir,
            options=options,
            retry=retry,
            observe=observe,
        )
        self._tables: dict[HoldingsFile, dict[str, str]] = {}
        self._removed: RemovedEntries | None = None
        self.removed_error: PdbCliError | None = None
        """Why it can not be told what was removed from the archive."""
        self.doubt: HoldingsError | None = None
        """Why the lists, whole as they are, are not believed."""
        self.structures: KeptList | None = None
        """Where the dates of the structures came from, once they were asked for."""

    def dates_of(self, data_type: DataType, file_format: FileFormat) -> Dates:
        """Return what files of a kind are compared with.

        Parameters
        ----------
        data_type, file_format
            The kind.

        Raises
        ------
        TransferError, HoldingsError, FileAccessError, UnsupportedError
            The list can not be had.
        """
        if data_type in _EXPERIMENTAL:
            return Dates(self._experimental(), own=False)
        if data_type is DataType.OBSOLETE:
            removed = self.removed()
            return Dates(
                {gone.entry.extended: gone.removed_on or "" for gone in removed}, own=False
            )
        if data_type is DataType.IHM:
            instead = "nothing is known of them"
            file = HoldingsFile.INTEGRATIVE_DATES
            return Dates(self._table_if_any(file, "integrative structures", instead), own=True)
        own = (data_type, file_format) == (DataType.STRUCTURES, FileFormat.MMCIF)
        return Dates(self.structure_dates(), own=own)

    def structure_dates(self) -> Mapping[str, str]:
        """Return the date of every entry, by the extended form of its id.

        Raises
        ------
        TransferError, HoldingsError, FileAccessError, UnsupportedError
            The list can not be had.
        """
        return self._table(HoldingsFile.STRUCTURE_DATES)

    @property
    def listed_at_s(self) -> float | None:
        """When the list of dates of structures was made, as its mirror tells; None if unknown."""
        try:
            # It is kept with the mirror's time; without one it is of now, and rules nothing out.
            return None if self.structures is None else self.structures.path.stat().st_mtime
        except OSError:
            return None

    def removed(self) -> RemovedEntries:
        """Return what was removed from the archive; nothing, with a ``Note``, if nobody tells.

        Raises
        ------
        FileAccessError
            The list can not be kept.
        """
        if self._removed is None:
            try:
                kept = self._fetch(HoldingsFile.REMOVED)
                self._removed = read_removed(kept.chunks(), subject=kept.path.name)
            except (TransferError, UnsupportedError, HoldingsError) as error:
                # What is in the archive, the lists of dates tell without it.
                self._removed, self.removed_error = RemovedEntries([]), error
                reason = getattr(error, "reason", type(error).__name__)
                self._observe(Note(f"which entries are obsolete can not be told: {reason}"))
        return self._removed

    def distrust(self, shortage: ListShortage) -> None:
        """Take note, with a ``Note``, that the lists can not be what the archive is.

        Parameters
        ----------
        shortage
            Why.
        """
        url = "the archive" if self.structures is None else self.structures.url
        self.doubt = HoldingsError(url, f"too short to be believed, {shortage}")
        text = f"the list {url} is {self.doubt.reason}: nothing is called obsolete"
        way_on = "" if shortage.is_shorter else ", or raise sync.max_delete if that is right"
        self._observe(Note(f"{text}; try another mirror with -m{way_on}"))

    def absence_of(self, entry_id: str) -> Absence | None:
        """Return what became of an entry that no list of dates has; None if nobody knows.

        Parameters
        ----------
        entry_id
            The extended form of its id.

        Raises
        ------
        FileAccessError
            The list can not be kept.
        """
        entry, removed = EntryId(entry_id), self.removed()
        return None if removed.get(entry) is None else explain_missing(entry, removed, {})

    def _experimental(self) -> Mapping[str, str]:
        """Return the dates of experimental data; those of the entries for what has none."""
        structures = self._table(HoldingsFile.STRUCTURE_DATES)
        instead = "those of the entries are used"
        own = self._table_if_any(HoldingsFile.EXPERIMENTAL_DATA_DATES, "experimental data", instead)
        return ChainMap(own, structures)

    def _table_if_any(self, file: HoldingsFile, subject: str, instead: str) -> dict[str, str]:
        """Return a list of dates that mirrors may lack."""
        try:
            return self._table(file)
        except HttpStatusError as error:
            if error.status not in _NOT_THERE:
                raise
            self._observe(Note(f"no mirror has a list of dates of {subject}: {instead}"))
            return self._tables.setdefault(file, {})

    def _table(self, file: HoldingsFile) -> dict[str, str]:
        """Return a list of dates."""
        table = self._tables.get(file)
        if table is None:
            kept = self._fetch(file)
            if file is HoldingsFile.STRUCTURE_DATES:
                self.structures = kept
            table = self._tables[file] = read_date_table(kept.chunks(), subject=kept.path.name)
        return table
