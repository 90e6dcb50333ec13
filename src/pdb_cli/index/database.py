"""The file of the catalogue: opened, written and repaired, whatever state it is in.

On a local file system it is an SQLite database with a write-ahead log: readers and one writer at a
time get along. Where other hosts may share it, nobody can rely on SQLite's locks or on memory that
processes share: there it is only ever replaced as a whole, by a copy with the changes in it
(docs/adr/0020). Whoever uses it in place holds a shared lock on ``catalogue.lock``; it is repaired
by who gets that lock alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from pdb_cli.index.schema import (
    Standing,
    configure,
    create,
    examine,
    migrate,
    salvage,
    transact,
)
from pdb_cli.index.tables import RECORDS
from pdb_cli.storage.atomic import sync_file
from pdb_cli.storage.file_system import is_shared

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pdb_cli.index.tables import Row, Table

FILE_NAME: Final = "catalogue.sqlite"
LOCK_NAME: Final = "catalogue.lock"

_BUSY_S = 5.0
"""How long to wait for another process that is writing; once, until it lets us."""
_REPAIR_S = 0.5
"""How long to wait for all others to be done with a damaged file; they may work for hours."""
_POLL_S = 0.02
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_WAITING = frozenset({5, 6})
"""Codes of SQLite: somebody else is writing (BUSY, LOCKED)."""
_OUTSIDE = frozenset({3, 10, 13, 14, 23})
"""Not the file's fault: PERM, IOERR, FULL, CANTOPEN, AUTH."""
_READONLY = 8

_T = TypeVar("_T")


