"""What the catalogue's file looks like inside, and how an older one becomes a new one."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pdb_cli.index.tables import DIRECTORIES, KEPT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pdb_cli.index.tables import Row, Table

APPLICATION_ID: Final = 0x50444243
"""Says in the file's header whose it is: "PDBC"."""

SCHEMA: Final = 2
"""Counted up when a table changes; :data:`MIGRATIONS` leads there from the version before. What no
way leads from is foreign: version 1 did not know when the system last changed a file."""

MIGRATIONS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {}
"""Of each older version: how to make the next one of it. Called in a transaction."""

_CACHE_KIB = 16_384


class Standing(Enum):
    """What a file turned out to be."""

    NEW = "new"
    """Nothing is in it yet."""
    OURS = "ours"
    OLDER = "older"
    NEWER = "newer"
    """Made by a later version, which knows what we do not: it is left alone."""
    FOREIGN = "foreign"


def configure(connection: sqlite3.Connection) -> None:
    """Prepare a connection: text may hold any bytes, and pages are looked at before use."""
    connection.text_factory = _decode
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def examine(connection: sqlite3.Connection) -> Standing:
    """Tell what a file is.

    Raises
    ------
    sqlite3.Error
        It is no database, or can not be read.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) == (APPLICATION_ID, SCHEMA):
        return Standing.OURS
    if application != APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return Standing.FOREIGN if application or version or tables else Standing.NEW
    if version > SCHEMA:
        return Standing.NEWER
    return Standing.OLDER if version in MIGRATIONS else Standing.FOREIGN


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, unless another process has made them meanwhile."""

    def make(connection: sqlite3.Connection) -> None:
        if examine(connection) is not Standing.NEW:
            return
        for table in (DIRECTORIES, *KEPT):
            connection.execute(table.creation)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")

    transact(connection, make)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older file to this version, step by step, all or nothing.

    Raises
    ------
    sqlite3.Error
        It is damaged, or no way leads from its version to this one.
    """
    from sqlite3 import DatabaseError

    def advance(connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        while version < SCHEMA:
            if version not in MIGRATIONS:
                raise DatabaseError(f"no migration from version {version}")
            MIGRATIONS[version](connection)
            version += 1
            connection.execute(f"PRAGMA user_version = {version}")

    transact(connection, advance)


def salvage(path: Path) -> dict[Table, list[Row]]:
    """Return what can be read of a damaged file and can not be had from the tree.

    Parameters
    ----------
    path
        The file; nobody else may be using it.
    """
    from sqlite3 import Error, connect

    found: dict[Table, dict[object, Row]] = {table: {} for table in KEPT}
    name = quote(os.fsencode(os.path.abspath(path)))  # noqa: PTH100 - links stay as they are
    # The second time without the log, if that is what is damaged.
    for mode in ("mode=rw", "mode=ro&immutable=1"):
        with suppress(Error):
            opened = connect(f"file:{name}?{mode}", uri=True, isolation_level=None)
            with closing(opened) as connection:
                configure(connection)
                for table, rows in found.items():
                    for key, row in table.salvage(connection).items():
                        rows.setdefault(key, row)
    return {table: list(rows.values()) for table, rows in found.items()}


def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
    """Do something in one transaction.

    Raises
    ------
    sqlite3.Error
        Nothing was changed.
    """
    from sqlite3 import Error

    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(Error):
            connection.execute("ROLLBACK")
        raise


def _decode(text: bytes) -> str:
    """Return text from the file, whatever its bytes are."""
    return text.decode("utf-8", "surrogateescape")
