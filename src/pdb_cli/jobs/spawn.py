"""Start a job: reserve its directory, write its record, hand it to a supervisor.

The supervisor's interpreter takes about as long to start as the command line takes to check its
arguments, so the command line starts it first (``start_supervisor``) and hands it the job when
everything was found to be right. A supervisor that gets no job ends without a trace.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdb_cli._version import __version__
from pdb_cli.errors import FileAccessError, JobStartError
from pdb_cli.jobs.identity import identify, this_place
from pdb_cli.jobs.model import Job, JobStatus, utc_now
from pdb_cli.jobs.redact import redact
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.store import JobStore

_ANSWER_WAIT_S = 30.0

# -P: a json.py in the current directory must not become ours.
_PYTHON = (sys.executable, "-P")
PDB_CLI = (*_PYTHON, "-m", "pdb_cli")
"""How pdb-cli runs itself."""


@dataclass(frozen=True, slots=True)
class WaitingSupervisor:
    """A supervisor process that waits for a job on its standard input."""

    pid: int
    request_fd: int
    answer_fd: int

    def dismiss(self) -> None:
        """Send it home: no job will come."""
        os.close(self.request_fd)
        os.close(self.answer_fd)


def start_supervisor(environ: Mapping[str, str]) -> WaitingSupervisor:
    """Start a supervisor process in a session of its own; return at once.

    Parameters
    ----------
    environ
        The environment it and its command get.

    Raises
    ------
    JobStartError
        The system could not start a process.
    """
    request_read, request_write = os.pipe()
    answer_read, answer_write = os.pipe()
    try:
        # posix_spawn, since importing subprocess would cost as much as starting the process.
        pid = os.posix_spawn(
            sys.executable,
            [*_PYTHON, "-m", "pdb_cli.jobs.supervisor"],
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, request_read, 0),
                (os.POSIX_SPAWN_DUP2, answer_write, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
        )
    except OSError as error:
        os.close(request_write)
        os.close(answer_read)
        raise JobStartError(None, f"no process could be started: {error.strerror}") from error
    finally:
        os.close(request_read)
        os.close(answer_write)
    return WaitingSupervisor(pid, request_write, answer_read)


def spawn_background(
    store: JobStore,
    make_argv: Callable[[JobPaths], Sequence[str]],
    *,
    supervisor: WaitingSupervisor,
    cwd: str,
    user: str,
    command: Sequence[str],
    grace_s: float = 10.0,
    program: Sequence[str] = PDB_CLI,
) -> Job:
    """Start ``pdb-cli`` in the background and return when its supervisor has it.

    When this returns, the job's record says ``running``, its log exists, and the end of the
    calling process or of its terminal can not touch it any more.

    Parameters
    ----------
    store
        Where the job's record goes.
    make_argv
        Called with the new job's paths; keeps what the command reads (lists, stdin) in the job
        directory and returns the arguments of ``pdb-cli``, without ``--bg``.
    supervisor
        A waiting supervisor; it is used up, also when this raises.
    cwd
        The directory the command runs in.
    user
        Who asked for it, for the record.
    command
        The arguments as the user typed them, for the record.
    grace_s
        Seconds between TERM and KILL when the job is cancelled.
    program
        What the arguments are given to; pdb-cli itself, unless a test says otherwise.

    Returns
    -------
    Job
        The record as written by the supervisor.

    Raises
    ------
    FileAccessError
        The jobs directory can not be written.
    JobStartError
        The supervisor or the command could not be started; a record with status ``failed`` and
        the reason stays behind.
    """
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, supervisor.answer_fd)
        request = os.fdopen(supervisor.request_fd, "wb")
        undo.callback(_close_quietly, request.close)
        paths = store.reserve()
        undo.callback(_remove_if_unused, paths)
        argv = make_argv(paths)
        job = _first_record(
            paths.job_id,
            argv,
            supervisor=supervisor,
            cwd=cwd,
            user=user,
            command=command,
            grace_s=grace_s,
        )
        _make_logs(paths)
        store.write(job, durable=False)
        message = {"directory": str(paths.directory), "command": [*program, *argv]}
        request.write(json.dumps(message).encode("utf-8", "surrogateescape") + b"\n")
        _close_quietly(request.close)
        answer = _read_answer(supervisor.answer_fd)
        if answer != "ok":
            _record_failure(store, paths.job_id, answer)
            raise JobStartError(paths.job_id, answer)
        return store.read(paths.job_id)


def _first_record(
    job_id: str,
    argv: Sequence[str],
    *,
    supervisor: WaitingSupervisor,
    cwd: str,
    user: str,
    command: Sequence[str],
    grace_s: float,
) -> Job:
    """Make the record the supervisor starts from."""
    place = this_place()
    return Job(
        id=job_id,
        command=shlex.join(redact(item) for item in command),
        argv=tuple(redact(item) for item in argv),
        cwd=cwd,
        status=JobStatus.RUNNING,
        started_at=utc_now(),
        host=place.host,
        boot_id=place.boot_id,
        pid_namespace=place.pid_namespace,
        user=user,
        version=__version__,
        python=sys.executable,
        # Known before it holds the lock, so that no reader takes a starting job for a lost one.
        supervisor=identify(supervisor.pid),
        pid=supervisor.pid,
        grace_s=grace_s,
    )


def _make_logs(paths: JobPaths) -> None:
    """Make the logs and the link to the log: they exist when their path is printed."""
    try:
        for log in (paths.stdout, paths.stderr):
            log.touch(mode=0o600)
        paths.log_link.symlink_to(f"{paths.job_id}/stderr.log")
    except OSError as error:
        raise FileAccessError.wrap("create", paths.directory, error) from error


def _read_answer(fd: int) -> str:
    """Wait for the supervisor's word."""
    answer = b""
    while True:
        ready, _, _ = select.select([fd], [], [], _ANSWER_WAIT_S)
        if not ready:
            return "its supervisor did not answer"
        chunk = os.read(fd, 4096)
        if not chunk:
            break
        answer += chunk
    return answer.decode("utf-8", "replace") or "its supervisor died while starting"


def _record_failure(store: JobStore, job_id: str, reason: str) -> None:
    """Make sure the record of a job that never ran says so."""
    job = store.read(job_id)
    if not job.status.final:
        store.write(
            job.with_changes(
                status=JobStatus.FAILED, finished_at=utc_now(), pid=None, reason=reason
            )
        )


def _remove_if_unused(paths: JobPaths) -> None:
    """Take back a reservation that never got a record."""
    if not paths.meta.exists():
        for item in (paths.log_link, paths.stdout, paths.stderr):
            item.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            paths.directory.rmdir()


def _close_quietly(close: Callable[[], None]) -> None:
    """Close a pipe whose reader may have died; the missing answer tells."""
    with contextlib.suppress(BrokenPipeError):
        close()


def write_input(paths: JobPaths, name: str, data: bytes) -> Path:
    """Keep what a command reads in the job directory and return its path.

    Parameters
    ----------
    paths
        The job's paths.
    name
        File name in the job directory, such as ``ids.list``.
    data
        The content.

    Raises
    ------
    FileAccessError
        It could not be written.
    """
    path = paths.directory / name
    write_atomic(path, data, mode=0o600, durable=False)
    return path
