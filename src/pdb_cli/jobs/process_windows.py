"""Processes and locks of Windows. **Not yet run on Windows**: tested with a stand-in for it only.

The supervisor leaves the caller's Job Object and keeps its command in one of its own, whose
processes Windows ends together with the supervisor: here no command is ever unsupervised. There
are no signals: the request file alone asks for an end, and the supervisor looks every second.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from pdb_cli.jobs.process import Place, WaitingSupervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pdb_cli.jobs.ending import Exit
    from pdb_cli.jobs.model import ProcessIdentity
    from pdb_cli.jobs.win32 import Started, Win32

CREATE_SUSPENDED = 0x4
CREATE_NEW_PROCESS_GROUP = 0x200
CREATE_BREAKAWAY_FROM_JOB = 0x1000000
CREATE_NO_WINDOW = 0x8000000

_ACCESS_DENIED = 5
# As shells count a process that was killed: a cancelled job ends with the same code everywhere.
_KILLED = 128 + 9
_POLL_S = 0.05
_LOCK_LOOKS = 3
_SHORT_PAUSE_S = 0.01


class WindowsSystem:
    """The adapter; see ``System`` for what its methods promise."""

    def __init__(self, win32: Win32) -> None:
        self._win32 = win32

    def start_supervisor(
        self, command: Sequence[str], environ: Mapping[str, str]
    ) -> WaitingSupervisor:
        """Start a supervisor outside of the caller's console and Job Object, if that lets it."""
        fds: list[int] = []
        try:
            fds += os.pipe()
            fds += os.pipe()
            request_read, request_write, answer_read, answer_write = fds
            nothing = os.open(os.devnull, os.O_WRONLY)
            fds.append(nothing)
            streams = (request_read, answer_write, nothing)
            started, outlives_caller = self._create_outside(command, environ, streams)
        except OSError:
            for fd in fds:
                os.close(fd)
            raise
        self._win32.close(started.thread)
        self._win32.close(started.process)
        for fd in streams:
            os.close(fd)
        return WaitingSupervisor(
            started.pid, request_write, answer_read, outlives_caller=outlives_caller
        )

    def read_answer(self, fd: int, *, wait_s: float) -> str | None:
        """Look again and again: Windows does not wait for pipes."""
        answer = b""
        deadline = time.monotonic() + wait_s
        while (readable := self._win32.readable_bytes(fd)) is not None:
            if readable:
                answer += os.read(fd, readable)
            elif time.monotonic() >= deadline:
                return None
            else:
                time.sleep(_SHORT_PAUSE_S)
        return answer.decode("utf-8", "replace")

    def prepare_supervisor(self) -> None:
        """Do nothing: only the three streams were inherited, and a Job Object adopts for us."""

    def begin_supervision(self) -> WindowsSupervision:
        """Return what waits and starts the command; there are no signals to catch."""
        return WindowsSupervision(self._win32)

    def tell_supervisor(self, supervisor: ProcessIdentity) -> None:
        """Do nothing: the supervisor looks for the request every second."""

    def shell_command(self, text: str) -> list[str]:
        """Let the command processor read it."""
        return ["cmd.exe", "/d", "/s", "/c", text]

    def kill_supervisor(self, supervisor: ProcessIdentity) -> list[ProcessIdentity]:
        """End exactly this process; Windows ends its command's Job Object with it."""
        self._terminate(supervisor)
        return []

    def end_unsupervised(
        self,
        members: Sequence[ProcessIdentity],
        *,
        mark: tuple[str, str],  # noqa: ARG002 - Windows shows nobody's environment
        grace_s: float,  # noqa: ARG002 - and there is no way to ask politely from here
        patience_s: float,
    ) -> bool:
        """End exactly these, should they have outlived the Job Object of their supervisor."""
        for process in members:
            self._terminate(process)
        deadline = time.monotonic() + patience_s
        while any(self.start_token(process.pid) == process.start_token for process in members):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def started_with(self, mark: tuple[str, str]) -> list[ProcessIdentity]:  # noqa: ARG002 - see below
        """Return nothing: Windows shows nobody's environment, and leaves no command behind."""
        return []

    def collect(self, pid: int) -> bool:
        """Tell whether a child has ended; Windows keeps nothing of it."""
        return self.start_token(pid) is None

    def user_name(self) -> str:
        """Return the name of this process's owner."""
        return os.getlogin()

    def start_token(self, pid: int) -> str | None:
        """Return the creation time of a process that has not ended, in units of 100 ns."""
        if pid <= 0:
            return None
        try:
            with self._opened(pid) as process:
                # An ended process can be opened as long as anybody holds a handle. Its exit code
                # tells nothing: 259 may be one, or mean that it runs.
                if self._win32.wait_for(process, 0.0):
                    return None
                return str(self._win32.creation_time(process))
        except OSError:
            return None

    def this_place(self) -> Place:
        """Return the host alone.

        Windows has no id of a boot. Its time of boot is no substitute: it moves when the clock is
        set, and a job would be called lost. The creation time of a process, exact to 100 ns, tells
        it from what has its pid after the next boot.
        """
        return Place(host=self._win32.computer_name(), boot_id=None, pid_namespace=None)

    def lock_exclusively(self, fd: int) -> bool:
        """Lock byte 0, which nobody can read then; nothing is ever written there."""
        try:
            self._win32.lock_first_byte(fd)
        except PermissionError:
            return False
        return True

    def is_locked(self, fd: int) -> bool:
        """Try the lock: it is held if that fails several times.

        ``msvcrt`` knows no shared locks, so two readers get in each other's way, for a moment.
        """
        for _ in range(_LOCK_LOOKS):
            if self.lock_exclusively(fd):
                self._win32.unlock_first_byte(fd)
                return False
            time.sleep(_SHORT_PAUSE_S)
        return True

    def _create_outside(
        self, command: Sequence[str], environ: Mapping[str, str], streams: tuple[int, int, int]
    ) -> tuple[Started, bool]:
        """Create a process outside of the caller's Job Object; return whether that was allowed."""
        # With CREATE_NO_WINDOW it has a console that nobody sees. With DETACHED_PROCESS it would
        # have none, and every program that it starts would open a window.
        flags = CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW
        try:
            started = self._win32.create_process(
                command,
                flags=flags | CREATE_BREAKAWAY_FROM_JOB,
                cwd=None,
                environ=environ,
                streams=streams,
            )
        except OSError as error:
            if getattr(error, "winerror", None) != _ACCESS_DENIED:
                raise
            # The caller's Job Object keeps its processes: a job ends with it.
            started = self._win32.create_process(
                command, flags=flags, cwd=None, environ=environ, streams=streams
            )
            return started, False
        return started, True

    def _terminate(self, wanted: ProcessIdentity) -> None:
        """End exactly this process, if it still lives."""
        with contextlib.suppress(OSError), self._opened(wanted.pid) as process:
            # As long as it is open, the pid can not become another process's.
            if str(self._win32.creation_time(process)) == wanted.start_token:
                self._win32.terminate_process(process, _KILLED)

    @contextlib.contextmanager
    def _opened(self, pid: int) -> Iterator[int]:
        """Hold a handle of a process."""
        process = self._win32.open_process(pid)
        try:
            yield process
        finally:
            self._win32.close(process)


