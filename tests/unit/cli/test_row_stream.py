"""Rows as they come: every mode, and an end that comes too early."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.cli.output import OutputMode
from pdb_cli.cli.row_stream import Column, RowStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROWS: list[dict[str, Any]] = [
    {"id": "4hhb", "path": "a,b\n\"c'", "n": 1},
    {"id": "1abc", "path": "naïve \udce9", "n": None},
]
COLUMNS = {"id": Column("ENTRY", 5), "n": Column("FILES", 7), "path": Column("PATH")}


def _write(mode: OutputMode, rows: Iterable[dict[str, Any]]) -> None:
    with RowStream(mode, columns=COLUMNS) as stream:
        for row in rows:
            stream.write(row)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_json_is_one_array_of_any_length(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    _write(OutputMode.JSON, ROWS[:count])
    document = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in document] == ["4hhb", "1abc"][:count]
    if document:
        assert document[0] == ROWS[0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_json_is_whole_when_an_exception_ends_it(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> Iterator[dict[str, Any]]:
        yield from ROWS[:count]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write(OutputMode.JSON, interrupted())
    assert len(json.loads(capsys.readouterr().out)) == count


def test_text_has_fixed_columns_and_nothing_that_moves_the_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _write(OutputMode.TEXT, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "ENTRY  FILES    PATH",
        "4hhb   1        a,b?\"c'",
        "1abc            naïve ?",
    ]


def test_text_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _write(OutputMode.TEXT, [])
    assert not capsys.readouterr().out


def test_ids_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _write(OutputMode.IDS, ROWS)
    assert capsys.readouterr().out == "4hhb\n1abc\n"


def test_csv_has_a_header_also_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    for rows in ([], ROWS):
        with RowStream(OutputMode.CSV, columns=COLUMNS, fields=("id", "n", "path")) as stream:
            for row in rows:
                stream.write(row)
    assert capsys.readouterr().out == (
        'id,n,path\nid,n,path\n4hhb,1,"a,b\n""c\'"\n1abc,,naïve \\udce9\n'
    )


def test_csv_needs_its_fields() -> None:
    with pytest.raises(ValueError, match="CSV"):
        RowStream(OutputMode.CSV, columns=COLUMNS)
