"""Running rsync processes: their lines as they come, their errors kept, their end made sure of.

An rsync that fetches is two processes, in a process group of their own: one that asks and one that
receives. Told to end both at once (Ctrl-C reaches all of a group), the one that receives goes on to
take all that the mirror sends, into nowhere. So they are told by whoever holds an
:class:`RsyncGroup`, and by the signal that rsync's own processes use among themselves: on USR1 the
first tells the second, each puts aside what it has at once, and no mirror is waited for. A job that
is ended ends them too. When this program is killed (``kill -9``), a ``DeathWatch`` ends them: rsync
itself goes on to its end when nobody reads what it prints. Ctrl-Z does not reach them either: who
takes that signal calls :func:`suspend_all`, then :func:`resume_all` or :func:`kill_all`.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from pdb_cli.errors import RsyncUnavailableError
from pdb_cli.transfer.death_watch import DeathWatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CHUNK_BYTES: Final = 256 * 1024
_MOST_ERROR_BYTES: Final = 64 * 1024
"""Of what a process says on standard error: its beginning and its end, half each."""
_LONGEST_LINE_BYTES: Final = 64 * 1024
"""Far above any path; what is longer is no line of rsync."""
_LITTLE_BYTES: Final = 8 * 1024
_BREATH_S: Final = 0.005
ENDS_WITHIN_S: Final = 1.0
"""How long rsync may take to put its unfinished file aside when it is asked to end: it does so in
milliseconds. What is killed leaves it under another name, which the next run knows to use."""
_groups: Final[set[RsyncGroup]] = set()
"""Those whose context has not ended: signals are about all of a process."""


class RsyncProcess:
    """One running rsync.

    Parameters
    ----------
    arguments
        The program and its arguments.
    environ
        Its environment.

    Raises
    ------
    RsyncUnavailableError
        The program can not be started.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                arguments,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            raise RsyncUnavailableError(
                arguments[0], f"{arguments[0]} does not run: {error.strerror}"
            ) from error
        self._rest = b""
        self._errors_start = bytearray()
        self._errors_end = b""
        self.exit_code: int | None = None
        """None while it runs; negative for the signal that ended it."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def errors(self) -> bytes:
        """What it said on standard error; the middle is left out where that is very much."""
        return bytes(self._errors_start) + self._errors_end

    @property
    def _streams(self) -> tuple[int, int]:
        """The descriptors of its output and its errors."""
        if self._process.stdout is None or self._process.stderr is None:
            raise ValueError(self.pid)
        return self._process.stdout.fileno(), self._process.stderr.fileno()

    def _take(self, chunk: bytes) -> list[bytes]:
        """Return the whole lines there are now; a carriage return ends one too."""
        text = self._rest + chunk
        if b"\r" in text:
            text = text.replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            self._rest = b""
        return lines

    def _take_error(self, chunk: bytes) -> None:
        """Keep the beginning and the end of what is said."""
        half = _MOST_ERROR_BYTES // 2
        room = half - len(self._errors_start)
        self._errors_start += chunk[:room]
        self._errors_end = (self._errors_end + chunk[room:])[-half:]

    def _ask_to_end(self) -> None:
        """Have both of its processes put aside what they have, and end."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)

    def _tell(self, number: signal.Signals) -> None:
        """Tell all that it has started and itself; its number is ours until it is waited for."""
        # macOS: a group of which only the unwaited-for leader is left can not be told.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _finish(self) -> list[bytes]:
        """Wait for its end and return what stood after the last line end."""
        self.exit_code = self._process.wait()
        self._close()
        last, self._rest = self._rest, b""
        return [last] if last else []

    def _close(self) -> None:
        """Close our ends of its pipes."""
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


