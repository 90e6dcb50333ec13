"""The catalogue of a collection: its files, and what is known of them from verification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pdb_cli.events import ignore_event
from pdb_cli.index.model import (
    CatalogueFile,
    Level,
    Occasion,
    OtherFile,
    Record,
    Refreshed,
)

if TYPE_CHECKING:
    from collections.abc import Collection as Container
    from collections.abc import Iterable, Iterator

    from pdb_cli.archive.datatypes import DataType, FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.events import Observer
    from pdb_cli.storage.collection import Collection

__all__ = [
    "Catalogue",
    "CatalogueFile",
    "Level",
    "Occasion",
    "OtherFile",
    "Record",
    "Refreshed",
    "open_catalogue",
]


def open_catalogue(
    collection: Collection, *, writable: bool = True, observe: Observer = ignore_event
) -> Catalogue:
    """Open the catalogue of a collection; this never fails.

    Where it is missing, torn, of another schema, in a directory that can not be written or on a
    full disk, everything works without it, only slower, and a ``Note`` says so once.

    Parameters
    ----------
    collection
        Where its files are.
    writable
        False leaves no trace on the disk: for commands that only show what they would do.
    observe
        Gets a ``Note`` about a catalogue that can not be used; only ever called by the thread that
        calls :meth:`Catalogue.refresh`, :meth:`Catalogue.remember`, :meth:`Catalogue.flush` or
        :meth:`Catalogue.close`.

    Returns
    -------
    Catalogue
        A context manager; leaving it saves what is not saved yet.
    """
    return Catalogue(collection, writable=writable, observe=observe)


class Catalogue:
    """What is known of a collection; made by :func:`open_catalogue`.

    Of the tree it is a cache: :meth:`refresh` compares it with what is there. Records of
    verification can not be had from the tree. Lookups of records may be made from any thread, all
    else by one.
    """

    def __init__(self, collection: Collection, *, writable: bool, observe: Observer) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def refresh(self, *, thorough: bool = False) -> Refreshed:
        """Bring the catalogue up to date with the tree.

        Only directories whose times changed are read. A file that was written in place, without
        a rename, leaves its directory's times alone: ``thorough`` sees it.

        Parameters
        ----------
        thorough
            Whether to read all directories, and the size and time of every file.

        Returns
        -------
        Refreshed
            How much was there, and what could not be read.
        """
        raise NotImplementedError

    def files(
        self,
        *,
        types: Container[DataType] | None = None,
        formats: Container[FileFormat] | None = None,
        entries: Container[EntryId] | None = None,
    ) -> Iterator[CatalogueFile]:
        """Yield the files of the archive that are in the collection, in order of their paths.

        As of the last :meth:`refresh`; the first call makes one if there was none.

        Parameters
        ----------
        types, formats, entries
            Only files of these; None is all. A set is fastest; with a few entries, much less than
            all files is looked at.
        """
        raise NotImplementedError

    def other_files(self) -> Iterator[OtherFile]:
        """Yield the files whose names are not the archive's, in order of their paths.

        Names that begin with a dot are nobody's: partial files, pdb-cli's own state.
        """
        raise NotImplementedError

    def find(self, path: str) -> CatalogueFile | None:
        """Return a file by its path, as of the last :meth:`refresh`.

        Parameters
        ----------
        path
            Relative to the collection, with ``/``.
        """
        raise NotImplementedError

    def record(self, path: str) -> Record | None:
        """Return what was recorded of a file, whether it still fits or not.

        Parameters
        ----------
        path
            Relative to the collection, with ``/``.
        """
        raise NotImplementedError

    def records(self, paths: Iterable[str]) -> dict[str, Record]:
        """Return what was recorded of some files, by path; those without a record are not in it.

        Some hundred at a time are fastest.

        Parameters
        ----------
        paths
            Relative to the collection, with ``/``.
        """
        raise NotImplementedError

    def all_records(self) -> Iterator[Record]:
        """Yield every record, in order of the paths; also of files that are gone."""
        raise NotImplementedError

    def remember(self, records: Iterable[Record], *, occasion: Occasion = Occasion.ARRIVAL) -> None:
        """Keep records; they are written in batches, at the latest when the catalogue is closed.

        Only give what was verified, and is synced to the disk under its final name. Size and time
        must be those of the file that was looked at, taken from its descriptor.

        Parameters
        ----------
        records
            Of files in this collection.
        occasion
            What they are made for.
        """
        raise NotImplementedError

    def forget(self, paths: Iterable[str]) -> None:
        """Drop the records of files, such as those that were moved to the trash.

        Parameters
        ----------
        paths
            Relative to the collection, with ``/``.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Write what is not written yet."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is not written yet, and close the file; nothing happens a second time."""
        raise NotImplementedError
