"""How a job ended, by the table of docs/reference/job-files.md: pure, so each row is a test."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.quoting import shell_line
from pdb_cli.jobs.redact import REDACTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.jobs.model import Job

_SIGNAL_BASE = 128
_BY_SYSTEM = "stopped by the system (logout, shutdown or scheduler)"


class Exit(NamedTuple):
    """What ``waitpid`` said about the command."""

    code: int | None = None
    """The exit code, if it exited."""
    signal_number: int | None = None
    """The signal, if it was killed."""

    @property
    def shell_code(self) -> int:
        """The exit code as shells count: 128+n for signal n."""
        if self.signal_number is not None:
            return _SIGNAL_BASE + self.signal_number
        return self.code or 0

    @property
    def by_signal(self) -> bool:
        """Whether a signal ended it, directly or by the convention 128+n."""
        return self.signal_number is not None or self.shell_code > _SIGNAL_BASE


def ended(
    job: Job,
    finish: Exit,
    *,
    finished_at: str,
    cancel: Mapping[str, Any] | None,
    stopped_by_system: bool,
    last_line: str,
) -> Job:
    """Return the final record of a job.

    Parameters
    ----------
    job
        The record so far.
    finish
        How the command ended.
    finished_at
        UTC.
    cancel
        The cancel request, if there was one.
    stopped_by_system
        Whether the supervisor was told to stop without a cancel request.
    last_line
        The last line of the log: the command's own reason.
    """
    status, reason = JobStatus.FAILED, ""
    if cancel is not None and finish.by_signal:
        status, reason = JobStatus.CANCELLED, cancel_reason(cancel)
    elif finish.shell_code == 0:
        status = JobStatus.COMPLETED
    elif stopped_by_system and finish.by_signal:
        reason = _BY_SYSTEM
    elif finish.signal_number is not None:
        reason = _signal_reason(finish.signal_number)
    else:
        reason = last_line or f"ended with exit code {finish.code}"
    how = {"exit_code": finish.shell_code, "signal": _signal_name(finish.signal_number)}
    if status is JobStatus.FAILED:
        return failed(job, reason, finished_at=finished_at).with_changes(**how)
    return job.with_changes(
        status=status, reason=reason or None, finished_at=finished_at, pid=None, **how
    )


def failed(job: Job, reason: str, *, finished_at: str) -> Job:
    """Return the final record of a job that failed; its exit code is not known.

    Parameters
    ----------
    job
        The record so far.
    reason
        Why; the command that continues the job is added.
    finished_at
        UTC.
    """
    return job.with_changes(
        status=JobStatus.FAILED,
        reason=f"{reason}; {continuation(job)}",
        finished_at=finished_at,
        pid=None,
    )


def never_started(job: Job, *, cancel: Mapping[str, Any] | None, finished_at: str) -> Job:
    """Return the final record of a job that was told to end while it waited for its turn.

    Parameters
    ----------
    job
        The record so far.
    cancel
        The cancel request; None if the system told it.
    finished_at
        UTC.
    """
    if cancel is None:
        return failed(job, _BY_SYSTEM, finished_at=finished_at)
    return job.with_changes(
        status=JobStatus.CANCELLED,
        reason=cancel_reason(cancel, note="before it was started"),
        finished_at=finished_at,
        pid=None,
    )


def continuation(job: Job) -> str:
    """Return the command that continues a job, with a word before it.

    Parameters
    ----------
    job
        A job that has ended, or will not go on.
    """
    if can_restart(job):
        return f"go on with: pdb-cli jobs restart {job.id}"
    # With a secret taken out, nothing works as it is: then better what the user typed.
    return f"run it again: {shell_line(['cd', job.cwd])} && pdb-cli {job.command}"


def can_restart(job: Job) -> bool:
    """Tell whether the record holds the very arguments of the job: no secret was taken out."""
    return bool(job.argv) and not any(REDACTED in item for item in job.argv)


def cancel_reason(cancel: Mapping[str, Any], *, note: str = "") -> str:
    """Return the reason of a cancelled job: who asked for the end, from where, and why.

    Parameters
    ----------
    cancel
        The request.
    note
        What else there is to say about the end.

    Examples
    --------
    >>> cancel_reason({"user": "ann", "host": "login01", "reason": "wrong list"})
    'cancelled by ann from login01: wrong list'
    """
    text = f"cancelled by {cancel.get('user', 'somebody')} from {cancel.get('host', 'somewhere')}"
    text = f"{text}, {note}" if note else text
    return f"{text}: {cancel['reason']}" if cancel.get("reason") else text


def _signal_reason(number: int) -> str:
    """Say what killed the command, and what usually does."""
    name = _signal_name(number)
    return f"killed by {name}{_HINTS.get(name or '', '')}"


_KNOWN = {int(item) for item in signal.Signals}
# By name: not every system has all of them.
_HINTS = {
    "SIGKILL": " (out of memory, or a process limit?)",
    "SIGXCPU": " (the CPU time limit of this machine)",
    "SIGXFSZ": " (the file size limit of this machine)",
}


def _signal_name(number: int | None) -> str | None:
    """Return ``SIGKILL`` for 9."""
    if number is None:
        return None
    return signal.Signals(number).name if number in _KNOWN else f"signal {number}"
