"""``index.json``: a cache of all records, for quick listing. The job directories are the truth.

It is rewritten under ``index.lock`` by whoever changed a record; a lock not had within five
seconds is skipped, because a missing or old index is only slower: a reader believes it for final
states alone (those never change) and reads ``meta.json`` for everything else.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypedDict

from pdb_cli.errors import FileAccessError, JobRecordError, UnknownJobError
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import ID_PATTERN, JobStatus
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

_SCHEMA = 1
_LOCK_WAIT_S = 5.0
_POLL_S = 0.01


class IndexEntry(TypedDict):
    """What the index holds about one job."""

    status: str
    command: str
    started_at: str
    finished_at: str | None
    host: str
    label: str | None


def entry_of(job: Job) -> IndexEntry:
    """Return the index entry of a record."""
    return {
        "status": str(job.status),
        "command": job.command,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "host": job.host,
        "label": job.label,
    }


def read_index(store: JobStore) -> dict[str, IndexEntry]:
    """Read the index; whatever in it can not be understood is left out.

    Parameters
    ----------
    store
        The jobs directory.
    """
    try:
        document = json.loads((store.jobs_dir / "index.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        return {}
    jobs = document.get("jobs")
    if not isinstance(jobs, dict):
        return {}
    return {key: entry for key, entry in jobs.items() if _is_entry(key, entry)}


def update_index(
    store: JobStore, changed: Mapping[str, IndexEntry], *, removed: Iterable[str] = ()
) -> bool:
    """Bring some entries of the index up to date, and drop those whose directory is gone.

    Parameters
    ----------
    store
        The jobs directory.
    changed
        Entries to set, by job id.
    removed
        Ids to drop.

    Returns
    -------
    bool
        False if the lock was not to be had or the disk refused; the next reader makes up for it.
    """
    try:
        lock = JobLock(store.jobs_dir / "index.lock")
    except OSError:
        return False
    try:
        if not _acquire(lock):
            return False
        jobs = {**read_index(store), **changed}
        for job_id in removed:
            jobs.pop(job_id, None)
        document = {"schema": _SCHEMA, "jobs": jobs}
        data = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogateescape")
        write_atomic(store.jobs_dir / "index.json", data, mode=0o600, durable=False)
    except (OSError, FileAccessError):
        return False
    finally:
        lock.release()
    return True


def repair_index(store: JobStore) -> dict[str, IndexEntry]:
    """Make the index equal the directories, and return it.

    Final entries are believed; all other records are read. Unreadable ones are left out.

    Parameters
    ----------
    store
        The jobs directory.
    """
    known = read_index(store)
    ids = store.job_ids()
    jobs: dict[str, IndexEntry] = {}
    for job_id in ids:
        entry = known.get(job_id)
        if entry is None or not JobStatus(entry["status"]).final:
            try:
                entry = entry_of(store.read(job_id))
            except (JobRecordError, UnknownJobError):
                continue
        jobs[job_id] = entry
    if jobs != known:
        update_index(store, jobs, removed=set(known) - set(ids))
    return jobs


def _acquire(lock: JobLock) -> bool:
    """Take the index lock within the time a cache is worth."""
    deadline = time.monotonic() + _LOCK_WAIT_S
    while not lock.acquire():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _is_entry(job_id: object, entry: object) -> bool:
    """Check one entry of a file that anybody may have written."""
    return (
        isinstance(job_id, str)
        and ID_PATTERN.fullmatch(job_id) is not None
        and isinstance(entry, dict)
        and entry.get("status") in set(JobStatus)
        and all(isinstance(entry.get(key), str) for key in ("command", "started_at", "host"))
        and all(isinstance(entry.get(key), str | None) for key in ("finished_at", "label"))
    )
