"""``pdb-cli update`` as users and cron run it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.layouts import Layout
from pdb_cli.jobs.identity import this_place
from pdb_cli.storage.collection_lock import CollectionLock, Holder
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.faults import Reset
from support.lab import write_config
from support.read_only_mount import read_only
from support.updating import bring, copy_by_hand
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.lab import Lab

HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"
KEYS = ["id", "type", "format", "path", "state", "local_date", "remote_date"]
KEYS += ["successors", "result", "reason"]


@pytest.fixture
def kept(lab: Lab) -> Lab:
    """Give a lab whose collection has all that its mirror published a week before today's."""
    bring(lab.mirror.tree, lab.collection)
    lab.mirror.tree.publish(
        change=["3hya", "1c58"], obsolete={"1kqe": "1dsr"}, copies={"2abc": "3hya"}
    )
    return lab


def files(lab: Lab) -> dict[str, bytes]:
    """Return what is in a collection, without what is known of it."""
    return {path: data for path, data in lab.local().items() if not path.startswith(".pdb-cli/")}


def test_a_check_tells_and_an_update_does(kept: Lab) -> None:
    before = files(kept)
    check = kept.run("update", "--check")
    assert (check.returncode, files(kept)) == (0, before)
    dates = "outdated  2026-08-28T14:09:19Z  2026-09-04T14:09:19Z"
    heading, *lines = check.stdout.splitlines()
    assert heading.split() == [
        "ENTRY", "TYPE", "FORMAT", "STATE", "LOCAL", "ARCHIVE", "REASON",
    ]  # fmt: skip
    assert lines[:2] == [f"{entry}   structures  mmcif   {dates}" for entry in ("1c58", "3hya")]
    assert " ".join(lines[2].split()) == (
        "1kqe structures mmcif obsolete superseded by 1dsr (obsolete since 2026-09-09)"
    )
    assert check.stderr == "4 up to date, 2 outdated, 1 obsolete\n"
    assert len(kept.mirror.requests) <= 3
    assert kept.run("update", "-c", "--exit-code").returncode == 1
    done = kept.run("update", "-o", "json")
    assert (done.returncode, done.stderr[:30]) == (0, "2 updated, 4 up to date, 1 obs")
    rows = json.loads(done.stdout)
    assert {(row["id"], row["state"], row["result"]) for row in rows} == {
        ("1c58", "outdated", "updated"),
        ("3hya", "outdated", "updated"),
        ("1kqe", "obsolete", None),
    }
    assert list(rows[0]) == KEYS
    assert rows[-1]["successors"] == ["1dsr"]
    there = kept.published()
    assert files(kept) == {path: there.get(path, data) for path, data in before.items()}
    assert kept.run("update", "-c", "--exit-code").returncode == 0
    # What it fetched is known, so nobody asks for it again.
    kept.mirror.forget_requests()
    assert "up to date" in kept.run("download", "3hya").stderr
    assert kept.mirror.requests == ()


def test_every_form_of_output_is_data(kept: Lab) -> None:
    rows = list(csv.DictReader(io.StringIO(kept.run("update", "-c", "-o", "csv").stdout)))
    assert [(row["id"], row["successors"]) for row in rows] == [
        ("1c58", ""), ("3hya", ""), ("1kqe", "1dsr"),
    ]  # fmt: skip
    assert list(rows[0]) == KEYS
    assert kept.run("update", "-c", "-o", "ids").stdout == "1c58\n3hya\n"
    kept.run("update")
    for mode, nothing in (("ids", ""), ("csv", ",".join(KEYS) + "\n")):
        wanted = kept.run("update", "-c", "-o", mode, "3hya")
        assert (wanted.returncode, wanted.stdout) == (0, nothing)
    assert json.loads(kept.run("-v", "update", "-c", "-o", "json", "3hya").stdout)[0]["state"] == (
        "up-to-date"
    )