class Database:
    """The catalogue's file; where it can not be used, it is empty and nothing is written.

    May be used by several threads.

    Parameters
    ----------
    folder
        The directory it is in; made when something is written.
    writable
        Whether it may be changed at all.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME
        self._may_write = self._is_writable = writable
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._lock = -1
        self._is_busy = False
        self._is_shared = True
        self._repaired = False
        self._refusal = ""
        """Why it can not be written where that is nothing to make a noise about."""
        self._patience_s = _BUSY_S
        self.trouble: str | None = None
        """Why it can not be used, or not be written; None while nothing is wrong."""
        self.loss: str | None = None
        """What was lost when it had to be made anew; None if nothing was."""
        self._open()

    @property
    def is_shared(self) -> bool:
        """Whether every change means to write all of the file."""
        return self._is_shared and self._is_writable

    @property
    def is_writable(self) -> bool:
        """Whether what is written is likely to be kept."""
        return self._is_writable

    def now_ns(self) -> int:
        """Return the time, in nanoseconds since 1970: that of the file system if it is behind."""
        now_ns = time.time_ns()
        if self._lock < 0:
            return now_ns
        with suppress(OSError):
            os.utime(self._lock)
            return min(now_ns, os.fstat(self._lock).st_mtime_ns)
        return now_ns

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Read something; return None when there is nothing to be read from.

        Parameters
        ----------
        work
            Gets the connection; must have read everything when it returns.
        """
        from sqlite3 import Error

        with self._mutex:
            while self._connection is not None:
                try:
                    return work(self._connection)
                except Error as error:
                    if not self._overcome(error):
                        break
            return None

    def write(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Change something, all of it or nothing.

        Parameters
        ----------
        work
            Gets the connection, in a transaction; may be called a second time.

        Returns
        -------
        bool
            Whether it is done; if not, :attr:`trouble` says why, unless it may work later.
        """
        return self.insist(lambda: self.attempt(work))

    def insist(self, attempt: Callable[[], bool]) -> bool:
        """Try until it works, or somebody else has been writing for too long.

        Parameters
        ----------
        attempt
            Calls :meth:`attempt`, and returns whether that did it. Whatever it locks, others get in
            between.

        Returns
        -------
        bool
            Whether it is done.
        """
        deadline_s = time.monotonic() + self._patience_s
        while not attempt():
            if not self._is_busy:
                return False
            if time.monotonic() >= deadline_s:
                # Who writes for so long may do so for hours: from now on it is only tried.
                self._patience_s = 0.0
                return False
            time.sleep(_POLL_S)
        self._patience_s = _BUSY_S
        return True

    def attempt(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Change something as :meth:`write` does, unless somebody else is writing just now."""
        from sqlite3 import Error

        with self._mutex:
            self._is_busy = False
            while self._is_writable and self._prepare():
                try:
                    if self._is_shared:
                        self._replace(work)
                    elif self._connection is not None:
                        with _impatient(self._connection):
                            transact(self._connection, work)
                    else:
                        return False
                except Error as error:
                    if not self._overcome(error):
                        return False
                except OSError as error:
                    self._stop_writing(_reason(self._path, error))
                    return False
                else:
                    return True
            return False

    def restart(self) -> bool:
        """Make the file anew from what can be read of it; return whether that worked.

        What the tree can not tell is kept.
        """
        with self._mutex:
            self._is_writable = self._may_write
            self._repaired = False
            self.trouble = None
            is_done = self._is_writable and self._has_place() and self._repair()
            if not is_done:
                self._stop_writing(self._refusal or f"can not write {self._path}")
            # Whoever wants it made anew is told what was kept.
            self.loss = None
            return is_done

    def close(self) -> None:
        """Close the file; nothing happens a second time."""
        with self._mutex:
            self._disconnect()
            lock, self._lock = self._lock, -1
            if lock >= 0:
                os.close(lock)

    def _open(self) -> None:
        """Open the file if it is there."""
        if not self._folder.is_dir():
            return
        self._is_shared = is_shared(self._folder)
        if self._is_writable:
            self._take_lock()
        if self._path.exists():
            self._connect()

    def _prepare(self) -> bool:
        """Make sure there is something to write to."""
        if self._has_place() and self._connection is None and not self._is_shared:
            self._connect()
        return self._is_writable

    def _has_place(self) -> bool:
        """Make sure there is a directory for the file, and that others know that it is in use."""
        if self._lock < 0:
            try:
                self._folder.mkdir(exist_ok=True)
            except OSError as error:
                self._refuse(_reason(self._folder, error), is_noisy=error.errno not in _NOT_OURS)
                return False
            self._is_shared = is_shared(self._folder)
            self._take_lock()
        return self._is_writable

    def _take_lock(self) -> None:
        """Tell others that the file is in use."""
        path = self._folder / LOCK_NAME
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            self._lock = os.open(path, flags, 0o666)
        except OSError as error:
            # Somebody else's collection, or one that is read-only: nothing to make a noise about.
            self._refuse(_reason(path, error), is_noisy=error.errno not in _NOT_OURS)
            return
        if not self._is_shared and not self._lock_file(fcntl.LOCK_SH):
            self._stop_writing("another process is repairing it")

    def _lock_file(self, kind: int, *, wait_s: float = _BUSY_S) -> bool:
        """Lock the lock file; wait a little for who has it."""
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._lock, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    return False
                time.sleep(_POLL_S)
            except OSError:
                # No locks here: then others have none either, and replacing is safe without.
                return self._is_shared
            else:
                return True

    def _connect(self) -> None:
        """Open the database, and see whether it is one of ours."""
        from sqlite3 import Error

        try:
            self._connection = connection = self._new_connection()
            standing = examine(connection)
            if standing is Standing.OURS:
                return
            if standing is Standing.NEWER:
                self._disconnect()
                self._stop_writing("it was written by a newer version of pdb-cli")
            elif standing is Standing.FOREIGN:
                self._repair()
            elif self._is_shared or not self._is_writable:
                # Of use to nobody as it is; what is written next replaces it.
                self._disconnect()
            elif standing is Standing.NEW:
                create(connection)
            else:
                self._migrate(connection)
        except Error as error:
            self._overcome(error)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring an older file to this version; what can not be is made anew."""
        from sqlite3 import Error

        try:
            migrate(connection)
        except Error:
            self._repair()

    def _new_connection(self) -> sqlite3.Connection:
        """Return a connection to the file."""
        from sqlite3 import connect

        name = quote(os.fsencode(os.path.abspath(self._path)))  # noqa: PTH100 - links stay
        in_place = self._is_writable and not self._is_shared
        # Without a way to lock, SQLite must not look for other users: rows prove themselves.
        mode = "mode=rwc" if in_place else "mode=ro&immutable=1"
        if not (in_place or self._is_shared) and self._has_log:
            # Somebody is writing just now, or was killed: what is newest is in the log.
            mode = "mode=ro"
        if in_place and not self._path.exists():
            # SQLite's own mode leaves the group out.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666))
        connection = connect(
            f"file:{name}?{mode}",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        configure(connection)
        if in_place:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @property
    def _has_log(self) -> bool:
        """Whether there is a log, and we may read it: that needs to write to the directory."""
        log = self._path.with_name(f"{FILE_NAME}-wal")
        return log.exists() and os.access(self._folder, os.W_OK)

    def _disconnect(self) -> None:
        """Close the connection."""
        from sqlite3 import Error

        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Error):
                connection.close()

    def _overcome(self, error: sqlite3.Error) -> bool:
        """Do something about an error; return whether to try again."""
        kind = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
        if kind in _WAITING:
            self._is_busy = True
            return False
        is_protected = kind == _READONLY and not os.access(self._path, os.W_OK)
        if kind in _OUTSIDE or is_protected:
            could_write = self._is_writable
            if is_protected:
                # The file of another user, whom it serves well.
                self._refuse(f"can not write {self._path}: {error}", is_noisy=False)
            elif self._path.is_dir():
                self._stop_writing(f"{self._path} is a directory; remove it")
            else:
                self._stop_writing(f"{self._path}: {error}")
            self._disconnect()
            if could_write and self._path.exists():
                # What is there can be read all the same.
                self._connect()
            return could_write
        return self._repair()

    def _refuse(self, reason: str, *, is_noisy: bool) -> None:
        """Go on without keeping anything; say why only if that is asked for, or of use."""
        self._is_writable = False
        self._refusal = reason
        if is_noisy:
            self._stop_writing(reason)

    def _stop_writing(self, reason: str) -> None:
        """Go on without keeping anything."""
        self._is_writable = False
        self.trouble = self.trouble or reason

    def _repair(self) -> bool:
        """Put a new file in the place of one that can not be used; keep what can be read of it."""
        from sqlite3 import Error

        if self._repaired or not self._is_writable:
            self._disconnect()
            # Who reads without locks may have met a writer: no reason to make a noise.
            if self._is_writable:
                self._stop_writing("it is damaged")
            return False
        self._repaired = True
        self._disconnect()
        if not self._lock_file(fcntl.LOCK_EX, wait_s=_REPAIR_S):
            self._stop_writing("it is damaged, and other processes are using it")
            return False
        try:
            salvaged = salvage(self._path)
            self._replace(lambda _: None, salvaged=salvaged)
            if not self._is_shared:
                self._connect()
        except (Error, OSError) as error:
            self._disconnect()
            self._stop_writing(_reason(self._path, error))
            return False
        finally:
            if not self._is_shared:
                self._lock_file(fcntl.LOCK_SH)
        self.loss = f"{len(salvaged[RECORDS])} of its records could be kept"
        return self._connection is not None

    def _replace(
        self,
        work: Callable[[sqlite3.Connection], object],
        *,
        salvaged: dict[Table, list[Row]] | None = None,
    ) -> None:
        """Put a changed copy, or a new file, in the place of the file."""
        from sqlite3 import connect

        temporary = self._path.with_name(f".{FILE_NAME}.{os.urandom(6).hex()}.tmp")
        alone = self._is_shared and self._lock_file(fcntl.LOCK_EX)
        try:
            is_new = salvaged is not None or not self._path.exists()
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            if not is_new:
                shutil.copyfile(self._path, temporary)
            connection = connect(os.fspath(temporary), isolation_level=None)
            try:
                configure(connection)
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                if is_new:
                    create(connection)
                elif examine(connection) is Standing.OLDER:
                    migrate(connection)
                for table, rows in (salvaged or {}).items():
                    transact(connection, partial(table.put, rows=rows))
                transact(connection, work)
            finally:
                connection.close()
            sync_file(temporary)
            # A log of the old file must never be taken for one of the new.
            for suffix in ("-wal", "-shm", "-journal"):
                self._path.with_name(FILE_NAME + suffix).unlink(missing_ok=True)
            temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
            if alone:
                with suppress(OSError):
                    fcntl.flock(self._lock, fcntl.LOCK_UN)
        if self._is_shared:
            self._disconnect()
            self._connect()


@contextmanager
def _impatient(connection: sqlite3.Connection) -> Iterator[None]:
    """Do not wait for others in between: who waits must not keep the threads that read waiting."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(_BUSY_S * 1000)}")


def _reason(path: Path, error: Exception) -> str:
    """Return why something can not be written, for people."""
    if isinstance(error, OSError) and path.is_dir() and path.name == FILE_NAME:
        return f"{path} is a directory; remove it"
    text = error.strerror if isinstance(error, OSError) else None
    return f"can not write {path}: {text or error}"
