"""The process that runs one job: it starts the command, waits for it and writes how it ended.

Started by ``spawn.py`` as ``python -P -m pdb_cli.jobs.supervisor`` in a session of its own. It
reads one line of JSON (the request) from its standard input and answers ``ok`` or a reason on its
standard output; then it lets go of both. Nothing of the caller's terminal or pipes is kept.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdb_cli.errors import PdbCliError
from pdb_cli.jobs.ending import Exit, ended
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.index import entry_of, update_index
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.process_tree import become_subreaper, descendants, end_tree
from pdb_cli.jobs.store import JobStore
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job, ProcessIdentity

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CANCEL_POLL_S = 1.0
_LOCK_TRIES = 500
_TAIL_BYTES = 4096


class Supervisor:
    """One job's supervisor: a state machine driven by signals and the cancel file."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self._store = store
        self._job = job
        self._paths = store.paths(job.id)
        self._lock = JobLock(self._paths.lock)
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
        become_subreaper()
        child = self._start_command(command)
        self._child = child.pid
        self._job = self._job.with_changes(
            pid=os.getpid(),
            supervisor=identify(os.getpid()),
            child=identify(child.pid),
            lock_works=lock_works,
        )
        self._store.write(self._job)
        write_atomic(self._paths.pid, f"{os.getpid()}\n".encode(), mode=0o600, durable=False)

    def watch(self) -> None:
        """Wait for the command's end, pass on what asks for an earlier one, and record it."""
        while self._finish is None:
            select.select([self._wakeup_read], [], [], _CANCEL_POLL_S)
            self._drain_wakeup()
            self._reap()
            if self._must_end():
                self._end_everything()
        self._record_end(self._finish)

    def _must_end(self) -> bool:
        """Tell whether somebody asked for the end of a command that still runs."""
        return self._finish is None and (self._stop_requested or self._paths.cancel.exists())

    def fail(self, reason: str) -> None:
        """Record that the job never ran."""
        self._finish_with(
            self._job.with_changes(
                status=JobStatus.FAILED, finished_at=utc_now(), pid=None, reason=reason
            )
        )

    def _start_command(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start the command, detached from everything."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        stdout = os.open(self._paths.stdout, flags, 0o600)
        stderr = os.open(self._paths.stderr, flags, 0o600)
        try:
            return subprocess.Popen(
                command,
                cwd=self._job.cwd,
                env={**os.environ, "PDB_CLI_JOB_DIR": str(self._paths.directory)},  # noqa: TID251 - the command inherits ours
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        finally:
            os.close(stdout)
            os.close(stderr)

    def _take_lock(self) -> bool:
        """Take the job's lock (a reader may hold it for a moment); return whether it works."""
        try:
            for _ in range(_LOCK_TRIES):
                if self._lock.acquire():
                    return self._lock.excludes_others()
                select.select([], [], [], 0.01)
        except OSError:
            return False
        raise BlockingIOError(None, "another supervisor holds the job's lock")

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
        grace = self._cancel_request() or {}
        end_tree(
            self._members,
            grace_s=float(grace.get("grace_s", self._job.grace_s)),
            tick=self._reap,
        )

    def _members(self) -> list[ProcessIdentity]:
        return descendants(os.getpid())

    def _cancel_request(self) -> dict[str, Any] | None:
        """Return the cancel request, if there is one; a torn one counts as a request."""
        try:
            request = json.loads(self._paths.cancel.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {}
        return request if isinstance(request, dict) else {}

    def _record_end(self, finish: Exit) -> None:
        """Write the final record: on disk before the lock is let go."""
        self._finish_with(
            ended(
                self._job,
                finish,
                finished_at=utc_now(),
                cancel=self._cancel_request(),
                stopped_by_system=self._stop_requested,
                last_line=_last_line(self._paths.stderr),
            )
        )

    def _finish_with(self, job: Job) -> None:
        self._store.write(job)
        self._paths.pid.unlink(missing_ok=True)
        update_index(self._store, {job.id: entry_of(job)})


def _last_line(log: Path) -> str:
    """Return the last line of a log, without its time, for the reason of a failure."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        text = line.strip()
        if text:
            stamp, _, message = text.partition(" ")
            return message if stamp.endswith("Z") and "T" in stamp else text
    return ""


def main() -> int:
    """Run one job, as asked on standard input; end quietly if the caller changed its mind."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    request = json.loads(line)
    directory = Path(request["directory"])
    store = JobStore(directory.parent)
    answer = _take_over_streams(store.paths(directory.name).supervisor_log)
    job = store.read(directory.name)
    supervisor = Supervisor(store, job)
    try:
        supervisor.start(request["command"])
    except (OSError, PdbCliError) as error:
        reason = f"could not start: {error}"
        supervisor.fail(reason)
        os.write(answer, reason.encode())
        return 1
    os.write(answer, b"ok")
    os.close(answer)
    update_index(store, {job.id: entry_of(job)})
    supervisor.watch()
    return 0


def _take_over_streams(log: Path) -> int:
    """Let go of the caller's pipes; return the descriptor for the one answer."""
    answer = os.dup(1)
    os.set_inheritable(answer, False)  # noqa: FBT003 - the standard library's signature
    nothing = os.open(os.devnull, os.O_RDONLY)
    trouble = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(trouble, 1)
    os.dup2(trouble, 2)
    os.close(nothing)
    os.close(trouble)
    # A job must not keep the caller's directory busy; the command gets its own.
    os.chdir("/")
    return answer


if __name__ == "__main__":
    sys.exit(main())