class RsyncGroup:
    """Some rsync processes that run at once; all of them are over when the context ends.

    Parameters
    ----------
    ends_within_s
        How long those that still run then have to end by themselves.
    is_watched
        Whether they shall end when this process is killed: for those that write.
    """

    def __init__(self, *, ends_within_s: float = ENDS_WITHIN_S, is_watched: bool = False) -> None:
        self._watch = DeathWatch() if is_watched else None
        self._ends_within_s = ends_within_s
        self._selector = selectors.DefaultSelector()
        self._open: dict[RsyncProcess, int] = {}

    def __enter__(self) -> Self:
        _groups.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end_all()
        finally:
            _groups.discard(self)
            self._selector.close()
            if self._watch is not None:
                self._watch.close()

    def __len__(self) -> int:
        return len(self._open)

    def start(self, arguments: Sequence[str], environ: Mapping[str, str]) -> RsyncProcess:
        """Start one more; see :class:`RsyncProcess`."""
        process = RsyncProcess(arguments, environ)
        # Before anything can be raised: what runs is known.
        self._open[process] = 2
        self._tell_watch()
        for stream, descriptor in enumerate(process._streams):  # noqa: SLF001 - one module, two classes
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, (process, stream))
        return process

    def lines(
        self, *, timeout_s: float | None = None
    ) -> Iterator[tuple[RsyncProcess, list[bytes]]]:
        """Wait for output once, and return it.

        Parameters
        ----------
        timeout_s
            How long to wait at most.

        Yields
        ------
        tuple of (RsyncProcess, list of bytes)
            Lines of one process, without line ends. A process that has ended since has its
            ``exit_code`` set, and comes a last time, perhaps without lines.
        """
        for key, _ in self._selector.select(timeout_s):
            process, stream = key.data
            try:
                chunk = os.read(key.fd, _CHUNK_BYTES)
            except BlockingIOError:
                continue
            if chunk:
                if stream:
                    process._take_error(chunk)  # noqa: SLF001 - as above
                else:
                    yield process, process._take(chunk)  # noqa: SLF001 - as above
                    if len(chunk) < _LITTLE_BYTES:
                        # rsync prints line by line; woken for each of them, both sides would do
                        # little else.
                        time.sleep(_BREATH_S)
                continue
            self._selector.unregister(key.fd)
            self._open[process] -= 1
            if self._open[process] == 0:
                # Before it is waited for: then its number may be somebody else's.
                del self._open[process]
                self._tell_watch()
                last = process._finish()  # noqa: SLF001 - as above
                yield process, last

    def _tell_watch(self) -> None:
        """Say which processes there are."""
        if self._watch is not None:
            self._watch.protect(process.pid for process in self._open)

    def _end_all(self) -> None:
        """Ask all to end, wait until they have put aside what they were writing, then insist."""
        if not self._open:
            return
        for process in self._open:
            process._ask_to_end()  # noqa: SLF001 - as above
        try:
            limit_s = time.monotonic() + self._ends_within_s
            while self._open and (left_s := limit_s - time.monotonic()) > 0:
                # What it still prints is read, or it would wait for that.
                for _ in self.lines(timeout_s=left_s):
                    pass
        finally:
            for process in self._open:
                process._tell(signal.SIGKILL)  # noqa: SLF001 - as above
                process._finish()  # noqa: SLF001 - as above
            self._open.clear()


def suspend_all() -> None:
    """Stop all rsync processes there are; to be called by the main thread."""
    _tell_all(signal.SIGSTOP)


def resume_all() -> None:
    """Let them go on."""
    _tell_all(signal.SIGCONT)


def kill_all() -> None:
    """End them where they stand: they write nothing more. Whoever waits for them is told."""
    _tell_all(signal.SIGKILL)


def _tell_all(number: signal.Signals) -> None:
    """Send a signal to all of them."""
    for process in _all_open():
        process._tell(number)  # noqa: SLF001 - as above


def _all_open() -> list[RsyncProcess]:
    """Return the processes that have not been waited for."""
    return [process for group in tuple(_groups) for process in tuple(group._open)]  # noqa: SLF001