class WindowsSupervision:
    """A ``Supervision``; Windows ends its processes without telling them."""

    stop_requested = False

    def __init__(self, win32: Win32) -> None:
        self._win32 = win32

    def wait(self, *, timeout_s: float) -> None:
        """Sleep; nothing ends it early."""
        time.sleep(timeout_s)

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        stdout: Path,
        stderr: Path,
        environ: Mapping[str, str],
    ) -> WindowsCommand:
        """Start the command in a Job Object; it runs only when it is in there."""
        with contextlib.ExitStack() as opened:
            streams: list[int] = []
            for path, flags in (
                (os.devnull, os.O_RDONLY),
                (stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
                (stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
            ):
                streams.append(os.open(path, flags, 0o600))
                opened.callback(os.close, streams[-1])
            job = self._win32.create_job()
            started = self._win32.create_process(
                command,
                # A group of its own, in our console: so it can be sent CTRL_BREAK.
                flags=CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED,
                cwd=cwd,
                environ=environ,
                streams=(streams[0], streams[1], streams[2]),
            )
            try:
                self._win32.assign_to_job(job, started.process)
                self._win32.resume_thread(started.thread)
            except OSError:
                self._win32.terminate_process(started.process, _KILLED)
                raise
            finally:
                self._win32.close(started.thread)
        return WindowsCommand(self._win32, job, started)


class WindowsCommand:
    """A ``Command``: its tree is a Job Object, kept open as long as this process lives."""

    def __init__(self, win32: Win32, job: int, started: Started) -> None:
        self._win32 = win32
        self._job = job
        self._process = started.process
        self._pid = started.pid

    @property
    def pid(self) -> int:
        """The command's own process."""
        return self._pid

    def wait(self, *, timeout_s: float) -> Exit | None:
        """Wait for the end of the command, at most so long."""
        from pdb_cli.jobs.ending import Exit  # noqa: PLC0415 - for supervisors only

        if not self._win32.wait_for(self._process, timeout_s):
            return None
        return Exit(code=self._win32.exit_code(self._process))

    def end(self, *, grace_s: Callable[[], float], tick: Callable[[], None]) -> None:
        """Send CTRL_BREAK, and after the grace time terminate the Job Object."""
        # Who has no console can not be asked.
        with contextlib.suppress(OSError):
            self._win32.send_break(self._pid)
        asked_s = time.monotonic()
        while self._win32.living_in_job(self._job):
            if time.monotonic() >= asked_s + grace_s():
                self._win32.terminate_job(self._job, _KILLED)
            tick()
            time.sleep(_POLL_S)