def test_what_would_be_fetched_can_be_piped_into_download(kept: Lab) -> None:
    ids = kept.run("update", "--check", "-o", "ids").stdout
    assert ids == "1c58\n3hya\n"
    # They are whole, but download knows from the check that the archive has other versions.
    plan = json.loads(kept.run("download", "-l", "-", "-n", "-o", "json", input=ids).stdout)
    assert [(row["action"], row["reason"]) for row in plan] == [("fetch", "outdated")] * 2
    done = kept.run("download", "-l", "-", input=ids + "1dsr\n")
    assert (done.returncode, done.stderr[:28]) == (0, "2 downloaded, 1 up to date; ")
    assert files(kept)[HYA] == kept.published()[HYA]
    assert kept.run("update", "-c", "--exit-code").returncode == 0
    assert "3 up to date" in kept.run("download", "-l", "-", input=ids + "1dsr\n").stderr


def test_a_dry_run_leaves_no_trace(kept: Lab) -> None:
    before = kept.local()
    done = kept.run("update", "-n", "-o", "ids")
    assert (done.returncode, done.stdout) == (0, "1c58\n3hya\n")
    (kept.collection / "structures/divided/mmCIF/ds/1dsr.cif.gz").unlink()
    before = kept.local()
    done = kept.run("update", "-n", "-o", "json", "--obsolete", "move", "--follow-obsolete")
    assert [(row["id"], row["state"]) for row in json.loads(done.stdout)] == [
        ("1c58", "outdated"), ("3hya", "outdated"), ("1kqe", "obsolete"), ("1dsr", "missing"),
    ]  # fmt: skip
    assert kept.local() == before


