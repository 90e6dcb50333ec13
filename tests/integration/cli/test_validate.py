"""``pdb-cli validate`` as its users run it."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from support.collected import overwrite
from support.real_entries import CLASSIC_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.lab import Lab

HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"
KQE = "structures/divided/mmCIF/kq/1kqe.cif.gz"
DSR = "structures/divided/mmCIF/ds/1dsr.cif.gz"
GDR = "structures/divided/mmCIF/gd/1gdr.cif.gz"


@pytest.fixture
def filled(lab: Lab) -> Lab:
    """Give a collection of three entries that arrived verified."""
    done = lab.run("download", "3hya", "1kqe", "1dsr")
    assert done.returncode == 0, done.stderr
    return lab


def copied(lab: Lab) -> Lab:
    """Give a collection that somebody copied there: nothing is recorded."""
    for name in (HYA, KQE):
        path = lab.collection / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((CLASSIC_ROOT / "data" / name).read_bytes())
    return lab


def rows_of(lab: Lab, *arguments: str | Path, code: int) -> dict[str, dict[str, Any]]:
    """Validate; return the rows by the files' paths in the collection."""
    done = lab.run("validate", "-o", "json", *arguments)
    assert done.returncode == code, done.stderr
    rows = json.loads(done.stdout)
    return {os.path.relpath(row["path"], lab.collection): row for row in rows}


def test_what_was_copied_there_has_no_record_until_it_gets_one(lab: Lab) -> None:
    copied(lab)
    for level, status in (("size", "no record"), ("gzip", "ok"), ("hash", "no record")):
        rows = rows_of(lab, "--level", level, code=0)
        assert {row["status"] for row in rows.values()} == {status}
    recorded = lab.run("validate", "--record", "--level", "size")
    assert recorded.returncode == 0
    assert "2 records made" in recorded.stderr
    for level in ("size", "gzip", "content", "hash"):
        rows = rows_of(lab, "--level", level, code=0)
        assert {(row["status"], row["level"]) for row in rows.values()} == {("ok", level)}
    assert "0 records made" in lab.run("validate", "--record").stderr


def test_a_bad_file_gets_no_record(lab: Lab) -> None:
    copied(lab)
    overwrite(lab.collection / HYA, (lab.collection / KQE).read_bytes())
    rows = rows_of(lab, "--record", "--level", "size", code=3)
    assert rows[HYA]["defect"] == "wrong-entry"
    assert rows_of(lab, "--level", "size", code=0)[HYA]["status"] == "no record"


def test_no_weaker_look_changes_a_record(lab: Lab) -> None:
    copied(lab)
    assert lab.run("validate", "--record").returncode == 0
    path = lab.collection / HYA
    data = bytearray(path.read_bytes())
    data[4] ^= 1  # the time in the gzip header: whole, but not the same bytes
    overwrite(path, bytes(data), keep_time=True)
    assert lab.run("validate", "--record").returncode == 0
    row = rows_of(lab, "--level", "hash", "--record", code=3)[HYA]
    assert (row["defect"], row["level"]) == ("wrong-hash", "content")


def test_v2_types_formats_ids_and_lists_are_obeyed(lab: Lab, tmp_path: Path) -> None:
    done = lab.run("download", "4hhb", "-t", "st", "-t", "sf", "-t", "assemblies")
    assert done.returncode == 0, done.stderr
    copied(lab)
    kinds = {(row["id"], row["type"]) for row in rows_of(lab, "-t", "sf", code=0).values()}
    assert kinds == {("4hhb", "structure-factors")}
    rows = rows_of(lab, "-f", "cif", "-t", "st", "4HHB", "pdb_00003hya", code=0)
    assert {row["id"] for row in rows.values()} == {"4hhb", "3hya"}
    (tmp_path / "list").write_text("1kqe # the second\n")
    assert set(rows_of(lab, "-l", tmp_path / "list", code=0)) == {KQE}
    stdin = lab.run("validate", "--stdin", "-o", "csv", input="3hya\n")
    (row,) = csv.DictReader(io.StringIO(stdin.stdout))
    assert (row["id"], row["status"], row["level"]) == ("3hya", "ok", "content")


def test_ids_without_a_file_are_said(lab: Lab) -> None:
    copied(lab)
    some = lab.run("validate", "3hya", "9zzz", "1ABC")
    assert (some.returncode, "no such file in the collection: 9zzz, 1abc" in some.stderr) == (3, 1)
    none = lab.run("validate", "9zzz")
    assert none.returncode == 1
    wrong = lab.run("validate", "9zzz", "hello", "x")
    assert wrong.returncode == 2
    assert "hello" in wrong.stderr
    assert "'x'" in wrong.stderr


def test_only_defects_and_their_entries(lab: Lab) -> None:
    copied(lab)
    path = lab.collection / HYA
    overwrite(path, path.read_bytes()[:-1])
    text = lab.run("validate", "--errors-only")
    assert text.returncode == 3
    heading, line = text.stdout.splitlines()
    assert heading.split()[:2] == ["ENTRY", "TYPE"]
    assert "truncated" in line
    assert str(path) in line
    assert lab.run("validate", "-o", "ids").stdout == "3hya\n"
    assert lab.run("validate", "-o", "ids", "--level", "size").stdout == ""


def test_other_files_are_counted_and_named_but_not_accused(lab: Lab) -> None:
    copied(lab)
    (lab.collection / "README").write_text("ours")
    (lab.collection / "structures" / "notes.txt").write_text("")
    done = lab.run("validate")
    assert done.returncode == 0
    assert "2 files with other names" in done.stderr
    assert "structures/notes.txt" in lab.run("-v", "validate").stderr


def test_files_verified_lately_are_skipped(lab: Lab) -> None:
    copied(lab)
    assert lab.run("validate", "--level", "gzip").returncode == 0
    assert rows_of(lab, "--since", "30d", "--level", "gzip", code=0) == {}
    # Never looked at as closely as that.
    assert len(rows_of(lab, "--since", "30d", code=0)) == 2
    assert "2 verified lately" in lab.run("validate", "--since", "1h").stderr
    # Another file by now.
    path = lab.collection / HYA
    overwrite(path, path.read_bytes()[:-1])
    assert set(rows_of(lab, "--since", "30d", code=3)) == {HYA}
    assert lab.run("validate", "--since", "soon").returncode == 2


def test_a_collection_that_can_not_be_written_is_validated_all_the_same(lab: Lab) -> None:
    copied(lab)
    folders = [path for path in lab.collection.rglob("*") if path.is_dir()]
    for folder in [lab.collection, *folders]:
        folder.chmod(0o555)
    try:
        rows = rows_of(lab, "--record", code=0)
        assert {row["status"] for row in rows.values()} == {"ok"}
        if os.geteuid() != 0:
            assert not (lab.collection / ".pdb-cli").exists()
            assert lab.run("validate", "--fix").returncode == 1
    finally:
        for folder in [lab.collection, *folders]:
            folder.chmod(0o755)


def test_wrong_usage_is_said_before_anything_starts(lab: Lab) -> None:
    lab.collection.mkdir()
    for arguments in (["-m", "lab"], ["--wait"], ["--fix", "-m", "nowhere"], ["-j", "0"]):
        assert lab.run("validate", *arguments).returncode == 2
    gone = lab.run("--pdb-dir", lab.collection / "gone", "validate")
    assert gone.returncode == 1
    assert "no such directory" in gone.stderr
    empty = lab.run("validate", "-o", "json")
    assert (empty.returncode, json.loads(empty.stdout)) == (0, [])
