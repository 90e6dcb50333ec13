"""stdout is data: each mode, with text that would break it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from pdb_cli.cli.output import OutputMode, human_duration, human_size, text_table, write_rows

ROWS: list[dict[str, Any]] = [
    {"id": "4hhb", "path": "a,b\n\"c'", "n": 1},
    {"id": "1abc", "path": "\x1b[31mred", "n": None},
    {"id": "4hhb", "path": "naïve \udce9", "n": 3},
]
COLUMNS = {"id": "ENTRY", "n": "FILES", "path": "PATH"}


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, mode=OutputMode.JSON, columns=COLUMNS)
    document = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in document] == ["4hhb", "1abc", "4hhb"]
    assert document[0]["path"] == ROWS[0]["path"]


def test_csv_has_a_header_and_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS[:2], mode=OutputMode.CSV, columns=COLUMNS)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == {"id": "4hhb", "path": ROWS[0]["path"], "n": "1"}


def test_csv_of_nothing_is_a_header(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows([], mode=OutputMode.CSV, columns=COLUMNS)
    assert capsys.readouterr().out == "id,n,path\n"


def test_ids_come_once_each_one_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, mode=OutputMode.IDS, columns=COLUMNS)
    assert capsys.readouterr().out == "4hhb\n1abc\n"


def test_text_can_not_move_the_cursor() -> None:
    lines = text_table(ROWS, COLUMNS)
    assert lines[0].split() == ["ENTRY", "FILES", "PATH"]
    assert len(lines) == len(ROWS) + 1
    assert all(char.isprintable() for line in lines for char in line)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999.6, "1 kB"), (999_600, "1.0 MB"), (1.5e12, "1.5 TB"), (2.5e15, "2500.0 TB")],
)
def test_sizes_for_people(size: float, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.7, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
