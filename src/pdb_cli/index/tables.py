"""The tables of the catalogue, whose rows prove themselves.

SQLite notices a page that does not look like one; a flipped bit in a number it does not notice. So
each row has a checksum of its own, and one that does not fit its checksum counts as not there.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

Row = tuple[Any, ...]
"""The values of a row, without its checksum."""

_VARIABLES = 500
"""Keys in one query: SQLite takes 999 at least."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table by its columns; the first is the key."""

    name: str
    columns: tuple[str, ...]
    has_text_keys: bool = True
    """Keys that are not ASCII are kept as bytes: names of files may be any."""
    storage: str = "WITHOUT ROWID"
    """How SQLite keeps it: rows beside their keys, unless they are large."""

    @property
    def creation(self) -> str:
        """The statement that makes it; without types, values come out as they went in."""
        key, *others = self.columns
        columns = ", ".join((f"{key} PRIMARY KEY NOT NULL", *others, "seal"))
        return f"CREATE TABLE {self.name} ({columns}) {self.storage}"

    def all_rows(self, connection: sqlite3.Connection) -> list[Row]:
        """Return every row, in no order."""
        return list(self._proved(connection.execute(self._select)))

    def rows(self, connection: sqlite3.Connection, keys: Iterable[Any]) -> list[Row]:
        """Return the rows of some keys, in no order."""
        left = map(self._stored_key, keys)
        found: list[Row] = []
        while some := list(islice(left, _VARIABLES)):
            places = ",".join("?" * len(some))
            query = f"{self._select} WHERE {self.columns[0]} IN ({places})"
            found += self._proved(connection.execute(query, some))
        return found

    def rows_with(self, connection: sqlite3.Connection, column: str, under: str = "") -> list[Row]:
        """Return the rows that have a value in a column, in no order; looks at every row.

        With a directory, at every row whose key is a path below it.
        """
        query = f"{self._select} WHERE {column} IS NOT NULL"
        if not under:
            return list(self._proved(connection.execute(query)))
        query += f" AND {self.columns[0]} BETWEEN ? AND ?"
        # The character after the slash: nothing else sorts between.
        return list(self._proved(connection.execute(query, (f"{under}/", f"{under}0"))))

    def values_under(
        self, connection: sqlite3.Connection, directory: str, columns: Iterable[str]
    ) -> list[Row]:
        """Return key and some values of the rows whose keys are paths below a directory.

        Fast, and not proved: of use where a wrong answer costs no more than a question.
        """
        names = ", ".join((self.columns[0], *columns))
        query = f"SELECT {names} FROM {self.name} WHERE {self.columns[0]} BETWEEN ? AND ?"  # noqa: S608
        # The character after the slash: nothing else sorts between.
        return connection.execute(query, (f"{directory}/", f"{directory}0")).fetchall()

    def rows_after(self, connection: sqlite3.Connection, key: Any, most: int) -> list[Row]:
        """Return some rows whose keys are above one, in their order; none at the end.

        Raises
        ------
        sqlite3.DatabaseError
            The table is damaged: going on would not come to an end.
        """
        from sqlite3 import DatabaseError

        query = f"{self._select} WHERE {self.columns[0]} > ? ORDER BY 1 LIMIT ?"
        start = self._stored_key(key)
        while sealed := connection.execute(query, (start, most)).fetchall():
            keys = [start, *(row[0] for row in sealed)]
            if any(_rank(before) >= _rank(after) for before, after in pairwise(keys)):
                raise DatabaseError(f"the keys of {self.name} are not in order")
            rows = list(self._proved(sealed))
            if rows:
                return rows
            start = keys[-1]
        return []

    def keys_after(self, connection: sqlite3.Connection, key: str, most: int) -> list[str]:
        """Return some keys above one, in their order; none at the end. They are not proved.

        Raises
        ------
        sqlite3.DatabaseError
            The table is damaged: going on would not come to an end.
        """
        from sqlite3 import DatabaseError

        name = self.columns[0]
        query = f"SELECT {name} FROM {self.name} WHERE {name} > ? ORDER BY 1 LIMIT ?"  # noqa: S608
        start = self._stored_key(key)
        keys = [row[0] for row in connection.execute(query, (start, most))]
        if any(_rank(before) >= _rank(after) for before, after in pairwise((start, *keys))):
            raise DatabaseError(f"the keys of {self.name} are not in order")
        return [os.fsdecode(each) for each in keys if isinstance(each, str | bytes)]

    def put(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Write rows over those with the same keys; text that no file can hold is left out."""
        places = ",".join("?" * (len(self.columns) + 1))
        query = f"INSERT OR REPLACE INTO {self.name} VALUES ({places})"  # noqa: S608 - our names
        sealed = (
            (self._stored_key(row[0]), *row[1:], seal(row))
            for row in rows
            if all(map(_is_storable, row[1:]))
        )
        connection.executemany(query, sealed)

    def drop(self, connection: sqlite3.Connection, keys: Iterable[Any]) -> None:
        """Remove rows."""
        query = f"DELETE FROM {self.name} WHERE {self.columns[0]} = ?"  # noqa: S608 - our names
        connection.executemany(query, ((self._stored_key(key),) for key in keys))

    def salvage(self, connection: sqlite3.Connection) -> dict[Any, Row]:
        """Return the rows that can be read in a damaged file, from both ends, by key."""
        from sqlite3 import Error

        found: dict[Any, Row] = {}
        for order in ("ASC", "DESC"):
            try:
                query = f"{self._select} ORDER BY {self.columns[0]} {order}"
                for row in self._proved(connection.execute(query)):
                    found[row[0]] = row
            except (Error, ValueError, OverflowError, MemoryError):
                continue
            break
        return found

    def _proved(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows that fit their checksums, without these."""
        for sealed in rows:
            row = sealed[:-1]
            if self.has_text_keys and type(row[0]) is bytes:
                row = (os.fsdecode(row[0]), *row[1:])
            if seal(row) == sealed[-1]:
                yield row

    def _stored_key(self, key: Any) -> Any:
        """Return a key as it is kept."""
        return os.fsencode(key) if self.has_text_keys and not key.isascii() else key

    @property
    def _select(self) -> str:
        """The beginning of a query for whole rows."""
        return f"SELECT {', '.join(self.columns)}, seal FROM {self.name}"  # noqa: S608 - our names


def seal(row: Row) -> int:
    """Return the checksum of a row."""
    # The text of bytes takes longer to make than all the rest.
    values = [zlib.crc32(value) if type(value) is bytes else value for value in row]
    return zlib.crc32(repr(values).encode())


def _rank(key: object) -> tuple[int, bytes]:
    """Return what SQLite compares keys by: text by its bytes, and bytes after all text."""
    if isinstance(key, str):
        return 0, key.encode("utf-8", "surrogateescape")
    return (1, key) if isinstance(key, bytes) else (-1, b"")


def _is_storable(value: object) -> bool:
    """Tell whether a value can be kept; text can not, if it is not all Unicode."""
    if type(value) is not str or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


RECORDS: Final = Table(
    "record",
    (
        "path",
        "size_bytes",
        "mtime_ns",
        "level",
        "verified_at_s",
        "sha256",
        "crc32",
        "url",
        "etag",
        "last_modified_s",
        "ctime_ns",
    ),
)
CHECKS: Final = Table(
    "checked",
    ("path", "size_bytes", "mtime_ns", "level", "checked_at_s", "ctime_ns", "defect"),
)
MARKS: Final = Table("mark", ("path", "size_bytes", "mtime_ns", "against"))
DIRECTORIES: Final = Table(
    "directory",
    ("place", "mtime_ns", "ctime_ns", "directories", "files"),
    has_text_keys=False,
    storage="",
)
"""``place`` is the tree and the path in it: see :mod:`pdb_cli.index.directory`."""

KEPT: Final = (RECORDS, CHECKS, MARKS)
"""What can not be had from the tree."""
