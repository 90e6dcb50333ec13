"""Read one log of a job as it grows, across its cuts."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, UnknownJobError
from pdb_cli.jobs.log_cap import kept_part
from pdb_cli.jobs.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 16


class Stream(StrEnum):
    """One of the two streams of a command."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of one stream, in the order they were written to it."""

    stream: Stream
    data: bytes


class Tail:
    """One growing file, and what it held before it was last cut for its size.

    Parameters
    ----------
    path
        The log.
    stream
        What it holds, for the chunks.
    """

    def __init__(self, path: Path, stream: Stream) -> None:
        self._path = path
        self._stream = stream
        self._fd: int | None = None
        self._kept_fd: int | None = None
        """The part before a cut, until it has been read."""
        self._cut: tuple[int, int] | None = None
        """Which part before a cut was there when the log was last looked at."""

    def begin(self, last_lines: int | None) -> None:
        """Open the file if it is there, at its start or before its last lines.

        Parameters
        ----------
        last_lines
            Only so many, of the part before a cut too; None for everything.

        Raises
        ------
        FileAccessError
            It is there and can not be read.
        """
        self._cut = self._last_cut()
        self._fd = _open(self._path)
        wanted = last_lines
        if self._fd is not None and last_lines is not None:
            start, wanted = _start_of_last(self._fd, last_lines)
            os.lseek(self._fd, start, os.SEEK_SET)
        if wanted == 0:
            return
        self._kept_fd = _open(kept_part(self._path))
        if self._kept_fd is not None and wanted is not None:
            os.lseek(self._kept_fd, _start_of_last(self._kept_fd, wanted)[0], os.SEEK_SET)

    def read(self) -> Iterator[Chunk]:
        """Yield what is new; a log that was cut is read from its start, a replaced one too."""
        if self._kept_fd is not None:
            yield from self._drain(self._kept_fd)
            os.close(self._kept_fd)
            self._kept_fd = None
        if self._fd is None:
            self._fd = _open(self._path)
        if self._fd is None:
            return
        position = os.lseek(self._fd, 0, os.SEEK_CUR)
        cut = self._last_cut()
        # The size alone does not tell: what came after a cut may be as long as what was before.
        if cut != self._cut or os.fstat(self._fd).st_size < position:
            self._cut = cut
            yield from self._unread_before_cut(position)
            yield Chunk(self._stream, b"[the log was cut; from its start:]\n")
            os.lseek(self._fd, 0, os.SEEK_SET)
        yield from self._drain(self._fd)
        if self._replaced():
            os.close(self._fd)
            self._fd = _open(self._path)
            if self._fd is not None:
                yield from self._drain(self._fd)

    def _last_cut(self) -> tuple[int, int] | None:
        """Return what changes whenever the log is cut because it grew too large."""
        try:
            kept = kept_part(self._path).stat()
        except OSError:
            return None
        return kept.st_ino, kept.st_mtime_ns

    def _unread_before_cut(self, position: int) -> Iterator[Chunk]:
        """Yield what was written before a log that grew too large was cut, and not read yet."""
        kept_fd = _open(kept_part(self._path))
        if kept_fd is None:
            return
        try:
            if os.fstat(kept_fd).st_size > position:
                os.lseek(kept_fd, position, os.SEEK_SET)
                yield from self._drain(kept_fd)
        finally:
            os.close(kept_fd)

    def _drain(self, fd: int) -> Iterator[Chunk]:
        """Yield everything up to the end of an open file."""
        while data := os.read(fd, _CHUNK):
            yield Chunk(self._stream, data)

    def _replaced(self) -> bool:
        """Tell whether the path now names another file."""
        if self._fd is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._fd), self._path.stat())
        except FileNotFoundError:
            if not self._path.parent.exists():
                raise UnknownJobError(self._path.parent.name) from None
            return False

    def close(self) -> None:
        """Let the files go."""
        for fd in (self._fd, self._kept_fd):
            if fd is not None:
                os.close(fd)
        self._fd = self._kept_fd = None


def _open(path: Path) -> int | None:
    """Open a log; None if there is none, or what is there is not the log of any command."""
    try:
        return open_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None  # a FIFO or the like
        raise FileAccessError.wrap("read", path, error) from error


def _start_of_last(fd: int, lines: int) -> tuple[int, int]:
    """Return where the last lines of a file begin, and how many it lacks.

    A last line without its end counts.
    """
    position = size = os.fstat(fd).st_size
    if lines == 0 or size == 0:
        return size, lines
    # The line end that closes the last line separates nothing.
    separators = lines + (_read_at(fd, size - 1, 1) == b"\n")
    while position > 0:
        start = max(0, position - _CHUNK)
        block = _read_at(fd, start, position - start)
        offset = len(block)
        while (offset := block.rfind(b"\n", 0, offset)) >= 0:
            separators -= 1
            if separators == 0:
                return start + offset + 1, 0
        position = start
    # The first line has no line end before it.
    return 0, separators - 1


def _read_at(fd: int, position: int, size_bytes: int) -> bytes:
    """Read from somewhere in a file; the position moves, since Windows has no ``pread``."""
    os.lseek(fd, position, os.SEEK_SET)
    return os.read(fd, size_bytes)
