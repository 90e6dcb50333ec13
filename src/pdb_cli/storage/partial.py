"""A file on its way: written beside its final name, and locked so that nobody else writes it too.

``1abc.cif.gz`` grows as ``.1abc.cif.gz.part`` in the same directory. The lock (``flock``) belongs
to the open file, so it ends with the process however that ends, and it holds between threads as
well. Where a file system has no such locks, a unique name is used instead, and two processes may
both fetch the file; what they publish is whole all the same.

A large file that was cut off can be put aside, to be continued by whoever opens it next: see
:mod:`pdb_cli.storage.resume`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.destination import CLAIM_ACTION
from pdb_cli.storage.guard import no_guard
from pdb_cli.storage.resume import ResumePoint, read_resume_point, write_resume_point

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from pdb_cli.storage.guard import Guard

_BUSY = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
"""What ``flock`` says when somebody else holds the lock."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
"""What ``flock`` says where the file system has no locks."""

_MOST_ROUNDS = 100
"""How often to open the file anew when it was renamed or removed just before it was locked."""

_LONGEST_STEM = 64
"""Characters of the final name kept where a name of our own must be made."""


class PartialFile:
    """The bytes of one file before they are known to be good.

    Use :meth:`open` to get one. It ends with exactly one of :meth:`publish`, :meth:`put_aside` and
    :meth:`discard`; as a context manager it discards what did not end otherwise. Instances may be
    handed from one thread to another, but not used by two at once.

    Parameters
    ----------
    destination
        The final name.
    path
        Where the bytes are written.
    descriptor
        The open file, locked or of a unique name.
    is_shared
        Whether others know it by the same name, so that a later try can find it.
    """

    __slots__ = ("_descriptor", "_is_shared", "destination", "path", "resume", "size_bytes")

    def __init__(
        self, destination: Path, path: Path, descriptor: int, *, is_shared: bool = True
    ) -> None:
        self.destination = destination
        self.path = path
        self.size_bytes = 0
        """Bytes in it, those of an earlier try included."""
        self.resume: ResumePoint | None = None
        """Of what its bytes are the beginning, if that is known."""
        self._descriptor: int | None = descriptor
        self._is_shared = is_shared

    @classmethod
    def open(cls, destination: Path) -> PartialFile | None:
        """Start writing a file, or go on with it, unless somebody else is writing the same one.

        What an earlier try put aside, or a dead process left, is there to be continued if it says
        what it is the beginning of; anything else under the partial name is overwritten.

        Parameters
        ----------
        destination
            The final name; its directory must exist.

        Returns
        -------
        PartialFile | None
            The file, locked, empty unless it has a ``resume``; None while another process or thread
            has it.

        Raises
        ------
        FileAccessError
            The partial file can not be made; where a link, a pipe or a directory has its name, that
            is the path in the error.
        """
        path = destination.with_name(f".{destination.name}.part")
        try:
            for _ in range(_MOST_ROUNDS):
                descriptor, is_new = _open_or_create(path)
                locked = False
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    locked = True
                    if _is_named(path, descriptor):
                        resume, size_bytes = None, 0
                        if not is_new:
                            resume, size_bytes = _take_over(path, descriptor)
                        part = cls(destination, path, descriptor)
                        part.resume, part.size_bytes = resume, size_bytes
                        return part
                except BaseException as error:
                    if not isinstance(error, OSError):
                        # An interrupt: what is locked is ours to remove.
                        if locked and _is_named(path, descriptor):
                            os.unlink(path)  # noqa: PTH108 - as below
                        os.close(descriptor)
                        raise
                    os.close(descriptor)
                    if error.errno in _BUSY:
                        return None
                    if error.errno not in _NO_LOCKS:
                        raise
                    os.unlink(path)  # noqa: PTH108 - one object less per file
                    return cls._open_unique(destination)
                # Its holder published or discarded it between our open and our lock.
                os.close(descriptor)
        except OSError as error:
            raise _refusal(destination, path, error) from error
        return None

    @classmethod
    def _open_unique(cls, destination: Path) -> PartialFile:
        """Open a file that no other process can want, for file systems without locks."""
        stem = destination.name[:_LONGEST_STEM]
        path = destination.with_name(f".{stem}.{os.urandom(6).hex()}.part")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        return cls(destination, path, descriptor, is_shared=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        """Append bytes.

        Parameters
        ----------
        data
            All of them are written, or an error is raised.

        Raises
        ------
        FileAccessError
            The system refused, for instance because the disk is full.
        """
        descriptor = self._open_descriptor()
        try:
            rest = memoryview(data)
            while rest:
                written = os.pwrite(descriptor, rest, self.size_bytes)
                self.size_bytes += written
                rest = rest[written:]
        except OSError as error:
            raise FileAccessError.wrap("write", self.destination, error) from error

    def read(self, offset_bytes: int, most_bytes: int) -> bytes:
        """Read some of what is in the file.

        Parameters
        ----------
        offset_bytes
            From where.
        most_bytes
            How much, at most; there is nothing behind :attr:`size_bytes`.

        Raises
        ------
        FileAccessError
            The system refused.
        """
        try:
            return os.pread(self._open_descriptor(), most_bytes, offset_bytes)
        except OSError as error:
            raise FileAccessError.wrap("read", self.destination, error) from error

    def restart(self) -> None:
        """Forget the bytes, and of what they are the beginning.

        Raises
        ------
        FileAccessError
            The system refused.
        """
        try:
            self._empty()
        except OSError as error:
            raise FileAccessError.wrap("write", self.destination, error) from error

    def remember(self, point: ResumePoint) -> None:
        """Note of what the bytes to come are the beginning, so that a later try can go on.

        Parameters
        ----------
        point
            The version of the file that the server is about to send. Nothing happens if it has no
            validator, or where a later try could not find the file.

        Raises
        ------
        FileAccessError
            The system refused.
        """
        if self.size_bytes:
            raise ValueError("what was written already may be of another version")
        if self._is_shared and point.validator is not None:
            self.resume = point
            write_resume_point(_resume_path(self.path), point)

    def publish(self, *, mtime_s: float | None, guard: Guard = no_guard) -> None:
        """Give the file its final name, in one step, once its bytes are on the disk.

        Parameters
        ----------
        mtime_s
            The file's time, in seconds since 1970; None keeps the time of writing.
        guard
            Called last of all before that; what it raises is raised, and nothing has happened.

        Raises
        ------
        FileAccessError
            The system refused; the partial file is still there for :meth:`discard`, and what was
            there under the final name is unchanged.
        """
        try:
            descriptor = self._open_descriptor()
            if mtime_s is not None:
                os.utime(descriptor, (mtime_s, mtime_s))
            os.fsync(descriptor)
            guard()
            self._forget()
            os.replace(self.path, self.destination)  # noqa: PTH105 - one object less per file
        except OSError as error:
            raise FileAccessError.wrap("write", self.destination, error) from error
        self._close()

    def exchange(self, path: Path, descriptor: int) -> None:
        """Go on with another file under the partial name; what was written so far is gone.

        There is no moment at which somebody else could have the name.

        Parameters
        ----------
        path
            The other file, in the same directory; it has this name no more.
        descriptor
            It, open for writing; belongs to this instance from now on, unless an error is raised.

        Raises
        ------
        FileAccessError
            The system refused.
        """
        own = self._open_descriptor()
        try:
            if self._is_shared:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size_bytes = os.fstat(descriptor).st_size
            self._forget()
            os.replace(path, self.path)  # noqa: PTH105 - one object less per file
        except OSError as error:
            raise FileAccessError.wrap("write", self.destination, error) from error
        self._descriptor, self.size_bytes = descriptor, size_bytes
        os.close(own)

    def put_aside(self) -> None:
        """End for now: a later try can go on with it; what nobody can go on with is removed.

        Nothing happens after :meth:`publish` or a second time.
        """
        if self.resume is None or self.size_bytes == 0:
            self.discard()
        else:
            self._close()

    def discard(self) -> None:
        """Remove the partial file; nothing happens after :meth:`publish` or a second time."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            # Still locked, so the name can not belong to anybody else by now, unless somebody
            # cleaned up by hand.
            if _is_named(self.path, self._descriptor):
                self._forget()
                os.unlink(self.path)  # noqa: PTH108 - one object less per file
        # Not in a finally: after an interrupt it must be possible to discard again.
        self._close()

    def __del__(self) -> None:
        # An interrupt between making this and giving it to somebody must leave nothing either.
        with suppress(OSError):
            self.put_aside()

    def _empty(self) -> None:
        """Remove the bytes and what is known of them."""
        self._forget()
        os.ftruncate(self._open_descriptor(), 0)
        self.size_bytes = 0

    def _forget(self) -> None:
        """Remove what is known of the bytes: always before the bytes themselves."""
        if self.resume is not None:
            with suppress(FileNotFoundError):
                os.unlink(_resume_path(self.path))  # noqa: PTH108 - as in discard
            self.resume = None

    def _open_descriptor(self) -> int:
        """Return the descriptor; using a closed partial file is a mistake in the caller."""
        if self._descriptor is None:
            raise ValueError("the partial file was published or discarded")
        return self._descriptor

    def _close(self) -> None:
        """Close the file, and with it release the lock."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _open_or_create(path: Path) -> tuple[int, bool]:
    """Open a file for writing; also tell whether it was made just now."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_EXCL, 0o666), True
    except FileExistsError:
        return os.open(path, flags, 0o666), False


def _refusal(destination: Path, path: Path, error: OSError) -> FileAccessError:
    """Return the error of a partial file that can not be made; it names what is in the way."""
    try:
        is_in_the_way = not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        is_in_the_way = False
    if is_in_the_way:
        return FileAccessError(CLAIM_ACTION, path, "it is no regular file", error.errno)
    return FileAccessError.wrap("create", destination, error)


def _resume_path(path: Path) -> Path:
    """Return where it is written of what a partial file is the beginning."""
    return path.with_name(f"{path.name}.json")


def _take_over(path: Path, descriptor: int) -> tuple[ResumePoint | None, int]:
    """Keep what somebody left in a partial file, if one can go on with it; else empty it.

    Returns of what it is the beginning, and how much of that there is.
    """
    size_bytes = os.fstat(descriptor).st_size
    point = read_resume_point(_resume_path(path))
    if point is not None and 0 < size_bytes <= point.length_bytes:
        # One byte at least is left to ask for: the answer tells whether the file is still the same.
        kept_bytes = min(size_bytes, point.length_bytes - 1)
        os.ftruncate(descriptor, kept_bytes)
        return point, kept_bytes
    with suppress(FileNotFoundError):
        os.unlink(_resume_path(path))  # noqa: PTH108 - one object less per file
    os.ftruncate(descriptor, 0)
    return None, 0


def _is_named(path: Path, descriptor: int) -> bool:
    """Tell whether ``path`` names the very file that is open as ``descriptor``."""
    try:
        named = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - one object less per file
    except OSError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))
