"""``index.json``: a cache of all records, for quick listing. The job directories are the truth.

It is rewritten under ``index.lock`` by whoever changed a record; a lock not had in time is
skipped, because a missing or old index is only slower. A reader believes an entry only if it is
of a final state (those never change) and ``meta.json`` is still the file it was made from.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypedDict

from pdb_cli.errors import FileAccessError, JobRecordError, UnknownJobError
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import FINAL_STATUSES, ID_PATTERN, JobStatus, to_json
from pdb_cli.jobs.regular_file import read_regular
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

_SCHEMA = 1
_LOCK_WAIT_S = 5.0
_LONGEST_COMMAND = 200


class IndexEntry(TypedDict):
    """What the index holds about one job."""

    status: str
    command: str
    """The job's, cut as ``shortened`` does."""
    started_at: str
    finished_at: str | None
    host: str
    label: str | None
    stamp: str
    """Which ``meta.json`` this was read from (see ``_stamp``)."""


_KEYS = IndexEntry.__annotations__.keys()
_STATUSES = frozenset(JobStatus)
_TEXT_OR_NULL = (str, type(None))


def read_index(store: JobStore) -> dict[str, IndexEntry]:
    """Read the index; whatever in it can not be understood is left out.

    Parameters
    ----------
    store
        The jobs directory.
    """
    try:
        document = json.loads(read_regular(store.jobs_dir / "index.json"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        return {}
    jobs = document.get("jobs")
    if not isinstance(jobs, dict):
        return {}
    return {key: entry for key, entry in jobs.items() if _is_entry(key, entry)}


def update_index(store: JobStore, changed: Sequence[Job], *, removed: Iterable[str] = ()) -> bool:
    """Bring the entries of some jobs up to date.

    Parameters
    ----------
    store
        The jobs directory.
    changed
        Records that were just written.
    removed
        Ids to drop.

    Returns
    -------
    bool
        False if the lock was not to be had within 5 s or the disk refused; the next reader makes
        up for it.
    """
    entries = {}
    for job in changed:
        stamp = _stamp(str(store.jobs_dir), job.id)
        if stamp is not None:
            entries[job.id] = _entry(job, stamp)
    return _merge(store, entries, removed, wait_s=_LOCK_WAIT_S)


def repair_index(store: JobStore, job_ids: Iterable[str]) -> dict[str, IndexEntry]:
    """Make the index equal the directories, and return it.

    Unreadable records are left out. Does not wait for other writers: what it returns is right
    even if it could not be kept.

    Parameters
    ----------
    store
        The jobs directory.
    job_ids
        The directories in it, as ``JobStore.job_ids`` found them.
    """
    known = read_index(store)
    folder = str(store.jobs_dir)
    jobs: dict[str, IndexEntry] = {}
    for job_id in job_ids:
        # The stamp first: if the record changes in between, the entry is not believed next time.
        stamp = _stamp(folder, job_id)
        if stamp is None:
            continue
        entry = known.get(job_id)
        if entry is None or entry["stamp"] != stamp or entry["status"] not in FINAL_STATUSES:
            try:
                entry = _entry(store.read(job_id), stamp)
            except (JobRecordError, UnknownJobError):
                continue
        jobs[job_id] = entry
    if jobs != known:
        _merge(store, jobs, known.keys() - jobs.keys(), wait_s=0.0)
    return jobs


def shortened(command: str) -> str:
    """Return a command as lists show it: 200 characters at most, the rest an ellipsis.

    Parameters
    ----------
    command
        The command of a record, which may hold thousands of ids.

    Examples
    --------
    >>> shortened("download 4hhb"), shortened("download " + "4hhb " * 20_000)[-7:]
    ('download 4hhb', ' 4hhb …')
    """
    if len(command) <= _LONGEST_COMMAND:
        return command
    return command[: _LONGEST_COMMAND - 1] + "…"


def _merge(
    store: JobStore, entries: Mapping[str, IndexEntry], removed: Iterable[str], *, wait_s: float
) -> bool:
    """Read, change and replace the index while nobody else does."""
    try:
        with JobLock(store.jobs_dir / "index.lock") as lock:
            if not lock.acquire(wait_s=wait_s):
                return False
            jobs = {**read_index(store), **entries}
            for job_id in removed:
                jobs.pop(job_id, None)
            data = to_json({"schema": _SCHEMA, "jobs": jobs})
            write_atomic(store.jobs_dir / "index.json", data, mode=0o600, durable=False)
    except (OSError, FileAccessError):
        return False
    return True


def _entry(job: Job, stamp: str) -> IndexEntry:
    """Return the index entry of a record."""
    return {
        "status": str(job.status),
        "command": shortened(job.command),
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "host": job.host,
        "label": job.label,
        "stamp": stamp,
    }


def _stamp(jobs_dir: str, job_id: str) -> str | None:
    """Return what changes whenever ``meta.json`` does, or None if there is no such file."""
    try:
        # No Path: this is done for every job at each listing.
        found = os.stat(f"{jobs_dir}/{job_id}/meta.json")  # noqa: PTH116
    except OSError:
        return None
    return f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"


def _is_entry(job_id: str, entry: Any) -> bool:
    """Check one entry of a file that anybody may have written; quickly, there may be thousands."""
    return (
        type(entry) is dict
        and entry.keys() == _KEYS
        and type(entry["status"]) is str
        and entry["status"] in _STATUSES
        and type(entry["command"]) is str
        and type(entry["started_at"]) is str
        and type(entry["host"]) is str
        and type(entry["stamp"]) is str
        and type(entry["finished_at"]) in _TEXT_OR_NULL
        and type(entry["label"]) in _TEXT_OR_NULL
        and ID_PATTERN.fullmatch(job_id) is not None
    )
