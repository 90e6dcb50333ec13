"""A file on its way: written beside its final name, and locked so that nobody else writes it too.

``1abc.cif.gz`` grows as ``.1abc.cif.gz.part`` in the same directory. The lock (``flock``) belongs
to the open file, so it ends with the process however that ends, and it holds between threads as
well. Where a file system has no such locks, a unique name is used instead, and two processes may
both fetch the file; what they publish is whole all the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from pdb_cli.errors import FileAccessError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

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

    Use :meth:`open` to get one. It ends with exactly one of :meth:`publish` and :meth:`discard`;
    as a context manager it discards what was not published. Instances may be handed from one
    thread to another, but not used by two at once.

    Parameters
    ----------
    destination
        The final name.
    path
        Where the bytes are written.
    descriptor
        The open file, locked or of a unique name.
    """

    __slots__ = ("_descriptor", "destination", "path", "size_bytes")

    def __init__(self, destination: Path, path: Path, descriptor: int) -> None:
        self.destination = destination
        self.path = path
        self.size_bytes = 0
        """Bytes written so far."""
        self._descriptor: int | None = descriptor

    @classmethod
    def open(cls, destination: Path) -> PartialFile | None:
        """Start writing a file, unless somebody else is writing the same one.

        What a dead process left under the partial name is overwritten.

        Parameters
        ----------
        destination
            The final name; its directory must exist.

        Returns
        -------
        PartialFile | None
            An empty file, locked; None while another process or thread has it.

        Raises
        ------
        FileAccessError
            The partial file can not be made.
        """
        path = destination.with_name(f".{destination.name}.part")
        try:
            for _ in range(_MOST_ROUNDS):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                locked = False
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    locked = True
                    if _is_named(path, descriptor):
                        os.ftruncate(descriptor, 0)
                        return cls(destination, path, descriptor)
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
            raise FileAccessError.wrap("create", destination, error) from error
        return None

    @classmethod
    def _open_unique(cls, destination: Path) -> PartialFile:
        """Open a file that no other process can want, for file systems without locks."""
        stem = destination.name[:_LONGEST_STEM]
        path = destination.with_name(f".{stem}.{os.urandom(6).hex()}.part")
        return cls(destination, path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))

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
        try:
            rest = memoryview(data)
            while rest:
                written = os.write(self._open_descriptor(), rest)
                self.size_bytes += written
                rest = rest[written:]
        except OSError as error:
            raise FileAccessError.wrap("write", self.destination, error) from error

    def publish(self, *, mtime_s: float | None) -> None:
        """Give the file its final name, in one step, once its bytes are on the disk.

        Parameters
        ----------
        mtime_s
            The file's time, in seconds since 1970; None keeps the time of writing.

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
            os.replace(self.path, self.destination)  # noqa: PTH105 - one object less per file
        except OSError as error:
            raise FileAccessError.wrap("write", self.destination, error) from error
        self._close()

    def discard(self) -> None:
        """Remove the partial file; nothing happens after :meth:`publish` or a second time."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            # Still locked, so the name can not belong to anybody else by now, unless somebody
            # cleaned up by hand.
            if _is_named(self.path, self._descriptor):
                os.unlink(self.path)  # noqa: PTH108 - one object less per file
        # Not in a finally: after an interrupt it must be possible to discard again.
        self._close()

    def __del__(self) -> None:
        # An interrupt between making this and giving it to somebody must leave nothing either.
        with suppress(OSError):
            self.discard()

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


def _is_named(path: Path, descriptor: int) -> bool:
    """Tell whether ``path`` names the very file that is open as ``descriptor``."""
    try:
        named = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - one object less per file
    except OSError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))
