"""``--after JOB[:any]``: find out whether a job that waits for another one may start.

There is no daemon: the supervisor of the waiting job looks at the other one's lock and record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import InvalidValueError, JobRecordError, JobStateError, UnknownJobError
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.locks import LockState, probe
from pdb_cli.jobs.model import WAIT_FOR, JobStatus

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore


class Condition(StrEnum):
    """How the other job must have ended."""

    COMPLETED = ""
    ANY = "any"


class After(NamedTuple):
    """What a job waits for."""

    job_id: str
    condition: Condition

    def __str__(self) -> str:
        return f"{self.job_id}:{self.condition}" if self.condition else self.job_id


class Turn(NamedTuple):
    """What a waiting job is to do now."""

    start: bool = False
    never: str | None = None
    """Why it will never start."""
    unreadable: str | None = None
    """Why nothing can be known about the other job just now."""


def parse_after(text: str, store: JobStore) -> After:
    """Understand what a user typed behind ``--after``.

    Parameters
    ----------
    text
        A job as ``JobStore.resolve`` takes it, and perhaps ``:any``.
    store
        The jobs directory.

    Raises
    ------
    InvalidValueError
        Something else than ``any`` stands behind the colon.
    JobStateError
        The job has ended so that the other one would never start.
    UnknownJobError, AmbiguousJobError, FileAccessError, JobRecordError
        As ``JobStore.resolve`` and ``JobStore.read``.
    """
    reference, colon, condition = text.partition(":")
    if colon and condition != Condition.ANY:
        raise InvalidValueError("--after", text, "JOB or JOB:any")
    after = After(store.resolve(reference), Condition(condition))
    other = observe(store, after.job_id).job
    if _judge(other, after).never is not None:
        raise JobStateError(other.id, str(other.status), WAIT_FOR)
    return after


def read_after(text: str) -> After:
    """Return what a record says a job waits for.

    Examples
    --------
    >>> str(read_after("job_abc123:any")), read_after("job_abc123").condition
    ('job_abc123:any', <Condition.COMPLETED: ''>)
    """
    job_id, _, condition = text.partition(":")
    return After(job_id, Condition.ANY if condition == Condition.ANY else Condition.COMPLETED)


def take_turn(store: JobStore, after: After) -> Turn:
    """Find out whether a waiting job may start, must wait on, or will never start.

    Cheap while the other job runs: one look at its lock.

    Parameters
    ----------
    store
        The jobs directory.
    after
        What it waits for.

    """
    if probe(store.paths(after.job_id).lock) is LockState.HELD:
        return Turn()
    try:
        return _judge(observe(store, after.job_id).job, after)
    except UnknownJobError:
        # Only a job that has ended can be removed.
        if after.condition is Condition.ANY:
            return Turn(start=True)
        return Turn(never=f"the record of {after.job_id} is gone")
    except JobRecordError as error:
        # A network file system may have a bad moment: for how long is for the caller to say.
        return Turn(unreadable=f"{after.job_id} can not be read: {error.reason}")


def _judge(other: Job, after: After) -> Turn:
    """Decide by the record of the other job."""
    if not other.status.final:
        return Turn()
    if other.status is JobStatus.COMPLETED or after.condition is Condition.ANY:
        return Turn(start=True)
    code = "" if other.exit_code is None else f" (exit code {other.exit_code})"
    return Turn(never=f"{other.id} {other.status}{code}")
