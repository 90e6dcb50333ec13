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
        status, reason = JobStatus.CANCELLED, _cancel_reason(cancel)
    elif finish.shell_code == 0:
        status = JobStatus.COMPLETED
    elif stopped_by_system and finish.by_signal:
        reason = "stopped by the system (logout, shutdown or scheduler)"
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
        Why; the command that goes on from here is added.
    finished_at
        UTC.
    """
    return job.with_changes(
        status=JobStatus.FAILED,
        reason=f"{reason}; run it again: {_rerun(job)}",
        finished_at=finished_at,
        pid=None,
    )


def _rerun(job: Job) -> str:
    """Return the line that runs a job's command again, from whatever directory."""
    arguments = shell_line(job.argv)
    # With a secret taken out, no line works as it is: then better what the user typed.
    if not job.argv or REDACTED in arguments:
        arguments = job.command
    return f"{shell_line(['cd', job.cwd])} && pdb-cli {arguments}"


def _cancel_reason(cancel: Mapping[str, Any]) -> str:
    """Say who asked for the end."""
    text = f"cancelled by {cancel.get('user', 'somebody')} from {cancel.get('host', 'somewhere')}"
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
