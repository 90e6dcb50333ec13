"""Read the log of a job, and follow it while it grows."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, UnknownJobError
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.log_cap import kept_part
from pdb_cli.jobs.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

_POLL_S = 0.25
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


def read_log(
    store: JobStore, job_id: str, *, streams: Sequence[Stream], last_lines: int | None
) -> Iterator[Chunk]:
    """Read what a job has printed so far.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.
    streams
        Which streams, in this order.
    last_lines
        Only so many lines at the end of each; None for everything.

    Raises
    ------
    FileAccessError
        A log exists but can not be read.
    """
    for stream in streams:
        tail = _Tail(_path(store, job_id, stream), stream)
        try:
            tail.open(last_lines)
            yield from tail.read()
        finally:
            tail.close()


def follow_log(
    store: JobStore, job_id: str, *, streams: Sequence[Stream], last_lines: int | None
) -> Generator[Chunk, None, Job]:
    """Read what a job has printed, then what it prints, until it ends.

    The generator's return value is the final record. When the job ends, its logs are read once
    more to their end. Nothing here can disturb the job.

    Parameters
    ----------
    store, job_id, streams, last_lines
        As for ``read_log``.

    Raises
    ------
    UnknownJobError
        The job's directory was removed meanwhile.
    FileAccessError
        A log exists but can not be read.
    """
    with contextlib.ExitStack() as stack:
        tails = [_Tail(_path(store, job_id, stream), stream) for stream in streams]
        for tail in tails:
            stack.callback(tail.close)
            tail.open(last_lines)
        while True:
            # The state first, then the logs: what was written before the end is not missed.
            job = observe(store, job_id).job
            for tail in tails:
                yield from tail.read()
            if job.status.final:
                return job
            time.sleep(_POLL_S)


def _path(store: JobStore, job_id: str, stream: Stream) -> Path:
    """Return the file of a stream."""
    paths = store.paths(job_id)
    return paths.stdout if stream is Stream.STDOUT else paths.stderr


class _Tail:
    """One growing file."""

    def __init__(self, path: Path, stream: Stream) -> None:
        self._path = path
        self._stream = stream
        self._fd: int | None = None
        self._cut: tuple[int, int] | None = None
        """Which part before a cut was there when the log was last looked at."""

    def open(self, last_lines: int | None = None) -> None:
        """Open the file if it is there, at its start or before its last lines."""
        self._cut = self._last_cut()
        try:
            self._fd = open_regular(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # a FIFO or the like is not the log of any command
            raise FileAccessError.wrap("read", self._path, error) from error
        if last_lines is not None:
            os.lseek(self._fd, _start_of_last(self._fd, last_lines), os.SEEK_SET)

    def read(self) -> Iterator[Chunk]:
        """Yield what is new; a log that was cut is read from its start, a replaced one too."""
        if self._fd is None:
            self.open()
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
        yield from self._drain()
        if self._replaced():
            self.close()
            self.open()
            yield from self._drain()

    def _last_cut(self) -> tuple[int, int] | None:
        """Return what changes whenever the log is cut because it grew too large."""
        try:
            kept = kept_part(self._path).stat()
        except OSError:
            return None
        return kept.st_ino, kept.st_mtime_ns

    def _unread_before_cut(self, position: int) -> Iterator[Chunk]:
        """Yield what was written before a log that grew too large was cut, and not read yet."""
        before = _Tail(kept_part(self._path), self._stream)
        try:
            before.open()
            if before._fd is not None and os.fstat(before._fd).st_size > position:
                os.lseek(before._fd, position, os.SEEK_SET)
                yield from before._drain()
        finally:
            before.close()

    def _drain(self) -> Iterator[Chunk]:
        """Yield everything up to the end of the open file."""
        while self._fd is not None and (data := os.read(self._fd, _CHUNK)):
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
        """Let the file go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _start_of_last(fd: int, lines: int) -> int:
    """Return where the last lines of a file begin; a last one without its end counts."""
    position = size = os.fstat(fd).st_size
    if lines == 0 or size == 0:
        return size
    # The line end that closes the last line separates nothing.
    separators = lines + (_read_at(fd, size - 1, 1) == b"\n")
    while position > 0:
        start = max(0, position - _CHUNK)
        block = _read_at(fd, start, position - start)
        offset = len(block)
        while (offset := block.rfind(b"\n", 0, offset)) >= 0:
            separators -= 1
            if separators == 0:
                return start + offset + 1
        position = start
    return 0


def _read_at(fd: int, position: int, size_bytes: int) -> bytes:
    """Read from somewhere in a file; the position moves, since Windows has no ``pread``."""
    os.lseek(fd, position, os.SEEK_SET)
    return os.read(fd, size_bytes)
