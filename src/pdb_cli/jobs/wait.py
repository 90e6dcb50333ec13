"""Wait for the end of jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pdb_cli.errors import JobRecordError, WaitTimeoutError
from pdb_cli.jobs.liveness import observe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5
_PAUSE_GROWTH = 1.3


def wait_for_jobs(
    store: JobStore, job_ids: Iterable[str], *, timeout_s: float | None = None
) -> Iterator[Job]:
    """Yield the final record of each job when it has ended, whoever ended first first.

    Whoever wants only the first to end stops after one. Nothing here can disturb a job; one whose
    supervisor died is waited for as long as its command runs.

    Parameters
    ----------
    store
        The jobs directory.
    job_ids
        The jobs, running, queued or ended; one named twice comes once.
    timeout_s
        How long to wait for all of them, in seconds; 0 only looks, None waits for ever.

    Yields
    ------
    Job
        A final record. Jobs found to have ended at the same look come by the time of their end.

    Raises
    ------
    WaitTimeoutError
        Some had not ended in that time; those that had were yielded before.
    UnknownJobError
        A job's record was removed meanwhile.
    JobRecordError
        As ``JobStore.read``.

    Examples
    --------
    >>> import pathlib
    >>> from pdb_cli.jobs.store import JobStore
    >>> list(wait_for_jobs(JobStore(pathlib.Path("/nonexistent")), []))
    []
    """
    started_s = time.monotonic()
    waiting = dict.fromkeys(job_ids)
    pause_s = _FIRST_PAUSE_S
    while waiting:
        ended = [job for job_id in waiting if (job := _ended(store, job_id)) is not None]
        for job in sorted(ended, key=lambda job: job.finished_at or job.started_at):
            del waiting[job.id]
            yield job
        if not waiting:
            return
        if timeout_s is not None:
            left_s = started_s + timeout_s - time.monotonic()
            if left_s <= 0:
                raise WaitTimeoutError(timeout_s, tuple(waiting))
            pause_s = min(pause_s, left_s)
        time.sleep(pause_s)
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def _ended(store: JobStore, job_id: str) -> Job | None:
    """Return the record of a job if it has ended."""
    try:
        job = observe(store, job_id).job
    except JobRecordError:
        if store.in_transit(job_id):
            return None  # it is just being removed: the next look finds nothing
        raise
    return job if job.status.final else None
