"""What the live table shows, drawn into memory at several sizes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from pdb_cli.cli.watch_screen import draw
from pdb_cli.jobs.listing import JobRow
from pdb_cli.jobs.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

HALF = Progress(4000, 1997, 3, 10**9, 12_000_000, 83.5, 190.0, "downloading", 2000, 600)


def a_row(job_id: str = "job_aaaaaa", **changes: object) -> JobRow:
    row = JobRow(
        id=job_id,
        status="running",
        command="download -l ids",
        started_at="2026-01-02T03:04:05Z",
        finished_at=None,
        host="here",
        label=None,
        note="",
        progress=HALF,
    )
    return row._replace(**changes)  # type: ignore[arg-type]


def drawn(rows: Sequence[JobRow], *, width: int = 120, height: int = 24) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, color_system=None, force_terminal=True)
    console.print(draw(rows, 0.0, width=width, height=height), end="")
    text = file.getvalue()
    assert "\x1b" not in text
    return text.splitlines()


def test_a_running_job_has_a_bar_and_all_its_figures() -> None:
    title, _, headings, line = drawn([a_row(label="weekly")])
    assert title.startswith("pdb-cli jobs: 1 running")
    assert title.rstrip().endswith("q leaves")
    assert headings.split() == [
        *("JOB", "STATE", "PROGRESS", "FILES", "RATE", "LEFT", "FAILED", "COMMAND")
    ]
    assert re.fullmatch(
        r"job_aaaaaa +downloading +━+[╸╺]?━* +50 % +2,000/4,000 +12\.0 MB/s +3 min +3"
        r" +weekly  download -l ids",
        line.rstrip(),
    )


def test_an_ended_job_has_its_end_and_no_bar() -> None:
    rows = [a_row(status="failed"), a_row("job_bbbbbb", status="queued", progress=None)]
    _, _, _, failed, queued = drawn(rows)
    assert re.fullmatch(
        r"job_aaaaaa +failed +50 % +2,000/4,000 +3 +download -l ids", failed.strip()
    )
    assert re.fullmatch(r"job_bbbbbb +queued +download -l ids", queued.strip())


def test_a_doubt_is_worth_more_than_a_phase() -> None:
    assert "unsupervised" in drawn([a_row(note="unsupervised")])[3]


def test_while_planning_there_is_a_bar_that_only_moves() -> None:
    line = drawn([a_row(progress=HALF._replace(files_total=0, phase="planning"))])[3]
    assert "planning" in line
    assert "━" in line
    assert "%" not in line


def test_no_jobs_at_all() -> None:
    assert "No job is running." in drawn([])[2]


@pytest.mark.parametrize("width", [1, 10, 40, 59, 60, 71, 72, 80, 99, 100, 300])
@pytest.mark.parametrize("height", [1, 5, 24])
def test_it_fits_any_terminal(width: int, height: int) -> None:
    hostile = "[red]x[/] [link=http://x]\x1b[31m\x1b]0;title\x07\n\r\u202e\t\udcff" * 5
    rows = [
        a_row(f"job_{number:06}", command=hostile, label=hostile, note=hostile)
        for number in range(30)
    ]
    rows += [a_row(progress=HALF._replace(phase=hostile))]
    lines = drawn(rows, width=width, height=height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 4)
    if width >= 60:
        assert lines[0].startswith("pdb-cli jobs: 31 running")
    if height == 24 and width >= 20:
        assert lines[-1].startswith("and 11 more")
    if width >= 100 and height == 24:
        assert "[red]x[/]" in lines[3]
