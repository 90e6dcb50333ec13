"""What a process that was killed has left of a file: bytes without a word about what they are.

A small file is fetched without a note of what its partial file is the beginning of
(:mod:`pdb_cli.storage.resume`). If all of it had arrived, only the name was missing. Whoever finds
out of which version it is, can write the note afterwards, and the next try goes on with it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING, Self

from pdb_cli.storage.resume import ResumePoint, write_resume_point

if TYPE_CHECKING:
    from pathlib import Path


class Leftover:
    """A partial file without a note, locked; a context manager that leaves it as it is.

    Parameters
    ----------
    path
        The partial file.
    descriptor
        The open file.
    """

    __slots__ = ("_descriptor", "path", "size_bytes")

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size_bytes = os.fstat(descriptor).st_size
        self._descriptor = descriptor

    @classmethod
    def find(cls, destination: Path) -> Self | None:
        """Look for what was left of a file.

        Parameters
        ----------
        destination
            The final name.

        Returns
        -------
        Leftover | None
            None if there is nothing, or something that needs no help: a partial file with a note,
            or one that somebody is just writing.
        """
        path = destination.with_name(f".{destination.name}.part")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if (
                stat.S_ISREG(status.st_mode)
                and os.path.samestat(status, path.lstat())
                and not os.path.lexists(_note_path(path))
            ):
                return cls(path, descriptor)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def end(self, size_bytes: int) -> bytes:
        """Return its last bytes.

        Parameters
        ----------
        size_bytes
            How many.
        """
        at_bytes = max(0, self.size_bytes - size_bytes)
        return os.pread(self._descriptor, size_bytes, at_bytes)

    def note(self, point: ResumePoint) -> None:
        """Write down of which version it is.

        Parameters
        ----------
        point
            The version; its length is that of the partial file.

        Raises
        ------
        FileAccessError
            The system refused.
        """
        write_resume_point(_note_path(self.path), point)

    def close(self) -> None:
        """Leave it to the next try; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _note_path(path: Path) -> Path:
    """Return where it would be written of what a partial file is the beginning."""
    return path.with_name(f"{path.name}.json")
