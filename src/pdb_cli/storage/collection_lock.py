"""One writer per collection: ``sync``, ``update`` and ``validate --fix`` take this lock.

The lock is ``flock`` on ``.pdb-cli/write.lock``, let go by the system however its holder ends. The
file also says who holds it, for messages, and its time is renewed every few seconds: a sign of life
for hosts that do not see each other's locks. pdb-cli never removes the file. Where somebody else
does, who holds it stops: the next one would lock another file of that name.

=====================  =============================  ==========================================
the lock               what the file says             what follows
=====================  =============================  ==========================================
held                   anything                       busy
free                   nothing, or a holder here      free: here, a free lock is proof
free                   a holder elsewhere             busy while it gives signs of life, else free
there are no locks     nothing                        free
there are no locks     a holder here                  busy while it gives signs of life, else free
there are no locks     a holder elsewhere             busy: nothing here can tell that it has ended
=====================  =============================  ==========================================

Nothing is decided by a pid. Readers, and downloads of single files, do not take the lock.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from pdb_cli.errors import CollectionBusyError, CollectionLostError, FileAccessError
from pdb_cli.events import Note, ignore_event
from pdb_cli.storage.record import LARGEST_RECORD_BYTES, read_record
from pdb_cli.storage.state_dir import LOCK_NAME, STATE_DIR

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.events import Observer

_SCHEMA: Final = 1
_BUSY: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
_POLL_S: Final = 0.25
_PASSING_S: Final = 0.3
"""How long somebody who only looks may be in the way."""
_SIGN_EVERY_S: Final = 10.0
_SIGN_LASTS_S: Final = 60.0
_LOOK_EVERY_S: Final = 1.0
_LONGEST_TEXT: Final = 400
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""One that goes on while the machine sleeps, which is when a lock is lost."""


class Holder(NamedTuple):
    """Who has a collection."""

    host: str
    pid: int
    command: str
    """What it runs, as one line."""
    job: str | None = None
    """Its job's id, when it is a background job."""
    started_at: str = ""
    """When it took the collection (UTC, ISO 8601)."""
    last_seen_s: float | None = None
    """Its last sign of life, in seconds ago; set by who reads, None if the file's time makes no
    sense."""


