"""Start a job: reserve its directory, write its record, hand it to a supervisor.

The supervisor's interpreter takes about as long to start as the command line takes to check its
arguments, so the command line starts it first (``launch.py``) and hands it the job when everything
was found to be right. A supervisor that gets no job ends without a trace.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
from typing import TYPE_CHECKING, BinaryIO

from pdb_cli._version import __version__
from pdb_cli.errors import FileAccessError, JobStartError, PdbCliError
from pdb_cli.jobs.cancel_request import leave_request
from pdb_cli.jobs.ending import failed
from pdb_cli.jobs.identity import identify, this_place
from pdb_cli.jobs.launch import PYTHON
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import Job, JobStatus, utc_now
from pdb_cli.jobs.quoting import shell_line
from pdb_cli.jobs.redact import redact
from pdb_cli.jobs.store import JobStore
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pdb_cli.jobs.launch import WaitingSupervisor
    from pdb_cli.jobs.paths import JobPaths

_LOCK_WAIT_S = 1.0

PDB_CLI = (*PYTHON, "-m", "pdb_cli")
"""How pdb-cli runs itself."""


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
    answer_wait_s: float = 30.0,
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
    answer_wait_s
        How long the supervisor may take to start the command, in seconds.

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
    # The supervisor works in another directory.
    store = JobStore(store.jobs_dir.absolute())
    with contextlib.ExitStack() as after:
        after.callback(os.close, supervisor.answer_fd)
        request = os.fdopen(supervisor.request_fd, "wb")
        after.callback(_close_quietly, request)
        with contextlib.ExitStack() as undo:
            paths = store.reserve()
            undo.callback(_remove, paths)
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
            line = json.dumps(message).encode("ascii") + b"\n"
            # From here on the record is the supervisor's.
            undo.pop_all()
        with contextlib.suppress(BrokenPipeError):
            request.write(line)
        _close_quietly(request)
        answer = _read_answer(supervisor.answer_fd, wait_s=answer_wait_s)
        match answer:
            case "ok":
                return store.read(paths.job_id)
            case None:
                reason = f"its supervisor did not answer within {answer_wait_s:g} s"
                # It may yet wake up: then it finds that it is not wanted any more.
                leave_request(paths.cancel, user=user, reason=reason)
            case "":
                reason = "its supervisor died while starting"
                _record_failure(store, job, reason)
            case reason:
                pass
        raise JobStartError(paths.job_id, reason)


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
        command=shell_line([redact(item) for item in command]),
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
    except OSError as error:
        raise FileAccessError.wrap("create", paths.directory, error) from error
    # A convenience that not every file system offers.
    with contextlib.suppress(OSError):
        paths.log_link.symlink_to(f"{paths.job_id}/stderr.log")


def _read_answer(fd: int, *, wait_s: float) -> str | None:
    """Wait for the supervisor's word: empty if it died, None if it says nothing."""
    answer = b""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while poller.poll(wait_s * 1000):
        chunk = os.read(fd, 4096)
        if not chunk:
            return answer.decode("utf-8", "replace")
        answer += chunk
    return None


def _record_failure(store: JobStore, job: Job, reason: str) -> None:
    """Make sure that a job whose supervisor died while starting has ended, and says so."""
    from pdb_cli.jobs.process_tree import end_tree, started_with  # noqa: PLC0415 - hardly ever needed

    folder = str(store.paths(job.id).directory)
    with (
        contextlib.suppress(OSError, PdbCliError),
        JobLock(store.paths(job.id).lock) as lock,
    ):
        if lock.claim(wait_s=_LOCK_WAIT_S) and not store.read(job.id).status.final:
            # It may have started the command, and not have come to record that.
            end_tree(
                lambda: started_with("PDB_CLI_JOB_DIR", folder),
                grace_s=job.grace_s,
                tick=lambda: None,
            )
            store.write(failed(job, reason, finished_at=utc_now()))


def _remove(paths: JobPaths) -> None:
    """Take back a reservation that never became a job."""
    import shutil  # noqa: PLC0415 - only when something went wrong

    with contextlib.suppress(OSError):
        paths.log_link.unlink(missing_ok=True)
    shutil.rmtree(paths.directory, ignore_errors=True)


def _close_quietly(pipe: BinaryIO) -> None:
    """Close a pipe whose reader may have died; the missing answer tells."""
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


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
