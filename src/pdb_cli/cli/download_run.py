"""Run a download in the foreground: events to the reporter, data to stdout, a summary."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pdb_cli.cli.errors import describe, reason_of
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import (
    OutputMode,
    human_duration,
    human_size,
    write_document,
    write_rows,
)
from pdb_cli.cli.progress import make_reporter
from pdb_cli.config.network import choose_http_options
from pdb_cli.errors import FileAccessError
from pdb_cli.operations.download import (
    Action,
    DownloadResult,
    FileOutcome,
    Outcome,
    PlannedFile,
    plan_download,
    run_download,
)
from pdb_cli.operations.download_lists import find_assemblies
from pdb_cli.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session
    from pdb_cli.operations.download_request import DownloadRequest

_SHORT_S = 10.0
_GOOD = {Outcome.DOWNLOADED, Outcome.UP_TO_DATE}


def show_plan(session: Session, request: DownloadRequest, *, mode: OutputMode) -> None:
    """Write what a download would do to stdout.

    Parameters
    ----------
    session
        This run.
    request
        What is wanted.
    mode
        How; ``ids`` lists the entries that would be fetched.
    """
    if request.assembly is None:
        settings = session.settings().download
        options = choose_http_options(settings, session.environ)
        retry = RetryPolicy(retries=settings.retry)
        with make_reporter(session) as report:
            request = find_assemblies(request, options=options, retry=retry, observe=report)
    planned = list(plan_download(request))
    if mode is OutputMode.IDS:
        planned = [item for item in planned if item.action is Action.FETCH]
    write_rows(
        [_plan_row(item) for item in planned],
        mode=mode,
        columns={"action": "ACTION", "id": "ENTRY", "path": "PATH", "reason": "REASON"},
    )


def run(session: Session, request: DownloadRequest, *, mode: OutputMode) -> int:
    """Download, and say how it went.

    Parameters
    ----------
    session
        This run.
    request
        What is wanted.
    mode
        ``json`` writes one object per file, ``ids`` the entries that are there now.

    Returns
    -------
    int
        0 if every wanted file is present and valid, 3 if some are, 1 if none is.

    Raises
    ------
    FileAccessError
        Nothing could be written (disk full, read-only).
    """
    settings = session.settings().download
    options = choose_http_options(settings, session.environ)
    result = DownloadResult()
    rows: list[dict[str, Any]] = []
    started_s = time.monotonic()
    retry = RetryPolicy(retries=settings.retry)
    stopped: FileAccessError | None = None
    try:
        with (
            make_reporter(session) as report,
            closing(run_download(request, options=options, retry=retry, observe=report)) as found,
        ):
            for outcome in found:
                result.add(outcome)
                if mode is OutputMode.JSON or (mode is OutputMode.IDS and outcome.outcome in _GOOD):
                    rows.append(_row(outcome))
    except FileAccessError as error:
        stopped = error
    finally:
        # What arrived is told however the run ended, an interrupt included.
        if mode is OutputMode.JSON:
            write_document(rows)
        elif mode is OutputMode.IDS:
            write_rows(rows, mode=mode, columns={})
        session.say(_summary(result, time.monotonic() - started_s) + _advice(session, result))
    if stopped is None:
        return _exit_code(result)
    if not result.good:
        raise stopped
    session.complain(describe(stopped).lines[0])
    return ExitCode.PARTIAL


def _summary(result: DownloadResult, duration_s: float) -> str:
    """Sum up in one line."""
    counts = result.counts
    parts = [
        f"{counts[Outcome.DOWNLOADED]} downloaded",
        f"{counts[Outcome.UP_TO_DATE]} up to date",
    ]
    if counts[Outcome.NOT_FOUND]:
        parts.append(f"{counts[Outcome.NOT_FOUND]} not found")
    if counts[Outcome.FAILED]:
        parts.append(f"{counts[Outcome.FAILED]} failed")
    text = ", ".join(parts)
    if result.received_bytes:
        rate = human_size(result.received_bytes / max(duration_s, 1e-6))
        size = human_size(result.received_bytes)
        took = f"{duration_s:.1f} s" if duration_s < _SHORT_S else human_duration(duration_s)
        text += f"; {size} in {took} ({rate}/s)"
    return text


def _advice(session: Session, result: DownloadResult) -> str:
    """Say what to do about failures; a job's record says it by itself."""
    failed = result.counts[Outcome.FAILED]
    if not failed:
        return ""
    if failed == result.unreachable and not result.counts[Outcome.DOWNLOADED]:
        return "; no mirror could be reached: is there a network, a proxy? (-v tells more)"
    if session.job_dir() is not None:
        return ""
    return "; run the same command again to try the rest"


def _exit_code(result: DownloadResult) -> ExitCode:
    """Say with the exit code what the summary says in words."""
    if not result.bad:
        return ExitCode.DONE
    return ExitCode.PARTIAL if result.good else ExitCode.FAILED


def _row(outcome: FileOutcome) -> dict[str, Any]:
    """Return an outcome as data."""
    return {
        "id": str(outcome.file.entry),
        "type": str(outcome.file.data_type),
        "format": str(outcome.file.file_format),
        "asked_format": str(outcome.replaces_format or outcome.file.file_format),
        "asked_ids": [str(entry) for entry in outcome.replaces_entries or (outcome.file.entry,)],
        "path": str(outcome.path),
        "status": str(outcome.outcome),
        "bytes": outcome.size_bytes,
        "url": outcome.url,
        "mirror": outcome.mirror,
        "attempts": outcome.attempts,
        "seconds": round(outcome.duration_s, 3),
        "reason": _reason(outcome),
    }


def _reason(outcome: FileOutcome) -> str | None:
    """Return why a file is not there."""
    if outcome.absence is not None:
        return str(outcome.absence)
    return reason_of(outcome.error) if outcome.error is not None else None


def _plan_row(planned: PlannedFile) -> dict[str, Any]:
    """Return a line of a plan as data."""
    return {
        "action": str(planned.action),
        "id": str(planned.file.entry),
        "type": str(planned.file.data_type),
        "path": str(planned.path),
        "size": planned.size_bytes,
        "reason": planned.reason,
    }
