"""The catalogue of a collection: its files, and what is known of them from verification."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from pdb_cli.events import Note, ignore_event
from pdb_cli.index.database import Database
from pdb_cli.index.model import (
    CatalogueFile,
    Check,
    Known,
    Level,
    Mark,
    Occasion,
    OtherFile,
    Record,
    Refreshed,
)
from pdb_cli.index.tables import CHECKS, MARKS, RECORDS
from pdb_cli.index.tree import CatalogueTree
from pdb_cli.index.verified import (
    check_of,
    drop_all,
    mark_of,
    merged,
    merged_check,
    record_of,
)
from pdb_cli.index.waiting import Waiting
from pdb_cli.storage.atomic import sync_directory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Collection as Container
    from pathlib import Path

    from pdb_cli.archive.datatypes import DataType, FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.events import Observer
    from pdb_cli.storage.collection import Collection

__all__ = [
    "Catalogue",
    "CatalogueFile",
    "Check",
    "Known",
    "Level",
    "Mark",
    "Occasion",
    "OtherFile",
    "Record",
    "Refreshed",
    "open_catalogue",
]

_BATCH = 1000
"""Records written at once."""
_BATCH_S = 2.0
"""How long a record may wait for others to be written with it."""
_SHARED_BATCH = 20_000
"""The same where every write is one of the whole file."""
_SHARED_BATCH_S = 15.0
_MOST_WAITING = 50_000
"""Records kept for a later try when another process does not let us write; bounds the memory."""
_RECORDS_AT_ONCE = 2000


def open_catalogue(
    collection: Collection, *, writable: bool = True, observe: Observer = ignore_event
) -> Catalogue:
    """Open the catalogue of a collection; this never fails.

    Where it is missing, torn, of another schema, in a directory that can not be written or on a
    full disk, everything works without it, only slower. A ``Note`` says so once, unless it is only
    that there is none yet or that the directory is not ours to write.

    Parameters
    ----------
    collection
        Where its files are.
    writable
        False leaves no trace on the disk: for commands that only show what they would do.
    observe
        Gets a ``Note`` about a catalogue that can not be used; only ever called by the thread that
        calls a method that writes.

    Returns
    -------
    Catalogue
        A context manager; leaving it saves what is not saved yet.
    """
    return Catalogue(collection, writable=writable, observe=observe)


class Catalogue:
    """What is known of a collection; made by :func:`open_catalogue`.

    Of the tree it is a cache: :meth:`refresh` compares it with what is there. Records of
    verification can not be had from the tree. Records may be looked up by any thread; all else is
    for one. Nothing here raises because of the catalogue's file.
    """

    def __init__(self, collection: Collection, *, writable: bool, observe: Observer) -> None:
        self.collection = collection
        self._observe = observe
        self._database = Database(collection.state_dir, writable=writable)
        self._tree = CatalogueTree(collection, self._database)
        self._mutex = threading.Lock()
        self._waiting = Waiting()
        self._timer: threading.Timer | None = None
        self._told = False

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
        refreshed = self._tree.refresh(thorough=thorough)
        self._tell()
        return refreshed

    def rebuild(self) -> Refreshed:
        """Make the catalogue's file anew: from the tree, and what can be read of the old records.

        Files that are gone are forgotten.

        Returns
        -------
        Refreshed
            As of :meth:`refresh`.
        """
        self._write_waiting()
        self._database.restart()
        self._tree.forget_all()
        return self.refresh(thorough=True)

    def files(
        self,
        *,
        types: Container[DataType] | None = None,
        formats: Container[FileFormat] | None = None,
        entries: Container[EntryId] | None = None,
    ) -> Iterator[CatalogueFile]:
        """Yield the files of the archive that are in the collection, directory by directory.

        As of the last :meth:`refresh`; the first call makes one if there was none.

        Parameters
        ----------
        types, formats, entries
            Only files of these; None is all. With a few entries, much less than all files is
            looked at.
        """
        for files in self._tree.batches(types=types, formats=formats, entries=entries):
            yield from files

    def batches(
        self,
        *,
        types: Container[DataType] | None = None,
        formats: Container[FileFormat] | None = None,
        entries: Container[EntryId] | None = None,
    ) -> Iterator[list[Known]]:
        """Yield files as :meth:`files` does, with what is known of them, a directory at a time.

        The catalogue may be written to meanwhile.

        Parameters
        ----------
        types, formats, entries
            As of :meth:`files`.
        """
        for files in self._tree.batches(types=types, formats=formats, entries=entries):
            paths = [file.path for file in files]
            records, checks = self.records(paths), self.checks(paths)
            yield [Known(file, records.get(file.path), checks.get(file.path)) for file in files]

    def other_files(self) -> Iterator[OtherFile]:
        """Yield the files whose names are not the archive's, directory by directory.

        Names that begin with a dot are nobody's: partial files, pdb-cli's own state.
        """
        return self._tree.other_files()

    def gone(self) -> Iterator[str]:
        """Yield the paths of files that were here, are not, and were not forgotten.

        First those known from earlier refreshes, then those known from records alone. Takes
        little memory, however many there are.
        """
        yield from self._tree.gone()
        yield from self._tree.unseen(self._recorded_paths())

    def _recorded_paths(self) -> Iterator[str]:
        """Yield the paths of all records, those of a directory mostly together."""
        self.flush()
        with self._mutex:
            waiting = frozenset(self._waiting.records)
        yield from sorted(waiting)
        last = ""
        while paths := self._database.read(
            partial(RECORDS.keys_after, key=last, most=_RECORDS_AT_ONCE)
        ):
            yield from (path for path in paths if path not in waiting)
            last = paths[-1]

    def records(self, paths: Iterable[str]) -> dict[str, Record]:
        """Return what was recorded of some files, by path; those without a record are not in it.

        Some hundred at a time are fastest.

        Parameters
        ----------
        paths
            Relative to the collection, with ``/``.
        """
        asked = list(paths)
        rows = self._database.read(lambda connection: RECORDS.rows(connection, asked)) or ()
        found = {row[0]: record_of(row) for row in rows}
        with self._mutex:
            for path in self._waiting.records.keys() & set(asked):
                for record, occasion in self._waiting.records[path]:
                    found[path] = merged(found.get(path), record, occasion)
        return found

    def checks(self, paths: Iterable[str]) -> dict[str, Check]:
        """Return the last checks of some files, by path; as :meth:`records`.

        Parameters
        ----------
        paths
            Relative to the collection, with ``/``.
        """
        asked = list(paths)
        rows = self._database.read(lambda connection: CHECKS.rows(connection, asked)) or ()
        with self._mutex:
            waiting = self._waiting
            found = {row[0]: check_of(row) for row in rows if not waiting.has_arrived(row[0])}
            for path in asked:
                if path in waiting.checks:
                    found[path] = merged_check(found.get(path), waiting.checks[path])
        return found

    def sizes(self, directory: str) -> dict[str, tuple[int, int]]:
        """Return the sizes and times, in nanoseconds, that recorded files had, by path.

        As they are in the file, unproved: a reason to ask, not to accuse.

        Parameters
        ----------
        directory
            Only of files below it; relative to the collection, with ``/``.
        """
        columns = "size_bytes", "mtime_ns"
        rows = self._database.read(lambda c: RECORDS.values_under(c, directory, columns)) or ()
        return {path: (size_bytes, mtime_ns) for path, size_bytes, mtime_ns in rows}

    def condemned(self, under: str = "") -> dict[str, Check]:
        """Return the looks that found files bad, by path; ask ``condemns`` whether they hold.

        Parameters
        ----------
        under
            Only of files below this directory; relative to the collection, with ``/``.
        """
        rows = self._database.read(lambda c: CHECKS.rows_with(c, "defect", under)) or ()
        paths = {row[0] for row in rows}
        start = f"{under}/" if under else ""
        with self._mutex:
            paths.update(
                path
                for path, check in self._waiting.checks.items()
                if check.defect and path.startswith(start)
            )
        return {path: check for path, check in self.checks(paths).items() if check.defect}

    def marks(self, paths: Iterable[str] | None = None) -> dict[str, Mark]:
        """Return the marks of some files, by path; as :meth:`records`.

        Parameters
        ----------
        paths
            Relative to the collection, with ``/``; None is all there are.
        """
        asked = None if paths is None else set(paths)
        if asked is None:
            rows = self._database.read(MARKS.all_rows)
        else:
            rows = self._database.read(lambda connection: MARKS.rows(connection, asked))
        with self._mutex:
            waiting = self._waiting
            found = {row[0]: mark_of(row) for row in rows or () if not waiting.has_arrived(row[0])}
            found.update(
                (path, mark)
                for path, mark in waiting.marks.items()
                if asked is None or path in asked
            )
        return found

    def all_records(self) -> Iterator[Record]:
        """Yield every record, in order of the paths; also of files that are gone."""
        self.flush()
        last = ""
        while rows := self._database.read(
            partial(RECORDS.rows_after, key=last, most=_RECORDS_AT_ONCE)
        ):
            yield from map(record_of, rows)
            last = rows[-1][0]

    def remember(
        self,
        records: Iterable[Record],
        *,
        occasion: Occasion = Occasion.ARRIVAL,
        directories: Iterable[Path] = (),
    ) -> None:
        """Keep records; they are written in batches, 2 s later at most.

        On shared file systems, where each write is one of the whole file, it may be 15 s. Only give
        what was verified, and is synced to the disk under its final name. Size and time must be
        those of the file that was looked at, taken from its descriptor.

        Parameters
        ----------
        records
            Of files in this collection.
        occasion
            What they are made for.
        directories
            Where files replaced others: synced to the disk before the records are written. Else,
            after a power failure, a record could speak of a file that is the old one again.
        """
        with self._mutex:
            self._waiting.add_records(records, occasion)
            self._waiting.directories.update(directories)
        self._flush_if_due()

    def note_checks(self, checks: Iterable[Check]) -> None:
        """Keep checks, over those that were made before; written as records are.

        Parameters
        ----------
        checks
            Of files that were found to be good or bad.
        """
        with self._mutex:
            self._waiting.add_checks(checks)
        self._flush_if_due()

    def settle(self, marks: Iterable[Mark]) -> None:
        """Keep marks, over those that were made before; written as records are.

        Parameters
        ----------
        marks
            Of files that were found to be current.
        """
        with self._mutex:
            self._waiting.add_marks(marks)
        self._flush_if_due()

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files, such as those that were moved to the trash on purpose.

        Their records go, and they are not among those that are :meth:`gone`.

        Parameters
        ----------
        paths
            Relative to the collection, with ``/``.
        """
        dropped = set(paths)
        if not dropped:
            return
        with self._mutex:
            self._waiting.drop(dropped)
        self._tree.forget(dropped)
        self._write(lambda connection: drop_all(connection, dropped))

    def flush(self) -> None:
        """Write what is not written yet."""
        self._write_waiting()
        self._tell()

    def close(self) -> None:
        """Write what is not written yet, and close the file; nothing happens a second time."""
        with self._mutex:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
        self.flush()
        self._database.close()

    def _flush_if_due(self) -> None:
        """Write when there is enough; else see that it does not wait for too long."""
        is_shared = self._database.is_shared
        most, most_s = (_SHARED_BATCH, _SHARED_BATCH_S) if is_shared else (_BATCH, _BATCH_S)
        with self._mutex:
            waiting = len(self._waiting)
            is_timed = self._timer is not None and self._timer.is_alive()
            if 0 < waiting < most and not is_timed:
                # A thread: who remembers something may be busy for long with something else.
                self._timer = threading.Timer(most_s, self._write_waiting)
                self._timer.name = "pdb-cli-catalogue"
                self._timer.daemon = True
                self._timer.start()
        if waiting >= most:
            self.flush()

    def _write_waiting(self) -> None:
        """Write what waits; from any thread."""
        self._database.insist(self._attempt_to_write)

    def _attempt_to_write(self) -> bool:
        """Write what waits, unless somebody else is writing just now."""
        with self._mutex:
            waiting = self._waiting
            if not len(waiting):
                return True
            while waiting.directories:
                with suppress(OSError):
                    sync_directory(waiting.directories.pop())
            is_written = self._database.attempt(waiting.write)
            may_be_later = not is_written and self._database.is_writable
            if not may_be_later or len(waiting) >= _MOST_WAITING:
                # What can not be kept at all is soon asked for again by nobody.
                self._waiting = Waiting()
            return is_written

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Change the file; say once if that does not work."""
        is_written = self._database.write(work)
        self._tell()
        return is_written

    def _tell(self) -> None:
        """Say once why the catalogue's file can not be used."""
        trouble = self._database.trouble
        if trouble is not None and not self._told:
            self._told = True
            self._observe(Note(f"going on without the catalogue in .pdb-cli: {trouble}"))
        loss, self._database.loss = self._database.loss, None
        if loss is not None:
            text = "the catalogue in .pdb-cli was damaged or of another version, and is made anew"
            self._observe(Note(f"{text}; {loss}, other files are read when they are needed"))
