"""What each kind of place sees of the same events."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest

from pdb_cli.cli.progress import BarReporter, JobReporter, LineReporter, Tally, make_reporter
from pdb_cli.cli.session import Session
from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    Event,
    FileFailed,
    FilePresent,
    FilePublished,
    Note,
    PlanMade,
)

if TYPE_CHECKING:
    from pathlib import Path

EVENTS: list[Event] = [
    PlanMade(4),
    BytesReceived(1_000_000),
    FilePublished("a/1abc.cif.gz", 1_000_000),
    FilePresent("a/2abc.cif.gz"),
    AttemptFailed("a/3abc.cif.gz", "HTTP 503", 0.5, "http://mirror/3abc.cif.gz"),
    FileFailed("a/3abc.cif.gz", "HTTP 503"),
    Note("one word"),
]
TROUBLE = [
    "a/3abc.cif.gz: HTTP 503; next try in 0.5 s: http://mirror/3abc.cif.gz",
    "a/3abc.cif.gz: HTTP 503",
    "one word",
]


def _session(verbosity: int = 0, **environ: str) -> Session:
    session = Session((), environ)
    session.verbosity = verbosity
    return session


def test_the_sums_are_those_of_the_events() -> None:
    tally = Tally()
    for event in EVENTS:
        tally.add(event)
    snapshot = tally.snapshot()
    wanted = {"files_total": 4, "files_done": 2, "files_failed": 1, "bytes_received": 1_000_000}
    assert snapshot.items() >= wanted.items()
    assert snapshot["eta_s"] is not None


@pytest.mark.parametrize(
    ("verbosity", "lines"),
    [
        (-1, ["a/3abc.cif.gz: HTTP 503"]),
        (0, TROUBLE[1:]),
        (
            1,
            [
                "files wanted: 4",
                "downloaded a/1abc.cif.gz (1.0 MB)",
                "up to date a/2abc.cif.gz",
                *TROUBLE,
            ],
        ),
    ],
)
def test_in_a_pipe_only_trouble_is_told(
    capsys: pytest.CaptureFixture[str], verbosity: int, lines: list[str]
) -> None:
    with make_reporter(_session(verbosity)) as report:
        assert type(report) is LineReporter
        for event in EVENTS:
            report(event)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()) == ("", lines)


def test_a_job_gets_lines_with_times_and_an_exact_last_snapshot(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with make_reporter(_session(PDB_CLI_JOB_DIR=str(tmp_path))) as report:
        assert type(report) is JobReporter
        for event in EVENTS:
            report(event)
    lines = capsys.readouterr().err.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S", line) for line in lines)
    assert lines[1].endswith(" downloaded a/1abc.cif.gz (1.0 MB)")
    snapshot = json.loads((tmp_path / "progress.json").read_bytes())
    assert (snapshot["schema"], snapshot["files_done"], snapshot["files_failed"]) == (1, 2, 1)


def test_a_job_whose_directory_is_gone_works_on(tmp_path: Path) -> None:
    with make_reporter(_session(PDB_CLI_JOB_DIR=str(tmp_path / "gone"))) as report:
        for event in EVENTS:
            report(event)
    assert not (tmp_path / "gone").exists()


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with make_reporter(_session()) as report:
        assert type(report) is BarReporter
        for event in EVENTS:
            report(event)
    drawn = terminal.getvalue()
    assert "3/4" in drawn
    assert "1.0 MB" in drawn
    assert "a/3abc.cif.gz: HTTP 503" in drawn
    assert drawn.endswith("\x1b[1A\x1b[2K")
