"""Cancel a job: leave a request, tell the supervisor, wait for the end it writes."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, JobStateError
from pdb_cli.jobs.cancel_request import leave_request
from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.paths import JOB_DIR_VARIABLE
from pdb_cli.jobs.process import system

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

_POLL_S = 0.05
_PATIENCE_S = 10.0


def cancel_job(store: JobStore, job_id: str, *, user: str) -> Job:
    """Cancel a job and wait until its whole process tree has ended.

    Cancelling a cancelled job changes nothing.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.
    user
        Who asks, for the record.

    Returns
    -------
    Job
        The final record. Its status is ``completed`` or ``failed`` if the command ended by
        itself before the request reached it.

    Raises
    ------
    JobStateError
        The job had already completed or failed, or its supervisor, on another host perhaps, did
        not act within the grace time and ten seconds.
    FileAccessError
        The request could not be left in the job's directory.
    UnknownJobError, JobRecordError
        As ``JobStore.read``.
    """
    job = observe(store, job_id).job
    if job.status is JobStatus.CANCELLED:
        return job
    if job.status.final:
        raise JobStateError(job_id, str(job.status), "cancel")
    leave_request(store.paths(job_id).cancel, user=user)
    _tell_supervisor(job)
    return _wait_for_end(store, job, user)


def _tell_supervisor(job: Job) -> None:
    """Wake the supervisor if it is ours to signal; the request file alone is enough."""
    here = this_place()
    same = (job.host, job.boot_id, job.pid_namespace) == (
        here.host,
        here.boot_id,
        here.pid_namespace,
    )
    if same and job.supervisor is not None:
        system().tell_supervisor(job.supervisor)


def _wait_for_end(store: JobStore, job: Job, user: str) -> Job:
    """Wait until the supervisor has written the end; stand in for one that is gone."""
    deadline = time.monotonic() + job.grace_s + _PATIENCE_S
    while True:
        seen = observe(store, job.id)
        if seen.doubt is Doubt.UNSUPERVISED:
            _cancel_unsupervised(store, seen.job, user)
            seen = observe(store, job.id)
        if seen.job.status.final:
            return seen.job
        if time.monotonic() > deadline:
            raise JobStateError(job.id, "still running", "cancel")
        time.sleep(_POLL_S)


def _cancel_unsupervised(store: JobStore, job: Job, user: str) -> None:
    """End a command whose supervisor is gone, and write the end in its place."""
    paths = store.paths(job.id)
    try:
        lock = JobLock(paths.lock)
    except OSError as error:
        raise FileAccessError.wrap("write", paths.lock, error) from error
    with lock:
        # While it is held nobody else writes a verdict; whoever holds it now is cancelling too.
        if not lock.claim() or store.read(job.id).status.final:
            return
        mark = (JOB_DIR_VARIABLE, str(paths.directory))
        system().end_unsupervised(job.child, mark=mark, grace_s=job.grace_s)
        ended = job.with_changes(
            status=JobStatus.CANCELLED,
            finished_at=utc_now(),
            pid=None,
            exit_code=None,
            reason=f"cancelled by {user} from {this_place().host}, its supervisor was gone",
        )
        store.write(ended)
        with contextlib.suppress(OSError):
            paths.pid.unlink(missing_ok=True)
    update_index(store, [ended])
