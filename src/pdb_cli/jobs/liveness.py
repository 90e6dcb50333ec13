"""Is a job alive? The order of questions is that of docs/explanation/jobs.md.

A verdict ("lost") is written only while holding the job's lock and after reading the record once
more, so a job that is just finishing is never called lost. Where there are no locks, the order
protects: first it is seen that supervisor and command are gone, then the record is read.
"""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError
from pdb_cli.jobs.ending import failed
from pdb_cli.jobs.identity import is_alive, this_place
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.locks import JobLock, LockState, probe
from pdb_cli.jobs.model import utc_text

if TYPE_CHECKING:
    from pdb_cli.jobs.identity import Place
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

_LOCK_WAIT_S = 0.5


class Doubt(StrEnum):
    """What qualifies a job that is recorded as running."""

    NONE = ""
    UNSUPERVISED = "unsupervised"
    """The command runs, but nobody waits for it: its exit code will not be known."""
    UNKNOWN = "unknown"
    """Another host or container: nothing can be proven from here."""


class Observation(NamedTuple):
    """A record, and what is known about it beyond the record."""

    job: Job
    doubt: Doubt = Doubt.NONE


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
    if job.status.final:
        return Observation(job)
    here = this_place()
    if job.host != here.host or job.pid_namespace != here.pid_namespace:
        return Observation(job, Doubt.UNKNOWN)
    if _supervised(job, here):
        return Observation(job)
    if _runs(job, here, store.paths(job_id).directory):
        return Observation(job, Doubt.UNSUPERVISED)
    return _record_lost(store, job, here)


def _supervised(job: Job, here: Place) -> bool:
    """Tell whether the supervisor runs: starting (no lock yet), or locks do not work here."""
    return job.boot_id == here.boot_id and is_alive(job.supervisor)


def _runs(job: Job, here: Place, directory: os.PathLike[str]) -> bool:
    """Tell whether the command itself runs."""
    if job.boot_id != here.boot_id:
        return False
    if job.child is not None:
        return is_alive(job.child)
    # The supervisor may have died after it had started the command, before it had recorded it.
    from pdb_cli.jobs.process_tree import started_with  # noqa: PLC0415 - hardly ever needed

    return bool(started_with("PDB_CLI_JOB_DIR", os.fspath(directory)))


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
            if _runs(job, here, paths.directory):
                return Observation(job, Doubt.UNSUPERVISED)
            lost = _lost(job, here, paths.directory)
            store.write(lost)
            with contextlib.suppress(OSError):
                paths.pid.unlink(missing_ok=True)
    except (OSError, FileAccessError):
        # A full disk or a directory that can only be read: say what is known, change nothing.
        return Observation(_lost(job, here, paths.directory))
    update_index(store, [lost])
    return Observation(lost)


def _lost(job: Job, here: Place, directory: os.PathLike[str]) -> Job:
    """Return the record of a job whose end nobody saw."""
    reason = "lost: its supervisor and its command are gone (killed?)"
    if job.boot_id != here.boot_id:
        reason = "the machine restarted"
    return failed(job, reason, finished_at=_last_sign_of_life(job, directory))


def _last_sign_of_life(job: Job, directory: os.PathLike[str]) -> str:
    """Return when the job last wrote something: the best that is known about its end."""
    times = []
    for name in ("stdout.log", "stderr.log", "progress.json", "meta.json"):
        try:
            times.append((os.stat(os.path.join(directory, name))).st_mtime)  # noqa: PTH116, PTH118
        except OSError:
            continue
    return max(utc_text(max(times)), job.started_at) if times else job.started_at
