"""The process that runs one job: it starts the command, waits for it and writes how it ended.

Started by ``spawn.py`` as ``python -P -m pdb_cli.jobs.supervisor`` in a session of its own. It
reads one line of JSON (the request) from its standard input and answers ``ok`` or a reason on its
standard output; then it lets go of both. Nothing of the caller's terminal or pipes is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, PdbCliError, UnknownJobError
from pdb_cli.jobs.cancel_request import read_request
from pdb_cli.jobs.command_process import last_line, start_command
from pdb_cli.jobs.ending import Exit, ended, failed
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import parse_grace, utc_now
from pdb_cli.jobs.process_tree import become_subreaper, descendants, end_tree
from pdb_cli.jobs.store import JobStore
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job, ProcessIdentity

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CANCEL_POLL_S = 1.0
_LOCK_WAIT_S = 5.0
_WRITE_PATIENCE_S = 600.0
_STREAMS = 3


class Supervisor:
    """One job's supervisor: a state machine driven by signals and the cancel file."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self._store = store
        self._job = job
        self._paths = store.paths(job.id)
        self._child: int | None = None
        self._finish: Exit | None = None
        self._stop_requested = False
        self._wakeup_read, self._wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def start(self, command: list[str]) -> None:
        """Take the lock, start the command, write ``running``.

        Raises
        ------
        OSError
            The command could not be started, or the directory can not be written.
        FileAccessError
            The record could not be written.
        """
        self._catch_signals()
        lock_works = self._take_lock()
        self._child = start_command(
            command,
            cwd=self._job.cwd,
            paths=self._paths,
            environ=os.environ,  # noqa: TID251 - the command inherits ours
        )
        self._job = self._job.with_changes(
            pid=os.getpid(),
            supervisor=identify(os.getpid()),
            child=identify(self._child),
            lock_works=lock_works,
        )
        # On the disk it is made sure of when the caller has his answer.
        self._store.write(self._job, durable=False)
        with contextlib.suppress(FileAccessError):
            pid = f"{os.getpid()}\n".encode()
            write_atomic(self._paths.pid, pid, mode=0o600, durable=False)

    def give_up(self, reason: str) -> None:
        """Record that the job could not be started; nothing of it is left running."""
        self._end_everything()
        job = failed(self._job, reason, finished_at=utc_now())
        self._finish_with(job, patience_s=0.0)

    def watch(self) -> None:
        """Wait for the command's end, pass on what asks for an earlier one, and record it."""
        self._store.make_durable(self._job.id)
        update_index(self._store, [self._job])
        self._reap()
        while self._finish is None:
            if self._stop_requested or os.path.exists(self._paths.cancel):  # noqa: PTH110 - never raises
                self._end_everything()
            select.select([self._wakeup_read], [], [], _CANCEL_POLL_S)
            self._drain_wakeup()
            self._reap()
        job = ended(
            self._job,
            self._finish,
            finished_at=utc_now(),
            cancel=read_request(self._paths.cancel),
            stopped_by_system=self._stop_requested,
            last_line=last_line(self._paths.stderr),
        )
        self._finish_with(job, patience_s=_WRITE_PATIENCE_S)

    def _take_lock(self) -> bool:
        """Take the job's lock (a reader may hold it for a moment); return whether it works."""
        # Kept open, and so held, until this process ends.
        self._lock = JobLock(self._paths.lock)
        try:
            held = self._lock.acquire(wait_s=_LOCK_WAIT_S)
        except OSError:
            return False
        if not held:
            raise BlockingIOError(None, "somebody else holds the job's lock")
        return self._lock.excludes_others()

    def _catch_signals(self) -> None:
        """Turn signals into bytes in a pipe, so that none is missed between two looks."""
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop)

    def _on_stop(self, *_: object) -> None:
        self._stop_requested = True

    def _drain_wakeup(self) -> None:
        """Empty the wake-up pipe."""
        try:
            while os.read(self._wakeup_read, 512):
                pass
        except BlockingIOError:
            return

    def _reap(self) -> None:
        """Collect every dead child: the command and orphans that became ours."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                self._finish = Exit(code=code) if code >= 0 else Exit(signal_number=-code)

    def _end_everything(self) -> None:
        """End the whole tree, politely and then for certain."""
        end_tree(self._members, grace_s=self._grace_s, tick=self._reap)

    def _grace_s(self) -> float:
        """Return the grace time of the latest request: it may be in more of a hurry."""
        request = read_request(self._paths.cancel) or {}
        return parse_grace(request.get("grace_s"), default=self._job.grace_s)

    def _members(self) -> list[ProcessIdentity]:
        return descendants(os.getpid())

    def _finish_with(self, job: Job, *, patience_s: float) -> None:
        """Write the final record: on disk before the lock is let go."""
        try:
            self._store.write_patiently(job, patience_s=patience_s)
        except UnknownJobError:
            return  # the job's directory was removed: nothing to record
        except FileAccessError as error:
            _complain(
                f"the end of {job.id} could not be recorded: it {job.status}, exit code "
                f"{job.exit_code} ({_words(error)})"
            )
            return
        with contextlib.suppress(OSError):
            self._paths.pid.unlink(missing_ok=True)
        update_index(self._store, [job])


def main() -> int:
    """Run one job, as asked on standard input; end quietly if the caller changed its mind."""
    _close_inherited()
    # While the caller still checks his arguments: what follows is what he waits for.
    become_subreaper()
    line = sys.stdin.buffer.readline()  # noqa: TID251 - the request comes through our own pipe
    if not line.endswith(b"\n"):
        return 0
    request = json.loads(line)
    directory = Path(request["directory"])
    store = JobStore(directory.parent)
    answer = _let_go_of_streams()
    supervisor = None
    try:
        _write_to(store.paths(directory.name).supervisor_log)
        supervisor = Supervisor(store, store.read(directory.name))
        supervisor.start(request["command"])
    except (OSError, PdbCliError) as error:
        reason = f"could not start: {_words(error)}"
        if supervisor is not None:
            supervisor.give_up(reason)
        _say(answer, reason)
        return 1
    _say(answer, "ok")
    supervisor.watch()
    return 0


def _close_inherited() -> None:
    """Close what the caller's shell had open beside the three streams."""
    try:
        inherited = [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 - numbers
    except OSError:
        inherited = list(range(1024))
    for fd in inherited:
        if fd >= _STREAMS:
            with contextlib.suppress(OSError):
                os.close(fd)


def _let_go_of_streams() -> int:
    """Let go of the caller's pipes and directory; return the descriptor for the one answer."""
    answer = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(_STREAMS):
        os.dup2(nothing, stream)
    os.close(nothing)
    # A job must not keep the caller's directory busy; the command gets its own.
    os.chdir("/")
    return answer


def _write_to(log: Path) -> None:
    """Let trouble of this process go to a file."""
    trouble = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(trouble, 1)
    os.dup2(trouble, 2)
    os.close(trouble)


def _say(answer: int, text: str) -> None:
    """Answer the caller, who may have died meanwhile; the job goes on without him."""
    with contextlib.suppress(OSError):
        os.write(answer, text.encode("utf-8", "backslashreplace"))
    os.close(answer)


def _complain(text: str) -> None:
    """Leave a line in ``supervisor.log``, if the disk has room for it."""
    with contextlib.suppress(OSError):
        os.write(2, f"{utc_now()} {text}\n".encode("utf-8", "backslashreplace"))


def _words(error: OSError | PdbCliError) -> str:
    """Say in words what the operating system refused."""
    if isinstance(error, FileAccessError):
        return f"can not {error.action} {error.path}: {error.reason}"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    return str(error)


if __name__ == "__main__":
    sys.exit(main())  # noqa: TID251 - this is a process of its own
