"""Start a job: reserve its directory, write its record, hand it to a supervisor.

The supervisor's interpreter takes about as long to start as the command line takes to check its
arguments, so the command line starts it first (``launch.py``) and hands it the job when everything
was found to be right. A supervisor that gets no job ends without a trace.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from pdb_cli._version import __version__
from pdb_cli.errors import FileAccessError, InvalidValueError, JobStateError
from pdb_cli.jobs.handover import Handover
from pdb_cli.jobs.identity import identify, this_place
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import LONGEST_GRACE_S, Job, JobStatus, utc_now
from pdb_cli.jobs.options import Handling, JobOptions
from pdb_cli.jobs.quoting import shell_line
from pdb_cli.jobs.redact import redact
from pdb_cli.jobs.store import JobStore
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pdb_cli.jobs.launch import WaitingSupervisor
    from pdb_cli.jobs.paths import JobPaths

_LOCK_WAIT_S = 1.0
_LONGEST_LABEL = 100


def spawn_background(
    store: JobStore,
    make_argv: Callable[[JobPaths], Sequence[str]],
    *,
    supervisor: WaitingSupervisor,
    cwd: str,
    user: str,
    command: str,
    options: JobOptions = JobOptions(),  # noqa: B008 - immutable
    handling: Handling = Handling(),  # noqa: B008 - immutable
) -> Job:
    """Start ``pdb-cli`` in the background and return when its supervisor has it.

    When this returns, the job's record says ``running`` (``queued`` if it waits for another
    job), its log exists, and the end of the calling process or of its terminal can not touch it
    any more.

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
        The arguments as the user typed them, for the record (see ``command_line``).
    options
        What the job is told beside its command.
    handling
        What the supervisor is told.

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
        the reason stays behind (``cancelled`` if the supervisor was only too late).
    InvalidValueError
        A NUL among the arguments, a label that is too long, a grace time out of bounds.
    """
    with contextlib.closing(Handover(supervisor)) as handover:
        # The supervisor works in another directory.
        store = JobStore(store.jobs_dir.absolute())
        job, arguments = _new_record(
            store,
            make_argv,
            # Known before it holds the lock, so that no reader takes a starting job for a lost one.
            supervisor=supervisor,
            cwd=cwd,
            user=user,
            command=command,
            options=options,
            notify=handling.notify,
        )
        return handover.give(store, job, arguments, handling)


def create_job(
    store: JobStore,
    make_argv: Callable[[JobPaths], Sequence[str]],
    *,
    cwd: str,
    user: str,
    command: str,
    options: JobOptions = JobOptions(),  # noqa: B008 - immutable
) -> Job:
    """Make the record of a job that is started later, by ``start_job``.

    When this returns, the job is listed as ``queued (not started)`` and can be cancelled.

    Parameters
    ----------
    store, make_argv, cwd, user, command, options
        As for ``spawn_background``.

    Raises
    ------
    InvalidValueError
        The arguments hold a secret; records do not keep those, so it could not be started later.
    FileAccessError
        The jobs directory can not be written.
    """
    return _new_record(
        JobStore(store.jobs_dir.absolute()),
        make_argv,
        supervisor=None,
        cwd=cwd,
        user=user,
        command=command,
        options=options,
        refuse_secrets=True,
    )[0]


def start_job(
    store: JobStore,
    job_id: str,
    *,
    supervisor: WaitingSupervisor,
    handling: Handling = Handling(),  # noqa: B008 - immutable
) -> Job:
    """Start a job made by ``create_job``; of several callers one succeeds.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.
    supervisor, handling
        As for ``spawn_background``.

    Returns
    -------
    Job
        The record as written by the supervisor.

    Raises
    ------
    JobStateError
        It was started already, or cancelled.
    JobStartError, FileAccessError, UnknownJobError, JobRecordError
        As ``spawn_background`` and ``JobStore.read``.
    """
    with contextlib.closing(Handover(supervisor)) as handover:
        store = JobStore(store.jobs_dir.absolute())
        paths = store.paths(job_id)
        store.read(job_id)
        try:
            lock = JobLock(paths.lock)
        except OSError as error:
            raise FileAccessError.wrap("write", paths.lock, error) from error
        with lock:
            claimed = lock.claim(wait_s=_LOCK_WAIT_S)
            job = store.read(job_id)
            if not claimed or job.status is not JobStatus.QUEUED or job.supervisor is not None:
                raise JobStateError(job_id, str(job.status), "start")
            job = job.with_changes(
                **_where_and_by_what(),
                status=JobStatus.QUEUED if job.after else JobStatus.RUNNING,
                started_at=utc_now(),
                supervisor=identify(supervisor.pid),
                pid=supervisor.pid,
            )
            store.write(job, durable=False)
        return handover.give(store, job, job.argv, handling)


def command_line(arguments: Iterable[str]) -> str:
    """Return arguments as a record's ``command``: one shell line, without secrets.

    Examples
    --------
    >>> command_line(["download", "-d", "my files", "4hhb"])
    "download -d 'my files' 4hhb"
    """
    return shell_line([redact(item) for item in arguments])


def _new_record(
    store: JobStore,
    make_argv: Callable[[JobPaths], Sequence[str]],
    *,
    supervisor: WaitingSupervisor | None,
    cwd: str,
    user: str,
    command: str,
    options: JobOptions,
    notify: str = "",
    refuse_secrets: bool = False,
) -> tuple[Job, tuple[str, ...]]:
    """Reserve an id and write the record the supervisor starts from, or leave nothing."""
    _check(options)
    with contextlib.ExitStack() as undo:
        paths = store.reserve()
        undo.callback(_remove, paths)
        arguments = tuple(make_argv(paths))
        argv = tuple(redact(item) for item in arguments)
        if any("\0" in item for item in (*arguments, cwd)):
            raise InvalidValueError("arguments", shell_line(argv), "no NUL among them")
        if refuse_secrets and argv != arguments:
            raise InvalidValueError("arguments", shell_line(argv), "no secret among them")
        waits = supervisor is None or options.after is not None
        now = utc_now()
        job = Job(
            id=paths.job_id,
            command=command,
            argv=argv,
            cwd=cwd,
            status=JobStatus.QUEUED if waits else JobStatus.RUNNING,
            started_at=now,
            queued_at=now if waits else None,
            user=user,
            **_where_and_by_what(),
            supervisor=None if supervisor is None else identify(supervisor.pid),
            pid=None if supervisor is None else supervisor.pid,
            label=None if options.label is None else redact(options.label),
            after=options.after,
            notify=_shown(notify),
            restarted_from=options.restarted_from,
            grace_s=options.grace_s,
        )
        _make_logs(paths)
        store.write(job, durable=False)
        undo.pop_all()
    return job, arguments


def _check(options: JobOptions) -> None:
    """Refuse what no record should hold."""
    if not 0 <= options.grace_s <= LONGEST_GRACE_S:
        raise InvalidValueError("grace", f"{options.grace_s:g}", f"0 to {LONGEST_GRACE_S} s")
    if options.label is not None and len(options.label) > _LONGEST_LABEL:
        shown = f"{options.label[:20]}..."
        raise InvalidValueError("--label", shown, f"at most {_LONGEST_LABEL} characters")


def _where_and_by_what() -> dict[str, Any]:
    """Return the fields of a record that say where and with what a job runs."""
    place = this_place()
    return {
        "host": place.host,
        "boot_id": place.boot_id,
        "pid_namespace": place.pid_namespace,
        "version": __version__,
        "python": sys.executable,
    }


def _shown(target: str) -> str | None:
    """Return who will be told, as the record may show it."""
    if not target:
        return None
    from pdb_cli.jobs.notify import hide_secrets  # noqa: PLC0415 - seldom needed

    return hide_secrets(target)


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


def _remove(paths: JobPaths) -> None:
    """Take back a reservation that never became a job."""
    import shutil  # noqa: PLC0415 - only when something went wrong

    with contextlib.suppress(OSError):
        paths.log_link.unlink(missing_ok=True)
    shutil.rmtree(paths.directory, ignore_errors=True)


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