class CollectionLock:
    """The right to change a collection, until :meth:`release` or the end of the process.

    Made by :meth:`acquire`; a context manager that releases.

    Parameters
    ----------
    descriptor
        The open file, locked where there are locks.
    record
        What it says of us, byte by byte.
    path, collection
        The file and the collection, for errors.
    """

    def __init__(self, descriptor: int, record: bytes, path: Path, collection: Path) -> None:
        self._descriptor: int | None = descriptor
        self._record = record
        self._path = path
        self._collection = collection
        self._looked_s = time.clock_gettime(_CLOCK)
        self._ended = threading.Event()
        self._signs = threading.Thread(
            target=self._give_signs, name="collection-lock", daemon=True, args=(descriptor,)
        )
        self._signs.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @classmethod
    def acquire(
        cls, collection: Path, holder: Holder, *, wait: bool, observe: Observer = ignore_event
    ) -> CollectionLock:
        """Take the lock of a collection.

        Parameters
        ----------
        collection
            Its root; ``.pdb-cli`` is made in it.
        holder
            Who we are, for the messages of others.
        wait
            Whether to wait for another holder, however long it takes.
        observe
            Gets one ``Note`` when there is somebody to wait for.

        Returns
        -------
        CollectionLock
            Ours.

        Raises
        ------
        CollectionBusyError
            Somebody else has it.
        CollectionLostError
            Somebody removes the lock's file just now.
        FileAccessError
            The collection can not be written.
        """
        path = _lock_path(collection)
        try:
            _make_root(collection)
            path.parent.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise FileAccessError.wrap("lock", path, error) from error
        try:
            has_locks = _take(descriptor, path, collection, holder, wait=wait, observe=observe)
            _see_that_it_is_there(descriptor, path, collection)
            record = _write_holder(descriptor, holder)
            if not has_locks:
                _see_that_it_is_ours(path, collection, holder)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                raise FileAccessError.wrap("lock", path, error) from error
            raise
        return cls(descriptor, record, path, collection)

    def check(self) -> None:
        """See that the collection is still ours; to be called before each change of it.

        Who gives no signs of life for a minute (a suspended process, a host that hangs) may lose it
        to another host, or where there are no locks. The file is looked at once a second.

        Raises
        ------
        CollectionBusyError
            Somebody else has it now: nothing more may be changed.
        CollectionLostError
            The lock's file was removed: somebody else may have it now.
        """
        now_s = time.clock_gettime(_CLOCK)
        descriptor = self._descriptor
        if descriptor is None or now_s - self._looked_s < _LOOK_EVERY_S:
            return
        _see_that_it_is_there(descriptor, self._path, self._collection)
        if not self._is_ours(descriptor):
            raise CollectionBusyError(
                self._collection, *(_read_holder(self._path) or Holder("", 0, ""))
            )
        self._looked_s = now_s

    def release(self) -> None:
        """Let the collection go; harmless when that was done already."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        self._ended.set()
        self._signs.join()
        with suppress(OSError):
            if self._is_ours(descriptor):
                os.ftruncate(descriptor, 0)
        os.close(descriptor)

    def _is_ours(self, descriptor: int) -> bool:
        """Tell whether the file still names us."""
        try:
            return os.pread(descriptor, LARGEST_RECORD_BYTES + 1, 0) == self._record
        except OSError:
            return True  # a server that does not answer just now has not given it to anybody

    def _give_signs(self, descriptor: int) -> None:
        """Renew the file's time until the end, or until it is somebody else's."""
        while not self._ended.wait(_SIGN_EVERY_S) and self._is_ours(descriptor):
            with suppress(OSError):
                os.utime(descriptor)


def check_not_held(collection: Path, *, host: str) -> None:
    """See that nobody has a collection, without taking it: before a job is started for it.

    Parameters
    ----------
    collection
        Its root, which need not exist.
    host
        The name of this host.

    Raises
    ------
    CollectionBusyError
        Somebody has it.
    """
    path = _lock_path(collection)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return  # nothing has ever been locked, or the job itself will say what is wrong
    try:
        # Shared: two that look are not in each other's way.
        state = _try_lock(descriptor, fcntl.LOCK_SH)
        if blocker := _blocker(state, path, host):
            raise CollectionBusyError(collection, *blocker)
    finally:
        os.close(descriptor)


def _lock_path(collection: Path) -> Path:
    """Return the lock file of a collection."""
    return collection / STATE_DIR / LOCK_NAME


def _take(
    descriptor: int,
    path: Path,
    collection: Path,
    holder: Holder,
    *,
    wait: bool,
    observe: Observer,
) -> bool:
    """Get the lock, or say who has it; return whether there are locks at all."""
    deadline_s = time.monotonic() + _PASSING_S
    noted = False
    while True:
        locked = _try_lock(descriptor, fcntl.LOCK_EX)
        blocker = _blocker(locked, path, holder.host)
        if blocker is None:
            return locked is not None
        if time.monotonic() < deadline_s:
            time.sleep(_POLL_S / 10)
            continue
        if not wait:
            raise CollectionBusyError(collection, *blocker)
        if not noted:
            noted = True
            observe(Note(f"waiting for {describe_holder(blocker)}"))
        time.sleep(_POLL_S)


def _see_that_it_is_there(descriptor: int, path: Path, collection: Path) -> None:
    """See that the file that was locked still has its name; else another one is locked by it."""
    try:
        if os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False)):
            return
    except FileNotFoundError:
        pass
    except OSError:
        return  # a server that does not answer just now
    raise CollectionLostError(collection)


def _see_that_it_is_ours(path: Path, collection: Path, holder: Holder) -> None:
    """Without locks, two may have come at once: the last one to write has it."""
    time.sleep(_PASSING_S)
    now = _read_holder(path)
    if now is not None and now[:2] != holder[:2]:
        raise CollectionBusyError(collection, *now)


def describe_holder(holder: Holder) -> str:
    """Say in one line who has a collection.

    Parameters
    ----------
    holder
        Who; an empty command stands for somebody unknown.

    Examples
    --------
    >>> describe_holder(Holder("node1", 42, "pdb-cli sync", "job_abc123"))
    'job job_abc123 (pdb-cli sync, process 42 on node1)'
    """
    if not holder.command:
        return "another process"
    who = f"process {holder.pid} on {holder.host}"
    if holder.job:
        return f"job {holder.job} ({holder.command}, {who})"
    return f"{holder.command} ({who})"


def _try_lock(descriptor: int, kind: int) -> bool | None:
    """Try to take the lock; return whether it is ours, or None where there are no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _blocker(locked: bool | None, path: Path, host: str) -> Holder | None:  # noqa: FBT001 - three
    """Return who keeps us out, after the table of the module; None for nobody."""
    holder = _read_holder(path)
    if locked is False:
        return holder or Holder("", 0, "")
    if holder is None:
        return None
    is_here = holder.host == host
    if is_here is (locked is True):
        # A free lock is proof here; without locks nothing here can tell of another host.
        return None if is_here else holder
    if holder.last_seen_s is None:
        return holder._replace(last_seen_s=0.0) if _gives_signs_now(path) else None
    return holder if holder.last_seen_s < _SIGN_LASTS_S else None


