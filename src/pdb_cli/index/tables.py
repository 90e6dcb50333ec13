"""The tables of the catalogue, whose rows prove themselves.

SQLite notices a page that does not look like one; a flipped bit in a number it does not notice. So
each row has a checksum of its own, and one that does not fit its checksum counts as not there.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import islice
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
        return list(_proved(connection.execute(self._select)))

    def rows(self, connection: sqlite3.Connection, keys: Iterable[Any]) -> list[Row]:
        """Return the rows of some keys, in no order."""
        left = iter(keys)
        found: list[Row] = []
        while some := list(islice(left, _VARIABLES)):
            places = ",".join("?" * len(some))
            query = f"{self._select} WHERE {self.columns[0]} IN ({places})"
            found += _proved(connection.execute(query, some))
        return found

    def rows_after(self, connection: sqlite3.Connection, key: Any, most: int) -> list[Row]:
        """Return some rows whose keys are above one, in their order; none at the end."""
        query = f"{self._select} WHERE {self.columns[0]} > ? ORDER BY 1 LIMIT ?"
        while sealed := connection.execute(query, (key, most)).fetchall():
            rows = list(_proved(sealed))
            if rows:
                return rows
            key = sealed[-1][0]
        return []

    def put(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Write rows over those with the same keys."""
        places = ",".join("?" * (len(self.columns) + 1))
        query = f"INSERT OR REPLACE INTO {self.name} VALUES ({places})"  # noqa: S608 - our names
        connection.executemany(query, ((*row, seal(row)) for row in rows))

    def drop(self, connection: sqlite3.Connection, keys: Iterable[Any]) -> None:
        """Remove rows."""
        query = f"DELETE FROM {self.name} WHERE {self.columns[0]} = ?"  # noqa: S608 - our names
        connection.executemany(query, ((key,) for key in keys))

    def salvage(self, connection: sqlite3.Connection) -> dict[Any, Row]:
        """Return the rows that can be read in a damaged file, from both ends, by key."""
        from sqlite3 import Error

        found: dict[Any, Row] = {}
        for order in ("ASC", "DESC"):
            try:
                query = f"{self._select} ORDER BY {self.columns[0]} {order}"
                for row in _proved(connection.execute(query)):
                    found[row[0]] = row
            except (Error, ValueError, OverflowError, MemoryError):
                continue
            break
        return found

    @property
    def _select(self) -> str:
        """The beginning of a query for whole rows."""
        return f"SELECT {', '.join(self.columns)}, seal FROM {self.name}"  # noqa: S608 - our names


def seal(row: Row) -> int:
    """Return the checksum of a row."""
    # The text of bytes takes longer to make than all the rest.
    values = [zlib.crc32(value) if type(value) is bytes else value for value in row]
    return zlib.crc32(repr(values).encode())


def _proved(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows that fit their checksums, without these."""
    for sealed in rows:
        row = sealed[:-1]
        if seal(row) == sealed[-1]:
            yield row


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
    ),
)
CHECKS: Final = Table("checked", ("path", "size_bytes", "mtime_ns", "level", "checked_at_s"))
MARKS: Final = Table("mark", ("path", "size_bytes", "mtime_ns", "against"))
DIRECTORIES: Final = Table(
    "directory", ("place", "mtime_ns", "ctime_ns", "directories", "files"), storage=""
)
"""``place`` is the tree and the path in it: see :mod:`pdb_cli.index.directory`."""

KEPT: Final = (RECORDS, CHECKS, MARKS)
"""What can not be had from the tree."""
