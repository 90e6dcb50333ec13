"""Background jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.errors.base import PdbCliError

if TYPE_CHECKING:
    from pathlib import Path


class JobError(PdbCliError):
    """Base of errors about background jobs."""


class UnknownJobError(JobError):
    """No job has this id."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


class AmbiguousJobError(JobError):
    """A prefix fits more than one job."""

    def __init__(self, reference: str, matches: tuple[str, ...]) -> None:
        super().__init__(reference, matches)
        self.reference = reference
        self.matches = matches


class JobStartError(JobError):
    """A job could not be started; its record, if there is one, says ``failed``."""

    def __init__(self, job_id: str | None, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason


class JobRecordError(JobError):
    """The record of a job can not be read, or is of a newer version of pdb-cli."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason


class JobStateError(JobError):
    """A job is not in a state that allows what was asked."""

    def __init__(self, job_id: str, status: str, wanted: str) -> None:
        super().__init__(job_id, status, wanted)
        self.job_id = job_id
        self.status = status
        self.wanted = wanted
        """What was asked for, as a verb: ``cancel``."""


class JobRestartError(JobError):
    """The record of a job does not suffice to run it again."""

    def __init__(self, job_id: str, reason: str, continuation: str) -> None:
        super().__init__(job_id, reason, continuation)
        self.job_id = job_id
        self.reason = reason
        self.continuation = continuation
        """What to do instead, with the command."""


class JobOutOfReachError(JobError):
    """Nobody acted on a request, and the job's host or container can not be reached from here."""

    def __init__(self, job_id: str, host: str, last_seen_s: float | None, directory: Path) -> None:
        super().__init__(job_id, host, last_seen_s, directory)
        self.job_id = job_id
        self.host = host
        self.last_seen_s = last_seen_s
        """The last heartbeat, POSIX seconds; None if there is none."""
        self.directory = directory
        """The job's own."""


class WaitTimeoutError(JobError):
    """Jobs had not ended when the time to wait for them was over; they go on."""

    def __init__(self, timeout_s: float, waiting: tuple[str, ...]) -> None:
        super().__init__(timeout_s, waiting)
        self.timeout_s = timeout_s
        self.waiting = waiting
        """The ids of the jobs that had not ended."""
