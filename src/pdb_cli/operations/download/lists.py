"""What a download asks the archive's lists: which assemblies there are, and why an entry is not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pdb_cli.archive.absence import (
    AbsenceKind,
    explain_missing,
    read_removed,
    read_unreleased,
)
from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.archive.holdings import HoldingsFile, assembly_numbers, read_current_files
from pdb_cli.errors import (
    FileAccessError,
    InvalidValueError,
    TransferError,
    UnsupportedError,
    VerificationError,
)
from pdb_cli.events import Note
from pdb_cli.operations.holdings import fetch_holdings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pdb_cli.archive.absence import Absence, RemovedEntries, UnreleasedEntry
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.events import Observer
    from pdb_cli.operations.download.request import DownloadRequest
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_Read = TypeVar("_Read")
_NOT_EXPLAINED = frozenset({DataType.OBSOLETE, DataType.IHM})
"""Of these the lists say nothing: obsolete entries are in them because they are obsolete."""


def find_assemblies(
    request: DownloadRequest, *, options: HttpOptions, retry: RetryPolicy, observe: Observer
) -> DownloadRequest:
    """Look up the numbers of the assemblies where every one is wanted.

    One request at most, and none where the number of the assembly is given.

    Parameters
    ----------
    request
        What is wanted.
    options, retry, observe
        As for ``fetch_holdings``.

    Returns
    -------
    DownloadRequest
        The same request with the numbers in it.

    Raises
    ------
    InvalidValueError
        There is no directory to keep the list in.
    TransferError, HoldingsError, FileAccessError, UnsupportedError
        The list can not be had.
    """
    types = [kind.data_type for kind in request.kinds if kind.data_type in NUMBERED_TYPES]
    if request.assembly is not None or not types:
        return request
    if request.holdings_dir is None:
        expected = "a directory to keep the archive's lists in, when every assembly is wanted"
        raise InvalidValueError("holdings_dir", "None", expected)
    kept = fetch_holdings(
        HoldingsFile.CURRENT_FILES,
        mirrors=request.mirrors,
        folder=request.holdings_dir,
        options=options,
        retry=retry,
        observe=observe,
    )
    return request._replace(
        assembly_numbers={
            data_type: assembly_numbers(
                request.entries,
                read_current_files(kept.chunks(), subject=kept.path.name),
                data_type,
            )
            for data_type in types
        }
    )


class AbsenceLists:
    """The lists that say why entries are missing, fetched when the first one is.

    Two requests at most in the life of an instance, however many files are asked about.

    Parameters
    ----------
    request
        What is wanted, and from where.
    options, retry, observe
        As for ``fetch_holdings``. Where the lists can not be had, ``observe`` gets a ``Note``.
    """

    def __init__(
        self,
        request: DownloadRequest,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
    ) -> None:
        self._folder = request.holdings_dir
        self._mirrors = request.mirrors
        self._refused: list[Callable[[Path], Any]] = []
        """Lists that can not be had."""
        self._observe = observe
        self._fetch = partial(
            fetch_holdings,
            mirrors=request.mirrors,
            options=options,
            retry=retry,
            observe=observe,
        )
        self._removed: RemovedEntries | None = None
        self._unreleased: dict[EntryId, UnreleasedEntry] | None = None

    def explain(self, files: Iterable[ArchiveFile]) -> dict[ArchiveFile, Absence]:
        """Say why files were not found.

        Parameters
        ----------
        files
            What no mirror has.

        Returns
        -------
        dict of ArchiveFile to Absence
            Files whose entry is in the archive (it may have no such data) are not in it.
        """
        asked = [file for file in files if file.data_type not in _NOT_EXPLAINED]
        removed = self._read(self._removed_list) if asked else None
        if removed is None:
            return {}
        # One list without the other tells less, and nothing wrong: nobody is called unknown then.
        unreleased: Mapping[EntryId, UnreleasedEntry] | None = {}
        if any(removed.get(file.entry) is None for file in asked):
            unreleased = self._read(self._unreleased_list)
        explained = {file: explain_missing(file.entry, removed, unreleased or {}) for file in asked}
        return {
            file: absence
            for file, absence in explained.items()
            if absence.kind is not AbsenceKind.UNKNOWN
            or (unreleased is not None and _every_entry_has(file))
        }

    def find_superseded(self, files: Iterable[ArchiveFile]) -> dict[ArchiveFile, Absence]:
        """Say which files are of entries with successors; one request at most.

        Parameters
        ----------
        files
            What no mirror has.

        Returns
        -------
        dict of ArchiveFile to Absence
            Every other file is not in it.
        """
        removed = self._read(self._removed_list)
        if removed is None:
            return {}
        # What was not removed needs no reason here, and so no list of what is announced.
        explained = {
            file: explain_missing(file.entry, removed, {})
            for file in files
            if file.data_type not in _NOT_EXPLAINED and removed.get(file.entry) is not None
        }
        return {file: absence for file, absence in explained.items() if absence.successors}

    def _read(self, read: Callable[[Path], _Read]) -> _Read | None:
        """Read from the folder of the lists; None, and a note once, where they can not be had."""
        if self._folder is None or read in self._refused:
            return None
        try:
            return read(self._folder)
        except (FileAccessError, TransferError, UnsupportedError, VerificationError) as error:
            self._refused.append(read)  # once is enough
            where = getattr(error, "url", None) or ", ".join(
                mirror.name for mirror in self._mirrors
            )
            reason = getattr(error, "reason", type(error).__name__)
            what = "looked up in the lists of the archive"
            self._observe(Note(f"why files are missing can not be {what} ({where}: {reason})"))
            return None

    def _removed_list(self, folder: Path) -> RemovedEntries:
        """Return the list of what was removed."""
        if self._removed is None:
            kept = self._fetch(HoldingsFile.REMOVED, folder=folder)
            self._removed = read_removed(kept.chunks(), subject=kept.path.name)
        return self._removed

    def _unreleased_list(self, folder: Path) -> Mapping[EntryId, UnreleasedEntry]:
        """Return the list of what is announced."""
        if self._unreleased is None:
            kept = self._fetch(HoldingsFile.UNRELEASED, folder=folder)
            self._unreleased = read_unreleased(kept.chunks(), subject=kept.path.name)
        return self._unreleased


def _every_entry_has(file: ArchiveFile) -> bool:
    """Tell whether an entry without such a file can not be in the archive."""
    return (file.data_type, file.file_format) == (DataType.STRUCTURES, FileFormat.MMCIF)
