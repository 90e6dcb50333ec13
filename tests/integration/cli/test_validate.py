"""``pdb-cli validate`` as its users run it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.cli.app import run
from pdb_cli.index.catalogue import Catalogue
from pdb_cli.storage.collection_lock import CollectionLock, Holder
from support.archive_gzip import archive_gzip, inflate
from support.collected import overwrite
from support.killed_repair import MOMENTS, kill_and_repair
from support.large_mirror import make_large_mirror
from support.read_only_mount import read_only
from support.real_entries import CLASSIC_ROOT
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.index.model import Refreshed
    from support.killed_repair import Moment
    from support.lab import Lab

HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"
KQE = "structures/divided/mmCIF/kq/1kqe.cif.gz"
GDR = "structures/divided/pdb/gd/pdb1gdr.ent.gz"
ASSEMBLY = "assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz"


def copied(lab: Lab, *names: str) -> None:
    """Make a collection that somebody copied there: nothing is recorded."""
    for name in names or (HYA, KQE):
        path = lab.collection / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((CLASSIC_ROOT / "data" / name).read_bytes())
        os.utime(path, (1_700_000_000, 1_700_000_000))


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


def test_d08_what_arrived_verified_is_compared_with_what_arrived(lab: Lab) -> None:
    assert lab.run("download", "3hya", "1kqe").returncode == 0
    for level in ("size", "hash"):
        rows = rows_of(lab, "--level", level, code=0)
        assert {(row["status"], row["level"]) for row in rows.values()} == {("ok", level)}
    path = lab.collection / HYA
    text = inflate(path.read_bytes())
    overwrite(path, archive_gzip(text.replace(b"ATOM", b"ATOW", 1), name="3hya.cif"))
    row = rows_of(lab, "--level", "hash", "--fix", code=0)[HYA]
    assert (row["status"], row["level"]) == ("no record", "content")
    assert "replaced since it was recorded" in row["detail"]
    assert inflate(path.read_bytes()) != text
    assert "1 records made" in lab.run("validate", "--record").stderr
    assert rows_of(lab, "--level", "hash", code=0)[HYA]["status"] == "ok"


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
    copied(lab, HYA, KQE, ASSEMBLY, GDR)
    kinds = {(row["id"], row["type"]) for row in rows_of(lab, "-t", "asm", code=0).values()}
    assert kinds == {("4hhb", "assemblies")}
    rows = rows_of(lab, "-f", "cif", "-f", "pdb", "-t", "st", "1GDR", "pdb_00003hya", code=0)
    assert set(rows) == {HYA, GDR}
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
    with read_only(lab.collection):
        rows = rows_of(lab, code=0)
        assert {row["status"] for row in rows.values()} == {"ok"}
        record = lab.run("validate", "--record")
        assert record.returncode == 3
        assert "0 records made" in record.stderr
        assert "2 of 2 records could not be kept" in record.stderr
        fix = lab.run("validate", "--fix")
        assert fix.returncode == 1
        assert "Read-only file system" in fix.stderr
    assert not (lab.collection / ".pdb-cli").exists()


def test_a_directory_that_can_not_be_read_is_said(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(lab)
    real_refresh = Catalogue.refresh

    def refresh(catalogue: Catalogue) -> Refreshed:
        """Refresh on a disk that does not give out a directory; root may read all others."""
        return real_refresh(catalogue)._replace(unreadable=(("structures/x", "I/O error"),))

    monkeypatch.setattr(Catalogue, "refresh", refresh)
    assert run(["validate"], os.environ) == 3
    assert "structures/x: I/O error; what is in it was not looked at" in capsys.readouterr().err


def test_wrong_usage_is_said_before_anything_starts(lab: Lab) -> None:
    lab.collection.mkdir()
    for arguments in (["-m", "lab"], ["--wait"], ["--fix", "-m", "nowhere"], ["-j", "0"]):
        assert lab.run("validate", *arguments).returncode == 2
    gone = lab.run("--pdb-dir", lab.collection / "gone", "validate")
    assert gone.returncode == 2
    expected = "expected a collection that is there; 'pdb-cli download' or 'pdb-cli sync' makes one"
    assert f"--pdb-dir '{lab.collection / 'gone'}': {expected}" in gone.stderr
    empty = lab.run("validate", "-o", "json")
    assert (empty.returncode, json.loads(empty.stdout)) == (0, [])
    nothing = lab.run("validate", "3hya")
    assert not nothing.stdout
    lab.config.write_text(f'[paths]\npdb_dir = "{lab.collection / "gone"}"\n')
    for command in ("validate", "index", "update"):
        done = lab.run(command)
        assert done.returncode == 2
        place = f"{lab.config}:2: paths.pdb_dir '{lab.collection / 'gone'}'"
        assert f"{place}: {expected}" in done.stderr
    lab.config.write_text("")
    for command in ("validate", "index", "update"):
        nowhere = lab.run(command)
        assert nowhere.returncode == 2
        assert "no collection is set up" in nowhere.stderr


def test_bad_files_are_fetched_again_and_recorded(lab: Lab) -> None:
    copied(lab, HYA, KQE, GDR)
    before = lab.local("structures")
    (lab.collection / HYA).write_bytes(before[HYA][:-100])
    (lab.collection / GDR).write_bytes(b"<html>Service unavailable</html>")
    done = lab.run("validate", "--fix", "-m", "lab", "-o", "json")
    assert done.returncode == 0, done.stderr
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    told = {entry: (row["status"], row["defect"]) for entry, row in rows.items()}
    assert told == {
        "3hya": ("fixed", "truncated"),
        "1gdr": ("fixed", "wrong-kind"),
        "1kqe": ("ok", None),
    }
    assert lab.local("structures") == before
    assert "1 ok, 2 fixed" in done.stderr
    statuses = {
        row["id"]: row["status"] for row in rows_of(lab, "--level", "hash", code=0).values()
    }
    assert statuses == {"3hya": "ok", "1gdr": "ok", "1kqe": "no record"}


def test_d03_what_the_mirror_does_not_deliver_stays_and_is_said(lab: Lab) -> None:
    copied(lab, HYA, KQE)
    for name in (HYA, KQE):
        (lab.collection / name).write_bytes(b"bad")
    (lab.mirror.tree.root / "data" / HYA).unlink()
    done = lab.run("validate", "--fix", "--errors-only")
    assert done.returncode == 3
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "fixed" in lines["1kqe"]
    assert "404" in lines["3hya"]
    assert (lab.collection / HYA).read_bytes() == b"bad"
    assert "1 fixed, 1 with defects" in done.stderr


def test_its_ids_are_a_list_for_download(lab: Lab) -> None:
    copied(lab)
    (lab.collection / KQE).write_bytes(b"bad")
    ids = lab.run("validate", "-o", "ids")
    assert (ids.returncode, ids.stdout) == (3, "1kqe\n")
    assert lab.run("download", "-l", "-", "--overwrite", input=ids.stdout).returncode == 0
    assert lab.run("validate", "-o", "ids").returncode == 0


def test_data_goes_where_it_is_sent_while_a_bar_is_drawn(lab: Lab) -> None:
    copied(lab)
    controller, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pdb_cli", "validate", "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm-256color"},
            check=True,
        )
        os.write(terminal, b"the end")
        read = b""
        while not read.endswith(b"the end"):
            read += os.read(controller, 100_000)
    finally:
        os.close(controller)
        os.close(terminal)
    shown = read.decode()
    assert "validating" in shown
    assert HYA not in shown
    assert {row["id"] for row in json.loads(done.stdout)} == {"3hya", "1kqe"}


def test_only_one_command_changes_a_collection(lab: Lab) -> None:
    copied(lab)
    (lab.collection / KQE).write_bytes(b"bad")
    holder = Holder("elsewhere", 42, "pdb-cli sync", "job_abc123")
    with CollectionLock.acquire(lab.collection, holder, wait=False):
        for more in ([], ["--bg"]):
            done = lab.run("validate", "--fix", *more)
            assert done.returncode == 1
            assert "job job_abc123 (pdb-cli sync; process 42 on elsewhere)" in done.stderr
        # Only to look, nobody has to wait.
        assert lab.run("validate").returncode == 3
    assert lab.run("validate", "--fix", "--wait").returncode == 0


def test_in_the_background_it_is_the_same_job_as_any(lab: Lab) -> None:
    copied(lab)
    (lab.collection / KQE).write_bytes(b"bad")
    started = lab.run("validate", "--stdin", "--bg", input="1kqe 3hya")
    assert started.returncode == 0, started.stderr
    assert lab.run("jobs", "wait", "last").returncode == 3
    status = json.loads(lab.run("jobs", "status", "last", "-o", "json").stdout)
    progress = status["progress"]
    assert (progress["files_total"], progress["files_done"], progress["files_failed"]) == (2, 1, 1)
    log = lab.run("jobs", "log", "last", "--full").stdout
    assert "not-gzip" in log
    assert "1 ok, 1 with defects" in log


def count_checks(collection: Path) -> int:
    """Count the files that are known to have passed."""
    with closing(sqlite3.connect(collection / ".pdb-cli" / "catalogue.sqlite")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM checked").fetchone()
    return int(count)


def test_v1_kill_9_and_the_same_command_again(lab: Lab, tmp_path: Path) -> None:
    mirror = make_large_mirror(tmp_path / "m", files=300, repeats=(40,), sources=("1o3q",))
    collection = mirror.root / "data"
    (bad,) = list(mirror.paths.values())[:1]
    overwrite(bad, bad.read_bytes()[:-1])
    command = ["--pdb-dir", str(collection), "validate", "-j", "1"]
    state = collection / ".pdb-cli" / "validate"
    with subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", *command], stdout=subprocess.DEVNULL
    ) as killed:
        wait_until(lambda: any(state.glob("*.json")), what="the state of the first run")
        wait_until(lambda: count_checks(collection) > 0, what="files that it remembers")
        killed.kill()
    done = lab.run(*command, "-o", "json")
    assert done.returncode == 3
    rows = json.loads(done.stdout)
    assert len(rows) == 300
    assert [row["id"] for row in rows if row["status"] == "defect"] == ["9000"]
    assert "going on with the validation of" in done.stderr
    looked_at_before = int(done.stderr.split(" of them looked at before")[0].split()[-1])
    assert 0 < looked_at_before < 300
    assert not state.exists()


@pytest.mark.parametrize("moment", [one for one in MOMENTS if one.operation == "replace"], ids=str)
def test_d03_kill_9_in_the_middle_of_a_repair(lab: Lab, moment: Moment) -> None:
    left = kill_and_repair(moment, lab.mirror, lab.collection, lab.config)
    assert left == ["3hya.cif.gz"]
