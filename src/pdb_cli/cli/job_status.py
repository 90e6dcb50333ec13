"""``pdb-cli jobs status``: one job in full."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from pdb_cli.cli.job_progress import progress_rows
from pdb_cli.cli.job_records import as_row
from pdb_cli.cli.job_table import local_time, posix_time, status_text
from pdb_cli.cli.output import (
    OutputMode,
    human_duration,
    printable,
    write_document,
    write_rows,
)
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.model import JobStatus, utc_text
from pdb_cli.jobs.progress import read_progress

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.liveness import Observation
    from pdb_cli.jobs.progress import Progress
    from pdb_cli.jobs.store import JobStore


def show_status(store: JobStore, job_id: str, *, mode: OutputMode) -> None:
    """Write everything known about a job to stdout.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.
    mode
        Text, ids, or json: the record plus ``doubt``, ``progress`` and ``log``.

    Raises
    ------
    UnknownJobError, JobRecordError
        As ``observe``.
    """
    seen = observe(store, job_id)
    paths = store.paths(job_id)
    if mode is OutputMode.IDS:
        write_rows([{"id": job_id}], mode=mode, columns={})
        return
    progress = read_progress(paths.progress)
    if mode is OutputMode.JSON:
        record = as_row(seen.job)
        record |= {
            "doubt": str(seen.doubt),
            "last_seen": None if seen.last_seen_s is None else utc_text(seen.last_seen_s),
            "progress": progress and progress._asdict(),
            "log": str(paths.stderr),
        }
        write_document(record)
        return
    rows = [(name, value) for name, value in _rows(seen, progress, log=paths.log_link) if value]
    width = max(len(name) for name, _ in rows) + 2
    sys.stdout.write("".join(f"{name + ':':<{width}}{printable(value)}\n" for name, value in rows))


def _rows(seen: Observation, progress: Progress | None, *, log: Path) -> list[tuple[str, str]]:
    """Return what people want to know, in the order they ask."""
    job = seen.job
    started_s, finished_s = posix_time(job.started_at), posix_time(job.finished_at)
    now_s = time.time()
    took_s = (finished_s or now_s) - (started_s or 0.0)
    never_started = job.queued_at is not None and job.child is None
    running = job.status is JobStatus.RUNNING
    return [
        ("job", job.id),
        ("status", status_text(job.status, seen.doubt, job.host, seen.last_seen_s, now_s)),
        ("exit code", "" if job.exit_code is None else str(job.exit_code)),
        ("reason", job.reason or ""),
        ("command", f"pdb-cli {job.command}"),
        ("directory", job.cwd),
        ("label", job.label or ""),
        ("after", job.after or ""),
        ("restarted from", job.restarted_from or ""),
        ("tells", job.notify or ""),
        *progress_rows(progress, command=job.command, running=running, now_s=now_s),
        ("queued", local_time(posix_time(job.queued_at))),
        ("started", "" if never_started else local_time(started_s)),
        ("finished", local_time(finished_s)),
        ("time", human_duration(max(0.0, took_s)) if started_s is not None else ""),
        ("host", job.host),
        ("pid", "" if job.pid is None else f"{job.pid} (supervisor)"),
        ("log", str(log)),
    ]
