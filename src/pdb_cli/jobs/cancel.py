"""Cancel a job: leave a request, tell the supervisor, wait for the end it writes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING

from pdb_cli.errors import JobStateError
from pdb_cli.jobs.identity import is_alive, this_place
from pdb_cli.jobs.index import entry_of, update_index
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.process_tree import descendants, end_tree
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job, ProcessIdentity
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
    UnknownJobError, JobRecordError
        As ``JobStore.read``.
    """
    seen = observe(store, job_id)
    job = seen.job
    if job.status is JobStatus.CANCELLED:
        return job
    if job.status.final:
        raise JobStateError(job_id, str(job.status), "cancel")
    request = {"user": user, "host": this_place().host, "requested_at": utc_now()}
    write_atomic(store.paths(job_id).cancel, json.dumps(request).encode(), mode=0o600, durable=True)
    if seen.doubt is Doubt.UNSUPERVISED:
        return _cancel_unsupervised(store, job, user)
    _tell_supervisor(job)
    return _wait_for_end(store, job)


def _tell_supervisor(job: Job) -> None:
    """Wake the supervisor if it is ours to signal; the request file alone is enough."""
    here = this_place()
    same = (job.host, job.boot_id, job.pid_namespace) == (
        here.host,
        here.boot_id,
        here.pid_namespace,
    )
    if same and job.supervisor is not None and is_alive(job.supervisor):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(job.supervisor.pid, signal.SIGTERM)


def _wait_for_end(store: JobStore, job: Job) -> Job:
    """Wait until the supervisor has written the end."""
    deadline = time.monotonic() + job.grace_s + _PATIENCE_S
    while not job.status.final:
        if time.monotonic() > deadline:
            raise JobStateError(job.id, "still running", "cancel")
        time.sleep(_POLL_S)
        job = observe(store, job.id).job
    return job


def _cancel_unsupervised(store: JobStore, job: Job, user: str) -> Job:
    """End a command whose supervisor is gone, and write the end in its place."""
    child = job.child

    def members() -> list[ProcessIdentity]:
        if child is None or not is_alive(child):
            return []
        return [*descendants(child.pid), child]

    end_tree(members, grace_s=job.grace_s, tick=lambda: None)
    ended = job.with_changes(
        status=JobStatus.CANCELLED,
        finished_at=utc_now(),
        pid=None,
        exit_code=None,
        reason=f"cancelled by {user} from {this_place().host}, its supervisor was gone",
    )
    store.write(ended)
    update_index(store, {job.id: entry_of(ended)})
    return ended
