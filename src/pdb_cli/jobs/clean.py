"""Remove records of jobs that ended; a live job is never touched, a link never followed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, JobRecordError, UnknownJobError
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import ID_PATTERN, utc_text

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job, JobStatus
    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.store import JobStore

_LOCK_WAIT_S = 1.0
_LEAVING = ".leaving"


@dataclass(frozen=True, slots=True)
class CleanPlan:
    """What ``clean_jobs`` would remove."""

    jobs: tuple[Job, ...]
    """Jobs that ended, by id."""
    never_started: tuple[str, ...]
    """Reservations whose starter died before any supervisor had them: no record, no process."""
    unreadable: tuple[str, ...]
    """Records that could not be read: they stay, since nobody knows what they are."""


@dataclass(frozen=True, slots=True)
class CleanResult:
    """What ``clean_jobs`` did."""

    removed: tuple[str, ...]
    unreadable: tuple[str, ...]
    """Records that could not be read: they stay, since nobody knows what they are."""


def plan_clean(
    store: JobStore,
    *,
    older_than_s: float,
    now_s: float,
    status: JobStatus | None = None,
    keep: int = 0,
) -> CleanPlan:
    """Find the records that ``clean_jobs`` would remove; remove nothing.

    Every condition must hold. Running and queued jobs are never in the plan.

    Parameters
    ----------
    store
        The jobs directory.
    older_than_s
        Only jobs that ended at least so long ago, in seconds; 0 means all that ended.
    now_s
        The time now, POSIX seconds.
    status
        Only jobs that ended so; None for all.
    keep
        Spare so many of the jobs that ended last, however they ended.

    Raises
    ------
    FileAccessError
        The directory can not be read.
    """
    limit_s = now_s - older_than_s
    ended: list[Job] = []
    never_started: list[str] = []
    unreadable: list[str] = []
    for job_id in sorted(store.job_ids()):
        try:
            job = observe(store, job_id).job
        except UnknownJobError:
            continue
        except JobRecordError:
            if store.never_started(job_id, before_s=limit_s):
                never_started.append(job_id)
            elif not store.in_transit(job_id):
                unreadable.append(job_id)
        else:
            if job.status.final:
                ended.append(job)
    newest = sorted(ended, key=_end, reverse=True)[:keep]
    old = [
        job
        for job in ended
        if _end(job) <= utc_text(limit_s) and status in {None, job.status} and job not in newest
    ]
    # What never started did not end in any way.
    return CleanPlan(tuple(old), () if status else tuple(never_started), tuple(unreadable))


def clean_jobs(
    store: JobStore,
    *,
    older_than_s: float,
    now_s: float,
    status: JobStatus | None = None,
    keep: int = 0,
) -> CleanResult:
    """Remove the records of jobs that ended longer ago than a duration.

    Parameters
    ----------
    store, older_than_s, now_s, status, keep
        As for ``plan_clean``.

    Raises
    ------
    FileAccessError
        The directory can not be read, or a record can not be removed.
    """
    plan = plan_clean(store, older_than_s=older_than_s, now_s=now_s, status=status, keep=keep)
    return remove_planned(store, plan)


def remove_planned(store: JobStore, plan: CleanPlan) -> CleanResult:
    """Remove what a plan lists, but for what somebody else removed meanwhile.

    Parameters
    ----------
    store
        The jobs directory.
    plan
        What to remove.

    Raises
    ------
    FileAccessError
        A record can not be removed.
    """
    removed: list[str] = []
    try:
        for job_id in sorted([*(job.id for job in plan.jobs), *plan.never_started]):
            if _remove(store.paths(job_id)):
                removed.append(job_id)  # noqa: PERF401 - what was removed counts if it fails
    finally:
        if removed:
            update_index(store, [], removed=removed)
        _sweep(store)
    return CleanResult(tuple(removed), plan.unreadable)


def _end(job: Job) -> str:
    """Return when a job ended, as comparable text."""
    return job.finished_at or job.started_at


def _remove(paths: JobPaths) -> bool:
    """Remove one job's directory and link, unless its supervisor still holds the lock."""
    import shutil  # noqa: PLC0415 - only when something is removed

    try:
        with JobLock(paths.lock) as lock:
            # A supervisor that has just written the end needs a moment to be gone.
            if not lock.claim(wait_s=_LOCK_WAIT_S):
                return False
            # In one step: half a directory would be a record that nobody can read.
            leaving = paths.directory.with_name(f".{paths.job_id}{_LEAVING}")
            paths.directory.rename(leaving)
        shutil.rmtree(leaving)
        paths.log_link.unlink(missing_ok=True)
    except FileNotFoundError:
        # Somebody else cleans too.
        return False
    except OSError as error:
        raise FileAccessError.wrap("remove", paths.directory, error) from error
    return True


def _sweep(store: JobStore) -> None:
    """Remove what an interrupted removal, or one by hand, left beside the jobs."""
    import shutil  # noqa: PLC0415 - only when something is removed

    try:
        entries = list(os.scandir(store.jobs_dir))
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileAccessError.wrap("read", store.jobs_dir, error) from error
    names = {entry.name for entry in entries}
    for entry in entries:
        job_id, dot, ending = entry.name.rpartition(".")
        if dot + ending == _LEAVING and ID_PATTERN.fullmatch(job_id.removeprefix(".")):
            shutil.rmtree(entry.path, ignore_errors=True)
        elif ending == "log" and job_id not in names and ID_PATTERN.fullmatch(job_id):
            _unlink_dangling(store.paths(job_id))


def _unlink_dangling(paths: JobPaths) -> None:
    """Remove a link to a log whose directory has gone; a directory is made before its link."""
    if paths.log_link.is_symlink() and not paths.directory.exists():
        paths.log_link.unlink(missing_ok=True)
