"""List jobs quickly: final ones from the index, all others from their records."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import JobRecordError, UnknownJobError
from pdb_cli.jobs.index import repair_index, shortened
from pdb_cli.jobs.model import FINAL_STATUSES, JobStatus, utc_text

if TYPE_CHECKING:
    from pdb_cli.jobs.index import IndexEntry
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.progress import Progress
    from pdb_cli.jobs.store import JobStore


class JobFilter(StrEnum):
    """Which jobs to list."""

    RECENT = "recent"
    """Running, queued, and those that ended in the last 24 hours."""
    RUNNING = "running"
    ALL = "all"


RECENT_S = 24 * 3600


class JobRow(NamedTuple):
    """One line of the list of jobs."""

    id: str
    status: str
    """The recorded status; ``unreadable`` for a record that can not be read."""
    command: str
    """Cut to 200 characters; the record has all of it."""
    started_at: str | None
    finished_at: str | None
    host: str
    label: str | None
    note: str
    """What qualifies the status: a ``Doubt``, what it waits for, or why it is unreadable."""
    progress: Progress | None = None
    """How far a running job is, if it has said so."""
    last_seen: str | None = None
    """When a job that is ``unknown`` from here gave the last sign of life; UTC."""


def list_jobs(store: JobStore, *, which: JobFilter, now_s: float) -> list[JobRow]:
    """List jobs, the newest first; running ones are looked at, and lost ones found out.

    Parameters
    ----------
    store
        The jobs directory; one that does not exist holds no jobs.
    which
        Which jobs.
    now_s
        The time now, POSIX seconds.

    Raises
    ------
    FileAccessError
        The jobs directory can not be read.
    """
    since = utc_text(now_s - RECENT_S)
    job_ids = store.job_ids()
    index = repair_index(store, job_ids)
    rows = []
    for job_id in job_ids:
        entry = index.get(job_id)
        if entry is None or entry["status"] not in FINAL_STATUSES:
            row = _observed(store, job_id)
        else:
            row = _from_index(job_id, entry)
        if row is not None and _wanted(row, which, since):
            rows.append(row)
    return sorted(rows, key=lambda row: (row.started_at or "", row.id), reverse=True)


def _wanted(row: JobRow, which: JobFilter, since: str) -> bool:
    """Apply the filter to one row."""
    if which is JobFilter.ALL:
        return True
    if row.status == JobStatus.RUNNING:
        return True
    if which is JobFilter.RUNNING:
        return False
    return row.finished_at is None or row.finished_at >= since


def _from_index(job_id: str, entry: IndexEntry) -> JobRow:
    """Make the row of a job that has ended."""
    return JobRow(
        id=job_id,
        status=entry["status"],
        command=entry["command"],
        started_at=entry["started_at"],
        finished_at=entry["finished_at"],
        host=entry["host"],
        label=entry["label"],
        note="",
    )


def _observed(store: JobStore, job_id: str) -> JobRow | None:
    """Look at a job that is not known to have ended; None if it is coming or going just now."""
    # The rest of the machinery is needed only when something runs: keep plain listings quick.
    from pdb_cli.jobs.liveness import observe  # noqa: PLC0415

    try:
        seen = observe(store, job_id)
    except UnknownJobError:
        return None
    except JobRecordError as error:
        if store.in_transit(job_id):
            return None
        return JobRow(
            id=job_id,
            status="unreadable",
            command="",
            started_at=None,
            finished_at=None,
            host="",
            label=None,
            note=error.reason,
        )
    job = seen.job
    progress = None
    if job.status is JobStatus.RUNNING:
        from pdb_cli.jobs.progress import read_progress  # noqa: PLC0415 - as above

        progress = read_progress(store.paths(job_id).progress)
    return JobRow(
        id=job_id,
        status=str(job.status),
        command=shortened(job.command),
        started_at=job.started_at,
        finished_at=job.finished_at,
        host=job.host,
        label=job.label,
        note=str(seen.doubt) or _waits_for(job),
        progress=progress,
        last_seen=None if seen.last_seen_s is None else utc_text(seen.last_seen_s),
    )


def _waits_for(job: Job) -> str:
    """Return what a queued job waits for."""
    return f"after {job.after}" if job.status is JobStatus.QUEUED and job.after else ""