def _gives_signs_now(path: Path) -> bool:
    """Tell whether a file's time is renewed: one of the future tells nothing until it changes."""
    before_s = _time_of(path)
    limit_s = time.monotonic() + 1.5 * _SIGN_EVERY_S
    while before_s is not None and time.monotonic() < limit_s:
        time.sleep(min(_POLL_S, _SIGN_EVERY_S))
        if _time_of(path) != before_s:
            return True
    return False


def _time_of(path: Path) -> float | None:
    """Return a file's time; None if it has none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _read_holder(path: Path) -> Holder | None:
    """Read who is or was the last holder; None when nobody is named."""
    record = read_record(path, schema=_SCHEMA)
    if record is None:
        return None
    host, pid, command, job = (record.get(key) for key in ("host", "pid", "command", "job"))
    if not (isinstance(host, str) and isinstance(pid, int) and isinstance(command, str)):
        return None
    started_at = record.get("started_at")
    return Holder(
        host=_one_line(host),
        pid=pid,
        command=_one_line(command),
        job=_one_line(job) if isinstance(job, str) else None,
        started_at=_one_line(started_at) if isinstance(started_at, str) else "",
        last_seen_s=_seconds_ago(path),
    )


def _one_line(text: str) -> str:
    """Make a text of a file fit for a message."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_TEXT])


def _seconds_ago(path: Path) -> float | None:
    """Return the age of a file's time by the clock of its file system."""
    probe = path.with_name(f".clock.{os.urandom(6).hex()}")
    try:
        # The clocks of two hosts may differ; that of the server that keeps the files is one.
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        now_s = probe.stat().st_mtime
        probe.unlink()
    except OSError:
        now_s = time.time()
    then_s = _time_of(path)
    # A time of the future is of a host whose clock is or was wrong.
    if then_s is None or then_s > now_s + _SIGN_LASTS_S:
        return None
    return max(0.0, now_s - then_s)


def _write_holder(descriptor: int, holder: Holder) -> bytes:
    """Say in the file who holds it; return what was written."""
    record = {"schema": _SCHEMA, **holder._asdict()}
    del record["last_seen_s"]
    # Not more than a reader takes; what is long is the command.
    record["command"] = holder.command[:_LONGEST_TEXT]
    data = json.dumps(record).encode()[:LARGEST_RECORD_BYTES]
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    return data


def _make_root(collection: Path) -> None:
    """Make the root of a collection, but nothing above it: a disk may not be mounted."""
    if collection.is_dir():
        return
    if not collection.parent.is_dir():
        reason = f"there is no {collection.parent}; make that directory, or mount its disk"
        raise FileAccessError("create", collection, reason, errno.ENOENT)
    collection.mkdir(exist_ok=True)
