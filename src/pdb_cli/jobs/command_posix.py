"""A supervisor and its command on POSIX systems: signals, waiting, reaping, ending."""

from __future__ import annotations

import os
import select
import signal
import sys
from typing import TYPE_CHECKING

from pdb_cli.jobs.ending import Exit
from pdb_cli.jobs.process import JOB_DIR_VARIABLE
from pdb_cli.jobs.process_posix import STOP_SIGNALS
from pdb_cli.jobs.process_tree import descendants, end_tree, started_with

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pdb_cli.jobs.model import ProcessIdentity

# Python ignores the first two, the caller's shell or nohup may have ignored the others.
_SIGNALS_TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT)


class PosixSupervision:
    """A ``Supervision`` driven by signals; made once in a process, which they then do not end."""

    def __init__(self) -> None:
        self._stop_requested = False
        self._exits: dict[int, Exit | None] = {}
        self._wakeup_read, wakeup_write = os.pipe()
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(wakeup_write, False)
        # Signals become bytes in a pipe, so that none is missed between two looks.
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    @property
    def stop_requested(self) -> bool:
        """Whether a stop signal came."""
        return self._stop_requested

    def wait(self, *, timeout_s: float) -> None:
        """Sleep until a signal comes, at most so long; see ``Supervision``."""
        select.select([self._wakeup_read], [], [], timeout_s)
        try:
            while os.read(self._wakeup_read, 512):
                pass
        except BlockingIOError:
            return

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        stdout: Path,
        stderr: Path,
        environ: Mapping[str, str],
    ) -> PosixCommand:
        """Start the command; see ``Supervision``.

        ``posix_spawn`` rather than ``subprocess``: nobody but the supervisor may wait for it, and
        the supervisor stays small.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        before = os.getcwd()  # noqa: PTH109 - a text for chdir
        os.chdir(cwd)
        try:
            pid = os.posix_spawn(
                command[0],
                list(command),
                dict(environ),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(stdout), flags, 0o600),
                    (os.POSIX_SPAWN_OPEN, 2, str(stderr), flags, 0o600),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_SIGNALS_TO_DEFAULT,
            )
        finally:
            os.chdir(before)
        self._exits[pid] = None
        # Without a subreaper the only trace of what daemonised itself (``process_tree.py``).
        job_dir = None if sys.platform == "linux" else environ.get(JOB_DIR_VARIABLE)
        mark = None if job_dir is None else (JOB_DIR_VARIABLE, job_dir)
        return PosixCommand(self, pid, mark=mark)

    def exit_of(self, pid: int) -> Exit | None:
        """Collect every dead child, then say how a command ended, if it did.

        Parameters
        ----------
        pid
            A command's.
        """
        self.reap()
        return self._exits[pid]

    def reap(self) -> None:
        """Collect every dead child: commands, and orphans that became ours."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            # An orphan may have the pid of a command that ended before.
            if pid in self._exits and self._exits[pid] is None:
                code = os.waitstatus_to_exitcode(status)
                self._exits[pid] = Exit(code=code) if code >= 0 else Exit(signal_number=-code)

    def _on_stop(self, *_: object) -> None:
        self._stop_requested = True


class PosixCommand:
    """A ``Command``: its tree is the descendants of the supervisor, and what has its mark."""

    def __init__(
        self, supervision: PosixSupervision, pid: int, *, mark: tuple[str, str] | None
    ) -> None:
        self._supervision = supervision
        self._pid = pid
        self._mark = mark

    @property
    def pid(self) -> int:
        """The command's own process."""
        return self._pid

    def wait(self, *, timeout_s: float) -> Exit | None:
        """Wait for the end of the command, at most so long; see ``Command``."""
        finish = self._supervision.exit_of(self._pid)
        if finish is not None or timeout_s <= 0:
            return finish
        self._supervision.wait(timeout_s=timeout_s)
        return self._supervision.exit_of(self._pid)

    def end(self, *, grace_s: Callable[[], float], tick: Callable[[], None]) -> None:
        """End all descendants of the supervisor, adopted ones too; see ``Command``."""

        def reap_and_tick() -> None:
            """Collect what has ended; let the supervisor do what it does each second."""
            self._supervision.reap()
            tick()

        end_tree(self._members, grace_s=grace_s, tick=reap_and_tick)

    def _members(self) -> list[ProcessIdentity]:
        found = descendants(os.getpid())
        if self._mark is not None:
            found += [process for process in started_with(*self._mark) if process not in found]
        return found
