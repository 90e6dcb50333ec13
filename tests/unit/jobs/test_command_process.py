from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.command_process import last_line

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (b"", ""),
        (b"\n \n\r\n", ""),
        (b"first\nsecond", "second"),
        (b"first\nsecond\n\n", "second"),
        (b"2026-01-02T03:04:05Z pdb-cli: no such mirror\n", "pdb-cli: no such mirror"),
        (b"TZ is unset\n", "TZ is unset"),
        (b"10 %\r20 %\r30 %", "30 %"),
        (b"\x1b[31mred\x1b[0m\x07\n", "[31mred[0m"),
        (b"\xff\n", "\ufffd"),
        (b"x" * 10_000 + b"\n", "x" * 4095),
        ("ü\n".encode(), "ü"),
    ],
)
def test_the_last_line_is_the_reason(tmp_path: Path, log: bytes, expected: str) -> None:
    (tmp_path / "log").write_bytes(log)
    assert last_line(tmp_path / "log") == expected


def test_no_log_is_no_reason(tmp_path: Path) -> None:
    assert last_line(tmp_path / "log") == ""


def test_a_log_that_is_no_regular_file_has_no_last_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    assert last_line(tmp_path / "log") == ""
