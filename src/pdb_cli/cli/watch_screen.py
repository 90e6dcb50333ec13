"""What ``pdb-cli jobs watch`` draws: a line per job, whatever the size of the terminal.

Texts of jobs are anybody's: each is made printable, and none is read as markup.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pdb_cli.cli.job_progress import left_text, percent, rate_text
from pdb_cli.cli.output import printable
from pdb_cli.jobs.model import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from pdb_cli.jobs.listing import JobRow

_STYLES: Mapping[str, str] = {
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "yellow",
    JobStatus.QUEUED: "dim",
}
_LINES_AROUND = 3
"""The title, the line below it, the headings."""
_FILES_FROM_WIDTH = 100
_ALL_BUT_FILES_FROM_WIDTH = 72
_FAILED_FROM_WIDTH = 60
_BAR_WIDTH = 8
"""At least."""


def draw(rows: Sequence[JobRow], now_s: float, *, width: int, height: int) -> RenderableType:
    """Return the screen.

    Parameters
    ----------
    rows
        The jobs, the most interesting first: those that do not fit are only counted.
    now_s
        The time now, POSIX seconds.
    width, height
        The terminal's size, in characters.
    """
    from rich.console import Group

    room = max(1, height - _LINES_AROUND)
    fitting = rows if len(rows) <= room else rows[: room - 1]
    parts: list[RenderableType] = [_line(_title(rows, now_s), "bold"), _line("")]
    if rows:
        parts.append(_table(fitting, now_s, width))
    else:
        parts.append(_line("No job is running. Add --bg to a long command to start one."))
    if len(fitting) < len(rows):
        parts.append(_line(f"and {len(rows) - len(fitting)} more", "dim"))
    return Group(*parts)


def _title(rows: Sequence[JobRow], now_s: float) -> str:
    """Sum up, and say how to leave."""
    running = sum(row.status == JobStatus.RUNNING for row in rows)
    queued = sum(row.status == JobStatus.QUEUED for row in rows)
    counts = f"{running} running" + (f", {queued} queued" if queued else "")
    return f"pdb-cli jobs: {counts}   {time.strftime('%H:%M:%S', time.localtime(now_s))}   q leaves"


def _table(rows: Sequence[JobRow], now_s: float, width: int) -> RenderableType:
    """Return the table; a narrow terminal gets fewer columns, none gets empty ones."""
    from rich.table import Table

    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0))
    makers: list[Callable[[JobRow], RenderableType]] = []

    def add(heading: str, make: Callable[[JobRow], RenderableType], **options: Any) -> None:
        """Add a column and what makes its cells."""
        table.add_column(heading, no_wrap=True, overflow="ellipsis", **options)
        makers.append(make)

    roomy = width >= _ALL_BUT_FILES_FROM_WIDTH
    add("JOB", lambda row: _line(row.id))
    add("STATE", _state)
    add("PROGRESS", _bar, ratio=1, min_width=_BAR_WIDTH)
    add("", _percent, justify="right")
    if width >= _FILES_FROM_WIDTH:
        add("FILES", _files, justify="right")
    if roomy:
        add("RATE", lambda row: _of_running(row, now_s, rate_text), justify="right")
    add("LEFT", lambda row: _of_running(row, now_s, left_text), justify="right")
    some_failed = any(row.progress and row.progress.files_failed for row in rows)
    if some_failed and width >= _FAILED_FROM_WIDTH:
        add("FAILED", _failed, justify="right")
    if roomy:
        add("COMMAND", _command, ratio=1)
    for row in rows:
        table.add_row(*(make(row) for make in makers))
    return table


def _line(text: str, style: str = "") -> Text:
    """Return a line of text without markup, escapes or a second line."""
    from rich.text import Text

    return Text(printable(text), style=style, no_wrap=True, overflow="ellipsis")


def _state(row: JobRow) -> Text:
    """Return what a job is doing, or how it ended."""
    if row.status != JobStatus.RUNNING:
        return _line(row.status, _STYLES.get(row.status, ""))
    phase = row.progress.phase if row.progress else ""
    return _line(row.note or phase or row.status)


def _bar(row: JobRow) -> RenderableType:
    """Return the bar of a job that runs; it only moves while it is not known what is wanted."""
    from rich.progress_bar import ProgressBar

    if row.status != JobStatus.RUNNING or row.progress is None:
        return _line("")
    total, settled = row.progress.files_total, row.progress.files_settled
    return ProgressBar(total=total or None, completed=settled, pulse=not total)


def _percent(row: JobRow) -> Text:
    """Return how much is settled."""
    done = percent(row.progress) if row.progress else None
    return _line("" if done is None else f"{done} %")


def _files(row: JobRow) -> Text:
    """Return how many files are settled."""
    if row.progress is None or not row.progress.files_total:
        return _line("")
    return _line(f"{row.progress.files_settled:,}/{row.progress.files_total:,}")


def _failed(row: JobRow) -> Text:
    """Return how many files failed, if any."""
    failed = row.progress.files_failed if row.progress else 0
    return _line(f"{failed:,}" if failed else "", "red")


def _of_running(row: JobRow, now_s: float, make: Callable[..., str]) -> Text:
    """Return what is of interest only while a job runs."""
    if row.status != JobStatus.RUNNING or row.progress is None:
        return _line("")
    return _line(make(row.progress, now_s))


def _command(row: JobRow) -> Text:
    """Return the label, if there is one, and the command."""
    return _line(f"{row.label}  {row.command}" if row.label else row.command)
