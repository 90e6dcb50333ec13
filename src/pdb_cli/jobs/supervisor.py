"""The process that runs one job: it starts the command, waits for it and writes how it ended.

Started by ``spawn.py`` as ``python -P -m pdb_cli.jobs.supervisor`` in a session of its own. It
reads one line of JSON (the request) from its standard input and answers ``ok`` or a reason on its
standard output; then it lets go of both. Nothing of the caller's terminal or pipes is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdb_cli.errors import FileAccessError, JobStateError, PdbCliError, UnknownJobError
from pdb_cli.jobs.cancel_request import read_request
from pdb_cli.jobs.command_process import last_line
from pdb_cli.jobs.ending import ended, failed, never_started
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.log_cap import cap_log
from pdb_cli.jobs.model import JobStatus, parse_grace, utc_now
from pdb_cli.jobs.process import system
from pdb_cli.jobs.store import JobStore
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.process import Command

_LOOK_EVERY_S = 1.0
_CAP_RETRY_S = 60.0
_LEFTOVER_PATIENCE_S = 10.0
_UNREADABLE_PATIENCE_S = 600.0
_HEARTBEAT_S = 20.0
"""How often the lock file gets a new time; readers find an age of 60 s suspicious."""
_LOCK_WAIT_S = 5.0
_WRITE_PATIENCE_S = 600.0
_STREAMS = 3


class Supervisor:
    """One job's supervisor: a state machine driven by signals and the cancel file."""

    def __init__(self, store: JobStore, job: Job, request: Mapping[str, Any]) -> None:
        self._store = store
        self._job = job
        self._request = request
        self._paths = store.paths(job.id)
        self._supervision = system().begin_supervision()
        self._command: Command | None = None
        self._lock: JobLock | None = None
        self._may_write = False
        self._beaten_s = float("-inf")
        self._cap_next_s = float("-inf")
        self._complained = False

    def accept(self) -> None:
        """Take the lock; start the command, unless it has to wait for another job.

        Raises
        ------
        OSError
            The command could not be started, or the directory can not be written.
        FileAccessError
            The record could not be written.
        """
        lock_works = self._take_lock()
        # Somebody may have cancelled it, or ended it, while this process came to life.
        self._job = self._store.read(self._job.id)
        if self._job.status.final:
            raise JobStateError(self._job.id, str(self._job.status), "start")
        cancel = read_request(self._paths.cancel)
        if cancel is not None:
            self._finish_with(
                never_started(self._job, cancel=cancel, finished_at=utc_now()), patience_s=0.0
            )
            raise JobStateError(self._job.id, "cancelled", "start")
        self._job = self._job.with_changes(
            pid=os.getpid(), supervisor=identify(os.getpid()), lock_works=lock_works
        )
        if self._job.status is JobStatus.QUEUED:
            self._store.write(self._job, durable=False)
        else:
            self._start()
        with contextlib.suppress(FileAccessError):
            pid = f"{os.getpid()}\n".encode()
            write_atomic(self._paths.pid, pid, mode=0o600, durable=False)

    def give_up(self, reason: str) -> None:
        """Record that the job could not be started; nothing of it is left running."""
        if not self._may_write:
            return  # somebody else has the job's lock: it is for him to say how it ended
        self._end_command()
        job = failed(self._job, reason, finished_at=utc_now())
        self._finish_with(job, patience_s=0.0)

    def watch(self) -> None:
        """Wait for the job's turn and for the command's end, record it, and tell."""
        self._store.make_durable(self._job.id)
        update_index(self._store, [self._job])
        job = self._wait_in_queue() or self._wait_for_command()
        if self._finish_with(job, patience_s=_WRITE_PATIENCE_S):
            self._tell(job)

    def _start(self) -> Command:
        """Start the command and write ``running``."""
        self._command = self._supervision.start(
            self._request["command"],
            cwd=self._job.cwd,
            stdout=self._paths.stdout,
            stderr=self._paths.stderr,
            environ={**_environ(), **dict([self._paths.mark])},
        )
        self._job = self._job.with_changes(
            status=JobStatus.RUNNING, child=identify(self._command.pid)
        )
        # On the disk it is made sure of when the caller has his answer.
        self._store.write(self._job, durable=False)
        return self._command

    def _wait_in_queue(self) -> Job | None:
        """Wait for the job's turn and start it; return its end if it never gets that far."""
        if self._job.status is not JobStatus.QUEUED or self._job.after is None:
            return None
        from pdb_cli.jobs.after import read_after, take_turn  # noqa: PLC0415 - seldom needed

        after = read_after(self._job.after)
        unreadable_s: float | None = None
        while True:
            if self._end_wanted():
                request = read_request(self._paths.cancel)
                return never_started(self._job, cancel=request, finished_at=utc_now())
            turn = take_turn(self._store, after)
            if turn.unreadable is None:
                unreadable_s = None
            elif unreadable_s is None:
                unreadable_s = time.monotonic()
            elif time.monotonic() - unreadable_s > _UNREADABLE_PATIENCE_S:
                turn = turn._replace(never=turn.unreadable)
            if turn.never is not None:
                return failed(self._job, f"not started: {turn.never}", finished_at=utc_now())
            if turn.start:
                break
            self._beat()
            self._supervision.wait(timeout_s=_LOOK_EVERY_S)
        self._job = self._job.with_changes(started_at=utc_now())
        try:
            self._start()
        except (OSError, FileAccessError) as error:
            self._end_command()
            return failed(self._job, f"could not start: {_words(error)}", finished_at=utc_now())
        self._store.make_durable(self._job.id)
        update_index(self._store, [self._job])
        return None

    def _wait_for_command(self) -> Job:
        """Wait for the command's end, pass on what asks for an earlier one; return the end."""
        if self._command is None:
            raise AssertionError("there is no command to wait for")
        finish = self._command.wait(timeout_s=0.0)
        while finish is None:
            if self._end_wanted():
                self._end_command()
            self._look_after()
            finish = self._command.wait(timeout_s=_LOOK_EVERY_S)
        self._end_leftovers()
        return ended(
            self._job,
            finish,
            finished_at=utc_now(),
            cancel=read_request(self._paths.cancel),
            stopped_by_system=self._supervision.stop_requested,
            last_line=last_line(self._paths.stderr),
        )

    def _end_wanted(self) -> bool:
        """Tell whether the system or somebody with a request wants the job to end."""
        return self._supervision.stop_requested or os.path.exists(self._paths.cancel)  # noqa: PTH110 - never raises

    def _look_after(self) -> None:
        """Do what is done each second while anything of the job lives."""
        self._beat()
        self._cap_logs()

    def _beat(self) -> None:
        """Show other hosts, which may not see the lock, that somebody lives here."""
        now_s = time.monotonic()
        if now_s - self._beaten_s >= _HEARTBEAT_S:
            self._beaten_s = now_s
            with contextlib.suppress(OSError):  # a removed directory: found out elsewhere
                os.utime(self._paths.lock)

    def _cap_logs(self) -> None:
        """Keep the logs from filling the disk."""
        max_bytes = self._request["log_max_bytes"]
        now_s = time.monotonic()
        if not max_bytes or now_s < self._cap_next_s:
            return
        self._cap_next_s = now_s + _LOOK_EVERY_S
        try:
            for log in (self._paths.stdout, self._paths.stderr):
                cap_log(log, max_bytes=max_bytes)
        except OSError as error:
            self._cap_next_s = now_s + _CAP_RETRY_S
            if not self._complained:
                self._complained = True
                _complain(f"the logs of {self._job.id} are not kept small: {_words(error)}")

    def _take_lock(self) -> bool:
        """Take the job's lock (a reader may hold it for a moment); return whether it works."""
        # Kept open, and so held, until the end is recorded.
        self._lock = JobLock(self._paths.lock)
        try:
            self._may_write = self._lock.acquire(wait_s=_LOCK_WAIT_S)
        except OSError:
            self._may_write = True
            return False
        if not self._may_write:
            raise BlockingIOError(None, "somebody else holds the job's lock")
        return self._lock.excludes_others()

    def _end_command(self) -> None:
        """End the whole tree, politely and then for certain."""
        if self._command is not None:
            self._command.end(grace_s=self._grace_s, tick=self._look_after)

    def _end_leftovers(self) -> None:
        """End what the command left behind: it belongs to the job, nobody could end it later.

        The end of the job does not wait for ever for what even KILL does not end.
        """
        if self._command is None:
            return
        limit_s = time.monotonic() + self._grace_s() + _LEFTOVER_PATIENCE_S

        def look_at_the_clock() -> None:
            """Do what is done each second; leave when it has taken too long."""
            self._look_after()
            if time.monotonic() > limit_s:
                raise TimeoutError

        try:
            self._command.end(grace_s=self._grace_s, tick=look_at_the_clock)
        except TimeoutError:
            _complain(f"something that {self._job.id} started could not be ended")

    def _grace_s(self) -> float:
        """Return the grace time of the latest request: it may be in more of a hurry."""
        request = read_request(self._paths.cancel) or {}
        return parse_grace(request.get("grace_s"), default=self._job.grace_s)

    def _finish_with(self, job: Job, *, patience_s: float) -> bool:
        """Write the final record: on disk before the lock is let go; return success."""
        try:
            self._store.write_patiently(job, patience_s=patience_s)
        except UnknownJobError:
            return False  # the job's directory was removed: nothing to record
        except FileAccessError as error:
            _complain(
                f"the end of {job.id} could not be recorded: it {job.status}, exit code "
                f"{job.exit_code} ({_words(error)})"
            )
            return False
        with contextlib.suppress(OSError):
            self._paths.pid.unlink(missing_ok=True)
        update_index(self._store, [job])
        return True

    def _tell(self, job: Job) -> None:
        """Tell whoever wants to know; the job has ended, so nobody waits for that."""
        target = self._request["notify"]
        if not target:
            return
        if self._lock is not None:
            self._lock.release()
        from pdb_cli.jobs.notify import run_notice  # noqa: PLC0415 - seldom needed

        problem = run_notice(
            target, job, self._paths, supervision=self._supervision, environ=_environ()
        )
        if problem is not None:
            _complain(f"the notice of the end of {job.id} {problem}")


def main() -> int:
    """Run one job, as asked on standard input; end quietly if the caller changed its mind."""
    # While the caller still checks his arguments: he waits for what comes after his request.
    system().prepare_supervisor()
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
        supervisor = Supervisor(store, store.read(directory.name), request)
        supervisor.accept()
    except JobStateError as error:
        _say(answer, f"it was {error.status} before it was started")
        return 1
    except (OSError, PdbCliError) as error:
        reason = f"could not start: {_words(error)}"
        if supervisor is not None:
            supervisor.give_up(reason)
        _say(answer, reason)
        return 1
    _say(answer, "ok")
    supervisor.watch()
    return 0


def _environ() -> Mapping[str, str]:
    """Return the environment that commands inherit."""
    return os.environ  # noqa: TID251 - a process of its own, which passes on its caller's


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
