"""Run a download in the foreground: events to the reporter, data to stdout, a summary."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Self

from pdb_cli.cli.collection_catalogue import open_for
from pdb_cli.cli.download_files import FailedList, Report
from pdb_cli.cli.download_rows import outcome_row, plan_row
from pdb_cli.cli.errors import describe
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import OutputMode, human_size, human_time_taken
from pdb_cli.cli.progress import make_reporter
from pdb_cli.cli.row_stream import Column, RowStream
from pdb_cli.config.network import choose_http_options
from pdb_cli.errors import FileAccessError
from pdb_cli.events import EntrySettled
from pdb_cli.operations.download.lists import find_assemblies
from pdb_cli.operations.download.request import ObsoletePolicy
from pdb_cli.operations.download.run import (
    Action,
    DownloadResult,
    Outcome,
    plan_download,
    run_download,
)
from pdb_cli.transfer.retry import RetryPolicy
from pdb_cli.transfer.verify import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.ids import EntryId
    from pdb_cli.cli.session import Session
    from pdb_cli.events import Event
    from pdb_cli.operations.download.request import DownloadRequest
    from pdb_cli.operations.download.run import FileOutcome

_WIDEST_REASON = len("trailing-bytes")


def show_plan(session: Session, request: DownloadRequest, *, mode: OutputMode) -> None:
    """Write what a download would do to stdout, line by line.

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
        retry = RetryPolicy(retries=session.settings().download.retry)
        options = choose_http_options(session.settings(), session.environ)
        with make_reporter(session) as report:
            request = find_assemblies(request, options=options, retry=retry, observe=report)
    widest_id = max(len(str(entry)) for entry in request.entries)
    columns = {
        "action": Column("ACTION", len("ACTION")),
        "id": Column("ENTRY", max(widest_id, len("ENTRY"))),
        "reason": Column("REASON", _WIDEST_REASON),
        "path": Column("PATH"),
    }
    previous: EntryId | None = None
    with (
        open_for(session, request.destination, writable=False) as catalogue,
        closing(plan_download(request, catalogue=catalogue)) as plan,
        RowStream(mode, columns=columns) as rows,
    ):
        for planned in plan:
            if mode is OutputMode.IDS:
                # The files of an entry follow one another.
                if planned.action is not Action.FETCH or planned.file.entry == previous:
                    continue
                previous = planned.file.entry
            rows.write(plan_row(planned))


def run(
    session: Session,
    request: DownloadRequest,
    *,
    mode: OutputMode,
    report_path: Path | None = None,
    failed_path: Path | None = None,
) -> int:
    """Download, and say how it went.

    Parameters
    ----------
    session
        This run.
    request
        What is wanted.
    mode
        ``json`` writes one object per file, ``ids`` the entries that are there now.
    report_path
        Gets one JSON object per file and line.
    failed_path
        Gets the entries of which something is missing at the end.

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
    result = DownloadResult()
    failed = FailedList(failed_path, request.entries)
    started_s = time.monotonic()
    stopped: FileAccessError | None = None
    unwritten: FileAccessError | None = None
    with Report(report_path) as report:
        try:
            with make_reporter(session) as show, _OutcomeRows(request, mode) as rows:

                def observe(event: Event) -> None:
                    """Show an event; the failed list needs to know of entries."""
                    if isinstance(event, EntrySettled):
                        failed.settle(event.entry)
                    show(event)

                place = request.destination
                with (
                    open_for(session, place, writable=True, observe=observe) as catalogue,
                    closing(
                        run_download(
                            request,
                            options=choose_http_options(session.settings(), session.environ),
                            retry=RetryPolicy(retries=settings.retry),
                            digest=Digest.SHA256 if report_path is not None else Digest.NONE,
                            catalogue=catalogue,
                            observe=observe,
                        )
                    ) as outcomes,
                ):
                    for outcome in outcomes:
                        result.add(outcome)
                        failed.add(outcome)
                        rows.add(outcome)
                        report.add(outcome)
        except FileAccessError as error:
            stopped = error
        finally:
            # What arrived is told however the run ended, an interrupt included.
            unwritten = _write(failed)
            took_s = time.monotonic() - started_s
            session.say(_summary(result, took_s) + _advice(session, result))
            if unwritten is not None:
                session.complain(describe(unwritten).lines[0])
    if stopped is None:
        code = _exit_code(result)
        return ExitCode.PARTIAL if unwritten is not None and result.good else code
    if not result.good:
        raise stopped
    session.complain(describe(stopped).lines[0])
    return ExitCode.PARTIAL


class _OutcomeRows:
    """The outcomes on stdout; nothing in text mode, where the summary says it all."""

    def __init__(self, request: DownloadRequest, mode: OutputMode) -> None:
        self._mode = mode
        self._stream = RowStream(mode, columns={})
        # Files of one entry come apart from one another.
        single = request.assembly is not None and len(request.kinds) == 1
        self._seen: set[EntryId] | None = None
        if mode is OutputMode.IDS and not (single and request.obsolete is ObsoletePolicy.REPORT):
            self._seen = set()

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.__exit__(*exception)

    def add(self, outcome: FileOutcome) -> None:
        """Write one outcome."""
        if self._mode is OutputMode.TEXT:
            return
        if self._mode is OutputMode.IDS:
            entry = outcome.file.entry
            if not outcome.is_good or (self._seen is not None and entry in self._seen):
                return
            if self._seen is not None:
                self._seen.add(entry)
        self._stream.write(outcome_row(outcome))
        # Those of files that are there come by the thousand.
        if outcome.outcome is not Outcome.UP_TO_DATE:
            self._stream.flush()


def _write(failed: FailedList) -> FileAccessError | None:
    """Write the failed list; return why it could not be written."""
    try:
        failed.write()
    except FileAccessError as error:
        return error
    return None


def _summary(result: DownloadResult, duration_s: float) -> str:
    """Sum up in one line."""
    counts = result.counts
    parts = [
        f"{counts[Outcome.DOWNLOADED]} downloaded",
        f"{counts[Outcome.UP_TO_DATE]} up to date",
    ]
    if counts[Outcome.NOT_FOUND]:
        parts.append(f"{counts[Outcome.NOT_FOUND]} not found")
    if tried := counts[Outcome.FAILED] - result.untried:
        parts.append(f"{tried} failed")
    if result.untried:
        parts.append(f"{result.untried} not tried")
    text = ", ".join(parts)
    if result.received_bytes:
        rate = human_size(result.received_bytes / max(duration_s, 1e-6))
        size = human_size(result.received_bytes)
        took = human_time_taken(duration_s)
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
