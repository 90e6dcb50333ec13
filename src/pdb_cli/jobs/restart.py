"""Run the arguments of a job again, as a new job; what was done already is not done twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, JobRestartError, JobStateError
from pdb_cli.jobs.ending import can_restart, continuation
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.options import Handling, JobOptions
from pdb_cli.jobs.redact import REDACTED
from pdb_cli.jobs.regular_file import read_regular
from pdb_cli.jobs.spawn import spawn_background, write_input

if TYPE_CHECKING:
    from pdb_cli.jobs.launch import WaitingSupervisor
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.store import JobStore


def find_restartable(store: JobStore, job_id: str) -> Job:
    """Return the record of a job that ``restart_job`` can run again.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.

    Raises
    ------
    JobStateError
        It has not ended.
    JobRestartError
        Its arguments held a secret, which no record keeps.
    UnknownJobError, JobRecordError
        As ``JobStore.read``.
    """
    job = observe(store, job_id).job
    if not job.status.final:
        raise JobStateError(job_id, str(job.status), "restart")
    if not can_restart(job):
        raise JobRestartError(job_id, "its arguments held a secret", continuation(job))
    return job


def restart_job(
    store: JobStore,
    job: Job,
    *,
    supervisor: WaitingSupervisor,
    user: str,
    grace_s: float = 10.0,
    handling: Handling = Handling(),  # noqa: B008 - immutable
) -> Job:
    """Start a new job with the arguments, directory, lists and label of an old one.

    The old record stays as it is. The environment is this process's: records hold none.

    Parameters
    ----------
    store
        The jobs directory.
    job
        What ``find_restartable`` returned.
    supervisor
        A waiting supervisor; it is used up, also when this raises.
    user
        Who asks, for the record.
    grace_s
        Seconds between TERM and KILL when the new job is cancelled.
    handling
        What the supervisor is told; ``remembered_target`` finds who was told before.

    Returns
    -------
    Job
        The record of the new job; its ``restarted_from`` names the old one.

    Raises
    ------
    FileAccessError
        A list kept with the old job can not be read, or the new one not be written.
    JobStartError
        As ``spawn_background``.
    """
    old_dir = store.paths(job.id).mark[1]

    def copy_inputs(paths: JobPaths) -> list[str]:
        """Give the new job its own copy of what was frozen for the old one."""
        return [_copy(Path(item), paths) if _is_kept(item, old_dir) else item for item in job.argv]

    return spawn_background(
        store,
        copy_inputs,
        supervisor=supervisor,
        cwd=job.cwd,
        user=user,
        command=job.command,
        options=JobOptions(grace_s=grace_s, label=job.label, restarted_from=job.id),
        handling=handling,
    )


def remembered_target(job: Job) -> str | None:
    """Return who was told of a job's end, as ``notify`` takes it.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    str or None
        Empty if nobody was; None if that was by a URL or with a secret, which no record keeps.
    """
    if job.notify is None:
        return ""
    return None if REDACTED in job.notify else job.notify


def _is_kept(item: str, directory: str) -> bool:
    """Tell whether an argument is a file in a job's directory, whichever way that is spelled."""
    return os.path.isabs(item) and os.path.realpath(os.path.dirname(item)) == directory  # noqa: PTH117, PTH120 - texts


def _copy(kept: Path, paths: JobPaths) -> str:
    """Copy one input into the new job's directory and return where it is."""
    try:
        data = read_regular(kept)
    except OSError as error:
        raise FileAccessError.wrap("read", kept, error) from error
    return str(write_input(paths, kept.name, data))
