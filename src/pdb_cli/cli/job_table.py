"""The list of jobs: used by ``pdb-cli jobs`` with and without the parser."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import OutputMode, human_duration, write_rows
from pdb_cli.jobs.listing import JobFilter, JobRow, list_jobs
from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

_SHOWN_IF_ANY = ("progress", "label")
"""Columns that are left out where no row has something in them."""
_COLUMNS = {
    "id": "JOB",
    "status": "STATUS",
    "started": "STARTED",
    "time": "TIME",
    "progress": "PROGRESS",
    "label": "LABEL",
    "command": "COMMAND",
}


def list_plainly(flags: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run ``pdb-cli jobs [--all|--running]`` without the parser.

    Parameters
    ----------
    flags
        At most one of ``-a``, ``--all`` and ``--running``.
    environ
        The environment.

    Returns
    -------
    int
        The exit code.
    """
    from pdb_cli.cli.session import Session  # noqa: PLC0415 - shared with the other path

    session = Session(argv=("jobs", *flags), environ=environ)
    try:
        which = JobFilter.RECENT
        if flags:
            which = JobFilter.RUNNING if flags[0] == "--running" else JobFilter.ALL
        show_jobs(session.jobs_dir(), which=which, mode=OutputMode.TEXT)
    except Exception as error:
        from pdb_cli.cli.errors import describe  # noqa: PLC0415 - only when something went wrong

        if isinstance(error, OSError) and error.filename is None:
            raise  # standard output: main.py knows
        message = describe(error)
        for line in message.lines:
            session.complain(line)
        return message.exit_code
    return ExitCode.DONE


def show_jobs(jobs_dir: Path, *, which: JobFilter, mode: OutputMode) -> None:
    """Write the list of jobs to stdout.

    Parameters
    ----------
    jobs_dir
        Where the records are.
    which
        Which jobs.
    mode
        How.
    """
    now_s = time.time()
    rows = list_jobs(JobStore(jobs_dir), which=which, now_s=now_s)
    if mode is OutputMode.TEXT:
        if not rows:
            write_rows([], mode=mode, columns={"none": _nothing(which)})
            return
        cells = [_for_people(row, now_s) for row in rows]
        empty = {key for key in _SHOWN_IF_ANY if not any(row[key] for row in cells)}
        columns = {key: heading for key, heading in _COLUMNS.items() if key not in empty}
        write_rows(cells, mode=mode, columns=columns)
        return
    write_rows([_as_data(row) for row in rows], mode=mode, columns={})


def _nothing(which: JobFilter) -> str:
    """Say that there is nothing, and what that means."""
    if which is JobFilter.ALL:
        return "No jobs. Add --bg to a long command to start one."
    if which is JobFilter.RUNNING:
        return "No job is running."
    return (
        "No job runs, and none ended in the last 24 hours. 'pdb-cli jobs --all' shows older ones."
    )


def _as_data(row: JobRow) -> dict[str, Any]:
    """Return a row for programs."""
    return row._asdict() | {"progress": row.progress and row.progress._asdict()}


def _for_people(row: JobRow, now_s: float) -> dict[str, str]:
    """Return a row for people: local times, durations, doubts beside the status."""
    started_s = posix_time(row.started_at)
    ended_s = posix_time(row.finished_at) or now_s
    return {
        "id": row.id,
        "status": status_text(row.status, row.note, row.host, posix_time(row.last_seen), now_s),
        "started": local_time(started_s),
        "time": human_duration(max(0.0, ended_s - started_s)) if started_s is not None else "",
        "progress": _progress(row, now_s),
        "label": row.label or "",
        "command": row.command,
    }


def status_text(status: str, note: str, host: str, last_seen_s: float | None, now_s: float) -> str:
    """Return a job's status with what qualifies it.

    Parameters
    ----------
    status
        The recorded one.
    note
        What qualifies it; empty if nothing does.
    host
        Where the job runs.
    last_seen_s
        The last sign of life of a job on another host, POSIX seconds.
    now_s
        The time now, POSIX seconds.

    Examples
    --------
    >>> status_text("running", "unsupervised", "node1", None, 0.0)
    'running (unsupervised)'
    >>> status_text("running", "unknown", "login01", 7200.0, 18_000.0)
    'unknown (login01, last seen 3 h 0 min ago)'
    """
    if note == "unknown":
        seen = "never seen" if last_seen_s is None else _ago(now_s - last_seen_s)
        return f"unknown ({host}, {seen})"
    return f"{status} ({note})" if note else status


def _ago(age_s: float) -> str:
    """Say how long ago something was seen; clocks of hosts differ."""
    return f"last seen {human_duration(max(0.0, age_s))} ago"


def _progress(row: JobRow, now_s: float) -> str:
    """Return how far a running job is."""
    if row.progress is None:
        return ""
    from pdb_cli.cli.job_progress import progress_line  # noqa: PLC0415 - only if something runs

    return progress_line(row.progress, now_s)


def posix_time(text: str | None) -> float | None:
    """Return the POSIX time (s) of a record's time text, or None if there is none.

    Examples
    --------
    >>> posix_time("1970-01-02T00:00:00Z")
    86400.0
    """
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def local_time(seconds: float | None) -> str:
    """Return a POSIX time (s) as local time for people."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
