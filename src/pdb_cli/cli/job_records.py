"""Records of jobs as rows, lines and exit codes: what the verbs of ``pdb-cli jobs`` share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import OutputMode, printable, write_rows
from pdb_cli.jobs.model import JobStatus, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.jobs.model import Job

_HIGHEST_CODE = 255


def as_row(job: Job) -> dict[str, Any]:
    """Return a record for programs: the keys of ``meta.json``."""
    row: dict[str, Any] = json.loads(encode(job))
    return row


def write_records(jobs: Sequence[Job], *, mode: OutputMode) -> None:
    """Write records to stdout for programs; for people the messages on stderr say it all.

    Parameters
    ----------
    jobs
        The records.
    mode
        How; text writes nothing.
    """
    if mode is not OutputMode.TEXT:
        write_rows([as_row(job) for job in jobs], mode=mode, columns={})


def end_line(job: Job) -> str:
    """Return one line on how a job ended."""
    if job.status is JobStatus.COMPLETED:
        return f"{job.id} completed"
    reason = printable(job.reason or "")
    # Who cancelled a job is told with that very word.
    if job.status is JobStatus.CANCELLED and reason:
        return f"{job.id}: {reason}"
    return f"{job.id} {job.status}: {reason}" if reason else f"{job.id} {job.status}"


def exit_code_of(job: Job) -> int:
    """Return the exit code that stands for the end of a job.

    Parameters
    ----------
    job
        A final record: 0 only if it completed, else the recorded code, or 1 where there is none
        that a process can end with.
    """
    if job.status is JobStatus.COMPLETED:
        return ExitCode.DONE
    code = job.exit_code
    return code if code is not None and 0 < code <= _HIGHEST_CODE else ExitCode.FAILED
