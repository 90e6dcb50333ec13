"""What download knows of files it verified before, and ``pdb-cli index``."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pdb_cli.index.catalogue import Level, open_catalogue
from pdb_cli.storage.collection import Collection
from support.fault_server import FaultServer
from support.lab import write_config
from support.large_mirror import make_large_mirror
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Isolated
    from pdb_cli.index.catalogue import Check, Record
    from support.lab import Lab

THREE = ("3hya", "1kqe", "1dsr")
FIRST = "structures/divided/mmCIF/hy/3hya.cif.gz"


def known(root: Path) -> tuple[dict[str, Record], dict[str, Check]]:
    """Return what is recorded of the files of a collection."""
    with open_catalogue(Collection(root), writable=False) as catalogue:
        paths = [file.path for file in catalogue.files()]
        return catalogue.records(paths), catalogue.checks(paths)


def spoil(path: Path) -> bytes:
    """Damage a file where only reading it can tell; return what it was."""
    status, good = path.stat(), path.read_bytes()
    path.write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return good


def spoil_unnoticed(root: Path, path: str) -> bytes:
    """Damage a file as a failing disk does: the system knows of no change; return what it was."""
    good = spoil(root / path)
    ctime_ns = (root / path).stat().st_ctime_ns
    with open_catalogue(Collection(root)) as catalogue:
        records = catalogue.records([path]).values()
        catalogue.remember(record._replace(ctime_ns=ctime_ns) for record in records)
        checks = catalogue.checks([path]).values()
        catalogue.note_checks([check._replace(ctime_ns=ctime_ns) for check in checks])
    return good


def test_what_arrives_is_recorded_as_it_is(lab: Lab) -> None:
    started_s = time.time()
    assert lab.run("download", *THREE).returncode == 0
    records, checks = known(lab.collection)
    assert (len(records), checks) == (3, {})
    record, file = records[FIRST], lab.collection / FIRST
    assert record.vouches_for(file.stat())
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert record.level is Level.CONTENT
    assert record.url == f"{lab.mirror.url}/data/{FIRST}"
    assert record.last_modified_s == file.stat().st_mtime
    assert started_s <= record.verified_at_s <= time.time()


def test_a_file_that_is_known_is_not_read_again(lab: Lab) -> None:
    lab.run("download", *THREE)
    good = spoil_unnoticed(lab.collection, FIRST)
    again = lab.run("download", *THREE, "-o", "json", "--report", str(lab.run.cwd / "r.jsonl"))
    # Its damage can not be known without reading it: the record is believed.
    assert again.stderr.endswith("0 downloaded, 3 up to date\n")
    lines = (lab.run.cwd / "r.jsonl").read_text().splitlines()
    sha256 = {json.loads(line)["id"]: json.loads(line)["sha256"] for line in lines}
    assert sha256["3hya"] == hashlib.sha256(good).hexdigest()
    # Without the catalogue, or with another time, it is read.
    (lab.collection / ".pdb-cli" / "catalogue.sqlite").rename(lab.run.cwd / "kept")
    planned = lab.run("download", *THREE, "--dry-run", "-o", "ids")
    assert planned.stdout == "3hya\n"
    (lab.run.cwd / "kept").rename(lab.collection / ".pdb-cli" / "catalogue.sqlite")
    os.utime(lab.collection / FIRST)
    assert lab.run("download", *THREE).stderr.startswith("1 downloaded, 2 up to date")
    assert (lab.collection / FIRST).read_bytes() == good


def test_a_file_that_somebody_touched_is_read_again_and_its_record_renewed(lab: Lab) -> None:
    lab.run("download", *THREE)
    target = lab.collection / FIRST
    # Size and time stay; what the system changed last does not.
    target.chmod(0o600)
    link = lab.run.cwd / "link"
    link.hardlink_to(target)
    os.utime(target, (1_000_000_000, 1_000_000_000))
    with open_catalogue(Collection(lab.collection)) as catalogue:
        record = catalogue.records([FIRST])[FIRST]
        catalogue.remember([record._replace(mtime_ns=1_000_000_000 * 10**9)])
    assert lab.run("download", "3hya").stderr == "0 downloaded, 1 up to date\n"
    records, checks = known(lab.collection)
    assert records[FIRST].vouches_for(target.stat())
    assert (records[FIRST].sha256, records[FIRST].url) == (record.sha256, record.url)
    assert not checks
    good = spoil(target)
    assert lab.run("download", "3hya").stderr.startswith("1 downloaded, 0 up to date")
    assert target.read_bytes() == good


def test_another_text_of_the_same_size_and_time_is_not_taken_for_what_was_recorded(
    lab: Lab,
) -> None:
    lab.run("download", "3hya")
    target = lab.collection / FIRST
    status, good = target.stat(), target.read_bytes()
    # The time in a gzip file's head is of no account to its text: it is good but not the same.
    target.write_bytes(good[:4] + bytes([good[4] ^ 1]) + good[5:])
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert lab.run("download", "3hya").stderr.startswith("1 downloaded, 0 up to date")
    assert target.read_bytes() == good


@pytest.mark.parametrize("level", ["gzip", "content", "hash"])
def test_what_validate_found_bad_is_never_up_to_date_afterwards(lab: Lab, level: str) -> None:
    lab.run("download", *THREE)
    good = spoil_unnoticed(lab.collection, FIRST)
    target = lab.collection / FIRST
    assert lab.run("validate", "--level", level).returncode == 3
    assert lab.run("download", *THREE, "--dry-run", "-o", "ids").stdout == "3hya\n"
    target.chmod(0o600)
    assert lab.run("download", *THREE).stderr.startswith("1 downloaded, 2 up to date")
    assert target.read_bytes() == good
    assert known(lab.collection)[1].keys() == {
        path for path in known(lab.collection)[0] if path != FIRST
    }
    assert lab.run("download", *THREE).stderr == "0 downloaded, 3 up to date\n"
    assert lab.run("validate", "--level", "hash").returncode == 0


def test_only_as_close_a_look_absolves_a_file(lab: Lab) -> None:
    lab.run("download", "3hya")
    target = lab.collection / FIRST
    status, good = target.stat(), target.read_bytes()
    target.write_bytes(good[:4] + bytes([good[4] ^ 1]) + good[5:])
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert lab.run("validate", "--level", "hash").returncode == 3
    assert lab.run("validate").returncode == 0, "it inflates, and is the right entry"
    assert lab.run("download", "3hya", "--dry-run", "-o", "ids").stdout == "3hya\n"
    target.write_bytes(good)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert lab.run("validate", "--level", "hash").returncode == 0
    assert lab.run("download", "3hya").stderr == "0 downloaded, 1 up to date\n"


def test_overwrite_fetches_what_is_known_to_be_good(lab: Lab) -> None:
    lab.run("download", *THREE)
    done = lab.run("download", *THREE, "--overwrite")
    assert done.stderr.startswith("3 downloaded, 0 up to date")
    assert len(known(lab.collection)[0]) == 3


def test_a_file_that_was_there_is_checked_once(lab: Lab) -> None:
    target = lab.collection / FIRST
    target.parent.mkdir(parents=True)
    target.write_bytes(lab.published()[FIRST])
    os.utime(target, (1_000_000_000, 1_000_000_000))
    assert lab.run("download", "3hya").stderr == "0 downloaded, 1 up to date\n"
    records, checks = known(lab.collection)
    # It has been read to its end, but nobody knows where it came from: that is no record.
    assert (records, checks[FIRST].level) == ({}, Level.CONTENT)
    spoil_unnoticed(lab.collection, FIRST)
    assert lab.run("download", "3hya").stderr == "0 downloaded, 1 up to date\n"


def test_what_has_just_been_written_is_not_relied_on(lab: Lab) -> None:
    target = lab.collection / FIRST
    target.parent.mkdir(parents=True)
    target.write_bytes(lab.published()[FIRST])
    assert lab.run("download", "3hya").stderr == "0 downloaded, 1 up to date\n"
    # Its time is now: another writer could change it once more in the same tick of the clock.
    assert known(lab.collection) == ({}, {})


def test_a_directory_of_its_own_has_no_catalogue(lab: Lab) -> None:
    flat = lab.run.cwd / "flat"
    lab.run("download", *THREE, "-d", str(flat))
    spoil(flat / "3hya.cif.gz")
    done = lab.run("download", *THREE, "-d", str(flat))
    assert done.stderr.startswith("1 downloaded, 2 up to date")
    assert not (flat / ".pdb-cli").exists()
    assert not lab.collection.exists()


def test_a_plan_leaves_no_trace(lab: Lab) -> None:
    lab.run("download", "3hya")
    state = lab.collection / ".pdb-cli"
    before = {path.name: path.stat().st_mtime_ns for path in state.iterdir()}
    assert lab.run("download", "3hya", "--dry-run").returncode == 0
    assert {path.name: path.stat().st_mtime_ns for path in state.iterdir()} == before


def test_after_kill_9_no_record_tells_more_than_was_verified(
    isolated: Isolated, tmp_path: Path
) -> None:
    mirror = make_large_mirror(tmp_path / "m", files=300, repeats=(1,), sources=("3hya", "1kqe"))
    collection, listed = tmp_path / "collection", tmp_path / "list.txt"
    listed.write_text("\n".join(mirror.paths))
    for path in mirror.paths.values():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    with FaultServer(tmp_path / "m", delay_s=0.01) as server:
        write_config(
            isolated.config_home / "pdb-cli" / "config.toml",
            collection=collection,
            url=f"{server.url}/pub/pdb",
        )
        command = [sys.executable, "-m", "pdb_cli", "download", "-l", str(listed), "-p", "4"]
        for turn in range(3):
            run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
            enough = partial(_has_files, collection, 60 * (turn + 1))
            wait_until(enough, what="some files to arrive")
            run.kill()
            run.communicate()
            records, _ = known(collection)
            for name, record in records.items():
                content = (collection / name).read_bytes()
                assert record.sha256 == hashlib.sha256(content).hexdigest()
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    with open_catalogue(Collection(collection)) as catalogue:
        paths = [file.path for file in catalogue.files()]
        facts = catalogue.records(paths).keys() | catalogue.checks(paths).keys()
    assert (len(paths), len(facts)) == (300, 300)


def _has_files(folder: Path, least: int) -> bool:
    """Tell whether so many files have arrived."""
    return len(list(folder.rglob("*.cif.gz"))) >= least


def test_index_tells_what_is_known_and_rebuilds_it(lab: Lab) -> None:
    lab.run("download", *THREE)
    status = lab.run("index", "-o", "json")
    assert status.returncode == 0, status.stderr
    row = json.loads(status.stdout)
    assert (row["files"], row["records"], row["gone"]) == (3, 3, 0)
    (lab.collection / FIRST).unlink()
    assert json.loads(lab.run("index", "-o", "json").stdout)["gone"] == 1
    assert "2 files in" in lab.run("index").stdout
    (lab.collection / "notes.txt").write_text("mine")
    assert "3 files (1 with other names than the archive's) in" in lab.run("index").stdout
    (lab.collection / "notes.txt").unlink()
    file = lab.collection / ".pdb-cli" / "catalogue.sqlite"
    file.write_bytes(file.read_bytes()[:5000])
    done = lab.run("index", "rebuild")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("catalogue made anew: 2 files")
    assert json.loads(lab.run("index", "-o", "json").stdout)["gone"] in {0, 1}


def test_index_makes_no_collection(lab: Lab) -> None:
    done = lab.run("index")
    assert done.returncode == 2
    assert "expected a collection that is there" in done.stderr
    assert not lab.collection.exists()
