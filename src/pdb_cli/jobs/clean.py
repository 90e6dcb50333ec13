"""Remove records of jobs that ended; a live job is never touched, a link never followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, JobRecordError, UnknownJobError
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import utc_text

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.store import JobStore

_LOCK_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class CleanResult:
    """What ``clean_jobs`` did."""

    removed: tuple[str, ...]
    unreadable: tuple[str, ...]
    """Records that could not be read: they stay, since nobody knows what they are."""


def clean_jobs(store: JobStore, *, older_than_s: float, now_s: float) -> CleanResult:
    """Remove the records of jobs that ended longer ago than a duration.

    Parameters
    ----------
    store
        The jobs directory.
    older_than_s
        Seconds since the end of the job; 0 removes all that ended.
    now_s
        The time now, POSIX seconds.

    Raises
    ------
    FileAccessError
        The directory can not be read, or a record can not be removed.
    """
    limit_s = now_s - older_than_s
    removed: list[str] = []
    unreadable: list[str] = []
    try:
        for job_id in sorted(store.job_ids()):
            try:
                old = _ended(observe(store, job_id).job, utc_text(limit_s))
            except UnknownJobError:
                continue
            except JobRecordError:
                old = store.never_started(job_id, before_s=limit_s)
                if not old and not store.in_transit(job_id):
                    unreadable.append(job_id)
            if old and _remove(store.paths(job_id)):
                removed.append(job_id)
    finally:
        if removed:
            update_index(store, [], removed=removed)
    return CleanResult(tuple(removed), tuple(unreadable))


def _ended(job: Job, limit: str) -> bool:
    """Tell whether a job ended before a time."""
    return job.status.final and (job.finished_at or job.started_at) <= limit


def _remove(paths: JobPaths) -> bool:
    """Remove one job's directory and link, unless its supervisor still holds the lock."""
    import shutil  # noqa: PLC0415 - only when something is removed

    try:
        with JobLock(paths.lock) as lock:
            # A supervisor that has just written the end needs a moment to be gone.
            if not lock.claim(wait_s=_LOCK_WAIT_S):
                return False
            shutil.rmtree(paths.directory)
        paths.log_link.unlink(missing_ok=True)
    except FileNotFoundError:
        # Somebody else cleans too.
        return False
    except OSError as error:
        raise FileAccessError.wrap("remove", paths.directory, error) from error
    return True