def test_entries_that_are_not_here_are_named(kept: Lab) -> None:
    done = kept.run("update", "pdb_00003HYA", "-l", "-", input="9zzz # none\n")
    assert done.returncode == 3
    assert "9zzz is not in the collection; 'pdb-cli download 9zzz' adds it\n" in done.stderr
    assert files(kept)[HYA] == kept.published()[HYA]
    assert kept.run("update", "9zzz").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--exit-code"], "--exit-code is for --check: add -c"),
        (
            ["--report", "x.txt"],
            "--report 'x.txt': expected a file whose name ends in .md or .json",
        ),
        (["3hya", "--report", "x.md"], "about the whole collection"),
        (["-n", "--report", "x.md"], "use --check"),
        (["-n", "--bg"], "leave out --bg"),
        (["--bg-force"], "--bg-force is for background jobs: add --bg"),
        (["--label", "x"], "add --bg"),
        (["hello"], "'hello' (arguments)"),
    ],
)
def test_wrong_usage_is_one_line(kept: Lab, arguments: list[str], said: str) -> None:
    done = kept.run("update", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_without_a_collection_it_says_how_to_set_one_up(kept: Lab) -> None:
    kept.config.write_text("")
    done = kept.run("update")
    assert done.returncode == 2
    assert "config set paths.pdb_dir DIR" in done.stderr


def test_with_the_mirror_failing_in_the_middle_every_old_file_is_there(kept: Lab) -> None:
    before = files(kept)
    with FaultServer(kept.mirror.tree.folder) as faulty:
        faulty.inject(Reset(), f"/pub/pdb/data/{HYA}")
        write_config(kept.config, collection=kept.collection, url=f"{faulty.url}/pub/pdb")
        done = kept.run("update", "-o", "json")
    assert done.returncode == 3
    assert "1 updated, 1 failed, 4 up to date, 1 obsolete" in done.stderr
    assert {row["id"]: row["result"] for row in json.loads(done.stdout)} == {
        "3hya": "failed",
        "1c58": "updated",
        "1kqe": None,
    }
    after = files(kept)
    assert (after.keys(), after[HYA]) == (before.keys(), before[HYA])


def test_without_the_lists_nothing_is_touched(kept: Lab) -> None:
    before = files(kept)
    write_config(kept.config, collection=kept.collection, url="http://127.0.0.1:9/pub/pdb")
    done = kept.run("update")
    assert (done.returncode, done.stdout) == (1, "")
    # Whoever waits is told why, once, and then what to do.
    assert done.stderr.count("next try in") == 1
    first, *_, last = done.stderr.splitlines()
    assert "next try in" in first
    assert last.endswith("try another mirror with -m")
    assert files(kept) == before


def test_without_the_list_of_what_was_removed_the_rest_is_updated(kept: Lab) -> None:
    (kept.mirror.tree.root / "holdings" / "all_removed_entries.json.gz").unlink()
    done = kept.run("update", "--obsolete", "delete", "-o", "json")
    assert done.returncode == 3
    assert "which entries are obsolete can not be told: HTTP 404" in done.stderr
    assert {row["id"]: (row["state"], row["result"]) for row in json.loads(done.stdout)} == {
        "1c58": ("outdated", "updated"),
        "3hya": ("outdated", "updated"),
        "1kqe": ("unknown", None),
    }
    assert "structures/divided/mmCIF/kq/1kqe.cif.gz" in files(kept)


@pytest.fixture
def many(lab: Lab) -> Iterator[tuple[Lab, FaultServer]]:
    """Give a collection in which everything is outdated, and a slow mirror."""
    copies = {f"{number}{letter}bc": "3hya" for number in range(1, 10) for letter in "abcd"}
    lab.mirror.tree.publish(copies=copies)
    bring(lab.mirror.tree, lab.collection)
    lab.mirror.tree.publish(change=copies)
    with FaultServer(lab.mirror.tree.folder, rate_bytes_per_s=300_000) as slow:
        write_config(lab.config, collection=lab.collection, url=f"{slow.url}/pub/pdb")
        yield lab, slow


def test_kill_9_in_the_middle_leaves_old_files_or_new_ones(many: tuple[Lab, FaultServer]) -> None:
    lab, slow = many
    old, new = files(lab), lab.published()
    command = [sys.executable, "-m", "pdb_cli", "update", "-j", "4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wait_until(lambda: slow.sent_bytes > 100_000, timeout_s=30, what="some files")
        process.kill()
    between = {path: data for path, data in files(lab).items() if "/." not in path}
    assert between.keys() == old.keys()
    states = {"old" if data == old[path] else "new" for path, data in between.items()}
    assert states == {"old", "new"}
    assert all(data in {old[path], new[path]} for path, data in between.items())
    write_config(lab.config, collection=lab.collection, url=lab.mirror.url)
    assert lab.run("update").returncode == 0
    after = {path: data for path, data in files(lab).items() if "/." not in path}
    assert after == {path: new[path] for path in old}


def test_one_at_a_time_changes_a_collection_and_readers_never_wait(kept: Lab) -> None:
    holder = Holder(this_place().host, os.getpid(), "pdb-cli sync", "job_abc123")
    with CollectionLock.acquire(kept.collection, holder, wait=False):
        for arguments in (["update"], ["update", "--bg"]):
            done = kept.run(*arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert "job_abc123" in done.stderr
        assert kept.run("update", "--check", "--exit-code").returncode == 1
        assert kept.run("update", "-n").returncode == 0
    assert kept.run("update", "--wait").returncode == 0


def test_a_job_updates_with_progress_and_force_is_the_commands_own(kept: Lab) -> None:
    started = kept.run("-q", "update", "--bg", "--force", "--label", "weekly")
    assert started.returncode == 0, started.stderr
    job_id = started.stdout.strip()
    assert kept.run("jobs", "wait", job_id).returncode == 0
    record = json.loads(kept.run("jobs", "status", job_id, "-o", "json").stdout)
    assert record["command"] == "-q update --force"
    assert record["argv"][-2:] == ["update", "--force"]
    assert record["progress"]["files_done"] == 6
    assert files(kept)[HYA] == kept.published()[HYA]


def test_a_collection_that_can_not_be_written_can_be_checked(kept: Lab) -> None:
    kept.run("update", "--check")
    with read_only(kept.collection):
        done = kept.run("update", "--check", "-o", "ids")
        assert (done.returncode, done.stdout) == (0, "1c58\n3hya\n")
        refused = kept.run("update")
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1


def test_an_extended_id_and_a_mirror_of_2027(lab: Lab, tmp_path: Path) -> None:
    bring(lab.mirror.tree, lab.collection)
    tree = ArchiveTree(tmp_path / "beta", layout=Layout.ENTRY)
    tree.publish(add=["3hya", "1c58"])
    tree.publish(change=["3hya"])
    with ArchiveSimulator(tree) as beta:
        write_config(lab.config, collection=lab.collection, url=beta.url, layout="entry")
        done = lab.run("update", "PDB_00003HYA", "1c58", "-o", "ids")
        assert (done.returncode, done.stdout) == (0, "3hya\n")
        # A copy by hand is asked for where that mirror has it.
        copy_by_hand(lab.collection / HYA, files(lab)[HYA])
        assert lab.run("update", "-c", "--exit-code", "3hya").returncode == 0
