"""What each kind of place sees of the same events."""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.cli.progress import BarReporter, JobReporter, LineReporter, line_of, make_reporter
from pdb_cli.cli.session import Session
from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    EntrySettled,
    Event,
    FileFailed,
    FilePresent,
    FilePublished,
    Note,
    PhaseBegan,
    PlanMade,
)
from pdb_cli.jobs.progress import read_progress

if TYPE_CHECKING:
    from pathlib import Path

EVENTS: list[Event] = [
    PlanMade(4, 4),
    PhaseBegan("downloading"),
    BytesReceived(1_000_000),
    FilePublished("a/1abc.cif.gz", 1_000_000),
    EntrySettled("1abc"),
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
    snapshot = read_progress(tmp_path / "progress.json")
    assert snapshot is not None
    assert (snapshot.files_done, snapshot.files_failed, snapshot.entries_done) == (2, 1, 1)
    assert snapshot.phase == "done"


def test_a_phase_is_told_at_once_and_a_stopped_job_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"

    def stopped() -> None:
        with make_reporter(_session(PDB_CLI_JOB_DIR=str(tmp_path))) as report:
            report(PlanMade(4, 4))
            report(PhaseBegan("downloading"))
            told = read_progress(path)
            assert told is not None
            assert (told.phase, told.files_total) == ("downloading", 4)
            report(FilePresent("a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    last = read_progress(path)
    assert last is not None
    assert (last.phase, last.files_done) == ("downloading", 1)


def test_snapshots_are_written_at_most_twice_a_second(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    written = set()
    began_s = time.monotonic()
    with make_reporter(_session(PDB_CLI_JOB_DIR=str(tmp_path))) as report:
        report(PlanMade(10**9))
        while time.monotonic() - began_s < 1.2:
            report(BytesReceived(1))
            written.add(path.stat().st_mtime_ns)
    assert 2 <= len(written) <= 3


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
    assert "downloading" in drawn
    assert "1.0 MB" in drawn
    assert "a/3abc.cif.gz: HTTP 503" in drawn
    assert drawn.endswith("\x1b[1A\x1b[2K")


def test_what_holds_everything_up_is_said_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    with LineReporter(_session()) as show:
        show(AttemptFailed("list.json.gz", "HTTP 503", 0.5, "http://m/list.json.gz", holds_up=True))
        show(AttemptFailed("list.json.gz", "HTTP 503", 1.0, "http://m/list.json.gz"))
    assert capsys.readouterr().err == (
        "list.json.gz: HTTP 503; next try in 0.5 s: http://m/list.json.gz\n"
    )


def test_words_of_a_server_do_not_reach_the_terminal_as_they_are() -> None:
    for event in (Note("lab: \x1b]0;pwned\x07"), FileFailed("a\x1b[31m", "b\r")):
        line = line_of(event, every_file=False)
        assert line is not None
        assert line.isprintable()
