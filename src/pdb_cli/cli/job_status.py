"""``pdb-cli jobs status``: one job in full."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from pdb_cli.cli.job_records import as_row
from pdb_cli.cli.job_table import local_time, posix_time
from pdb_cli.cli.output import (
    OutputMode,
    human_duration,
    human_size,
    printable,
    write_document,
    write_rows,
)
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.regular_file import read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.liveness import Observation
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
    progress = _progress(paths.progress)
    if mode is OutputMode.IDS:
        write_rows([{"id": job_id}], mode=mode, columns={})
        return
    if mode is OutputMode.JSON:
        record = as_row(seen.job)
        record |= {"doubt": str(seen.doubt), "progress": progress, "log": str(paths.stderr)}
        write_document(record)
        return
    rows = _rows(seen, progress, log=paths.log_link)
    width = max(len(name) for name, _ in rows) + 2
    sys.stdout.write(
        "".join(f"{name + ':':<{width}}{printable(value)}\n" for name, value in rows if value)
    )


def _rows(seen: Observation, progress: dict[str, Any], *, log: Path) -> list[tuple[str, str]]:
    """Return what people want to know, in the order they ask."""
    job = seen.job
    started_s, finished_s = posix_time(job.started_at), posix_time(job.finished_at)
    took_s = (finished_s or time.time()) - (started_s or 0.0)
    return [
        ("job", job.id),
        ("status", f"{job.status} ({seen.doubt})" if seen.doubt else str(job.status)),
        ("exit code", "" if job.exit_code is None else str(job.exit_code)),
        ("reason", job.reason or ""),
        ("command", f"pdb-cli {job.command}"),
        ("directory", job.cwd),
        ("progress", _progress_text(progress)),
        ("started", local_time(started_s)),
        ("finished", local_time(finished_s)),
        ("time", human_duration(max(0.0, took_s)) if started_s is not None else ""),
        ("host", job.host),
        ("pid", "" if job.pid is None else f"{job.pid} (supervisor)"),
        ("log", str(log)),
    ]


def _progress(path: Path) -> dict[str, Any]:
    """Read the latest snapshot; none is fine."""
    try:
        document = json.loads(read_regular(path))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _progress_text(progress: dict[str, Any]) -> str:
    """Put a snapshot into one line."""
    try:
        return (
            f"{progress['files_done']} of {progress['files_total']} files, "
            f"{human_size(progress['bytes_received'])}, {progress['files_failed']} failed"
        )
    except (KeyError, TypeError, ValueError):
        return ""
