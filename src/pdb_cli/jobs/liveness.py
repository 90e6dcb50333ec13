"""Is a job alive? The order of questions is that of docs/explanation/jobs.md.

A verdict ("lost") is written only while holding the job's lock and after reading the record once
more, so a job that is just finishing is never called lost. Where there are no locks, the order
protects: first it is seen that supervisor and command are gone, then the record is read.
"""

from __future__ import annotations

import contextlib
import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError
from pdb_cli.jobs.cancel_request import read_request
from pdb_cli.jobs.ending import failed, never_started
from pdb_cli.jobs.identity import is_alive, this_place
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.locks import JobLock, LockState, probe
from pdb_cli.jobs.model import JobStatus, utc_now, utc_text
from pdb_cli.jobs.process import system

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.process import Place
    from pdb_cli.jobs.store import JobStore

_FRESH_S = 60.0
"""A supervisor gives its lock file a new time every 20 s; an older one proves nothing."""
_LOCK_WAIT_S = 0.5


class Doubt(StrEnum):
    """What qualifies a job that is recorded as running."""

    NONE = ""
    UNSUPERVISED = "unsupervised"
    """The command runs, but nobody waits for it: its exit code will not be known."""
    UNKNOWN = "unknown"
    """Another host or container: nothing can be proven from here."""
    NOT_STARTED = "not started"
    """Created, but not handed to a supervisor yet."""


class Observation(NamedTuple):
    """A record, and what is known about it beyond the record."""

    job: Job
    doubt: Doubt = Doubt.NONE
    last_seen_s: float | None = None
    """The last heartbeat of a job that is ``UNKNOWN``, POSIX seconds."""


def observe(store: JobStore, job_id: str) -> Observation:
    """Read a record and, if it says the job runs, find out whether it does.

    A job that turns out to be lost is recorded as ``failed`` with exit code null.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.

    Raises
    ------
    UnknownJobError, JobRecordError
        As ``JobStore.read``.
    """
    job = store.read(job_id)
    if job.status.final or probe(store.paths(job_id).lock) is LockState.HELD:
        return Observation(job)
    # It may just have finished: the end is written before the lock is let go.
    job = store.read(job_id)
    return Observation(job) if job.status.final else _judge(store, job)


def _judge(store: JobStore, job: Job) -> Observation:
    """Find out about a job that has not ended and whose lock nobody was seen to hold."""
    if job.status is JobStatus.QUEUED and job.supervisor is None:
        return Observation(job, Doubt.NOT_STARTED)
    here = this_place()
    if job.host != here.host or job.pid_namespace != here.pid_namespace:
        return _seen_from_afar(job, store.paths(job.id).lock)
    if _supervised(job, here):
        return Observation(job)
    if _runs(job, here, store.paths(job.id)):
        return Observation(job, Doubt.UNSUPERVISED)
    return _record_lost(store, job, here)


def _seen_from_afar(job: Job, lock: os.PathLike[str]) -> Observation:
    """Judge a job of another host or container by its heartbeat: that crosses file systems."""
    try:
        last_seen_s = os.stat(lock).st_mtime  # noqa: PTH116 - no Path in a listing
    except OSError:
        return Observation(job, Doubt.UNKNOWN)
    if abs(time.time() - last_seen_s) < _FRESH_S:
        return Observation(job)
    return Observation(job, Doubt.UNKNOWN, last_seen_s)


def _supervised(job: Job, here: Place) -> bool:
    """Tell whether the supervisor runs: starting (no lock yet), or locks do not work here."""
    return job.boot_id == here.boot_id and is_alive(job.supervisor)


def _runs(job: Job, here: Place, paths: JobPaths) -> bool:
    """Tell whether the command runs, or anything that it started."""
    if job.boot_id != here.boot_id:
        return False
    # Looked for also where the supervisor died before it had recorded the command it started.
    return is_alive(job.child) or bool(system().started_with(paths.mark))


def _record_lost(store: JobStore, job: Job, here: Place) -> Observation:
    """Write the verdict, if nobody else has just written something better."""
    paths = store.paths(job.id)
    try:
        with JobLock(paths.lock) as lock:
            claimed = lock.claim(wait_s=_LOCK_WAIT_S)
            # The supervisor may have recorded the command, or the end, just before it died.
            job = store.read(job.id)
            if not claimed or job.status.final:
                return Observation(job)
            if _runs(job, here, paths):
                return Observation(job, Doubt.UNSUPERVISED)
            lost = _lost(job, here, paths)
            store.write(lost)
            with contextlib.suppress(OSError):
                paths.pid.unlink(missing_ok=True)
    except (OSError, FileAccessError):
        # A full disk or a directory that can only be read: say what is known, change nothing.
        return Observation(_lost(job, here, paths))
    update_index(store, [lost])
    return Observation(lost)


def _lost(job: Job, here: Place, paths: JobPaths) -> Job:
    """Return the record of a job whose end nobody saw."""
    cancel = read_request(paths.cancel)
    if cancel is not None and job.child is None:
        return never_started(job, cancel=cancel, finished_at=utc_now())
    reason = "lost: its supervisor and its command are gone (killed?)"
    if job.status is JobStatus.QUEUED:
        reason = "lost: its supervisor is gone (killed?), its command was never started"
    if job.boot_id != here.boot_id:
        reason = "the machine restarted"
    return failed(job, reason, finished_at=_last_sign_of_life(job, paths.directory))


def _last_sign_of_life(job: Job, directory: os.PathLike[str]) -> str:
    """Return when the job last wrote something: the best that is known about its end."""
    times = []
    for name in ("stdout.log", "stderr.log", "progress.json", "meta.json"):
        try:
            times.append((os.stat(os.path.join(directory, name))).st_mtime)  # noqa: PTH116, PTH118
        except OSError:
            continue
    return max(utc_text(max(times)), job.started_at) if times else job.started_at
