"""``progress.json``: what the job writes is read back; what anybody else wrote does no harm."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.progress import Progress, read_progress, write_progress

if TYPE_CHECKING:
    from pathlib import Path

FULL = Progress(
    files_total=4000,
    files_done=1200,
    files_failed=3,
    bytes_received=10**9,
    rate_bytes_s=12_000_000,
    elapsed_s=83.5,
    eta_s=190.0,
    phase="downloading",
    entries_total=2000,
    entries_done=600,
    updated_at="2026-01-02T03:04:05Z",
)
OLD = {
    "schema": 1, "files_total": 4, "files_done": 2, "files_failed": 1, "bytes_received": 5,
    "rate_bytes_s": 3, "elapsed_s": 1.5, "eta_s": None,
}  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    write_progress(path, FULL)
    assert read_progress(path) == FULL
    assert json.loads(path.read_bytes()) == {"schema": 1, **FULL._asdict()}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_snapshots_of_earlier_versions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_text(json.dumps(OLD), encoding="utf-8")
    assert read_progress(path) == Progress(4, 2, 1, 5, 3, 1.5, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b"[" * 60_000,
        json.dumps(OLD).encode()[:-5],
        json.dumps({**OLD, "padding": "x" * 100_000}).encode(),
    ],
    ids=["empty", "brace", "no-text", "list", "no-keys", "null", "deep", "torn", "huge"],
)
def test_what_is_no_snapshot_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "progress.json"
    path.write_bytes(data)
    assert read_progress(path) is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("schema", "2"),
        ("files_total", "-1"),
        ("files_total", "1.5"),
        ("files_total", '"4"'),
        ("files_done", "true"),
        ("files_failed", "null"),
        ("entries_done", "1e400"),
        ("bytes_received", "1" + "0" * 30),
        ("bytes_received", "1" + "0" * 5000),
        ("rate_bytes_s", "[1]"),
        ("elapsed_s", "NaN"),
        ("elapsed_s", "null"),
        ("eta_s", "Infinity"),
        ("eta_s", "-1"),
        ("eta_s", "{}"),
        ("phase", "null"),
        ("updated_at", "7"),
    ],
)
def test_a_value_of_the_wrong_kind_spoils_the_snapshot(tmp_path: Path, key: str, text: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(json.dumps(OLD | {key: "HERE"}).replace('"HERE"', text), encoding="utf-8")
    assert read_progress(path) is None


def test_texts_are_kept_short_and_times_are_times(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    hostile = {**OLD, "phase": "\x1b[31m" * 100, "updated_at": "9999-99-99T99:99:99Z", "other": 1}
    path.write_text(json.dumps(hostile), encoding="utf-8")
    found = read_progress(path)
    assert found is not None
    assert len(found.phase) == 40
    assert found.quiet_s(1e9) == 0.0
    path.write_text(json.dumps(hostile | {"updated_at": "yesterday"}), encoding="utf-8")
    found = read_progress(path)
    assert found is not None
    assert found.updated_at == ""


def test_what_is_no_file_is_none_at_once(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "missing") is None
    os.mkfifo(tmp_path / "fifo")
    assert read_progress(tmp_path / "fifo") is None
    assert read_progress(tmp_path) is None
