"""``pdb-cli sync`` against a real rsync daemon and a real nginx."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.layouts import Layout
from pdb_cli.operations.sync.record import append_run
from support.ports import free_port
from support.sync_lab import ENTRIES, SyncLab
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cli import CliRunner

MMCIF = "structures/divided/mmCIF"
TRANSPORTS = ("rsync", "https")


@pytest.fixture
def lab(isolated: object, run_cli: CliRunner, tmp_path: Path) -> Iterator[SyncLab]:
    """Give a mirror with four real entries, reached both ways."""
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    with SyncLab(tmp_path, config, run_cli) as made:
        made.tree.publish(add=ENTRIES)
        yield made


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_tree_becomes_the_mirrors_and_stays_it(lab: SyncLab, transport: str) -> None:
    plan = lab.plan("--transport", transport, "--delete")
    assert not lab.collection.exists()
    done = lab.sync("--transport", transport, "--delete")
    assert (done.returncode, done.stdout) == (0, "")
    assert lab.local() == lab.published(MMCIF)
    assert {change["path"] for change in plan["changes"]} == set(lab.local())
    # Another week: one more, one changed, one gone.
    lab.tree.publish(copies={"9xyz": "1kqe"}, change=["3hya"], obsolete={"1dsr": "1kqe"})
    flags = ("--transport", transport, "--delete", "--max-delete", "1", "--trust-list")
    plan = lab.plan(*flags)
    changes = {(change["action"], change["path"]) for change in plan["changes"]}
    assert changes == {
        ("new", f"{MMCIF}/xy/9xyz.cif.gz"),
        ("changed", f"{MMCIF}/hy/3hya.cif.gz"),
        ("delete", f"{MMCIF}/ds/1dsr.cif.gz"),
    }
    gone = lab.local()[f"{MMCIF}/ds/1dsr.cif.gz"]
    assert lab.sync(*flags).returncode == 0
    assert lab.local() == lab.published(MMCIF)
    assert lab.trash() == {f"{MMCIF}/ds/1dsr.cif.gz": gone}
    record = lab.last()
    assert (record["transferred"]["files"], record["removed"]["files"]) == (2, 1)
    assert record["exit_code"] == 0
    # The other way has nothing to do.
    (other,) = {*TRANSPORTS} - {transport}
    assert lab.plan("--transport", other, "--delete")["changes"] == []


def _everything(top: Path) -> dict[str, tuple[int, bytes]]:
    """Return all that is in a directory, pdb-cli's own state included."""
    return {
        path.relative_to(top).as_posix(): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (top, *top.rglob("*"))
    }


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_plan_writes_nothing(lab: SyncLab, transport: str) -> None:
    flags = ("--transport", transport, "--delete", "-t", "structures", "-t", "assemblies")
    lab.sync("--plan", *flags)
    assert not lab.collection.exists()
    lab.collection.mkdir()
    lab.sync("--plan", *flags)
    assert list(lab.collection.iterdir()) == []
    # Over https there are lists, marks and a catalogue by then.
    lab.sync("--transport", "https")
    lab.tree.publish(copies={"9xyz": "1kqe"}, change=["3hya"])
    before = _everything(lab.collection)
    assert "9xyz" in lab.sync("--plan", *flags).stdout
    assert _everything(lab.collection) == before


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_s1_prefixes_and_ids_are_true_filters(lab: SyncLab, transport: str, tmp_path: Path) -> None:
    way = ("--transport", transport)
    assert lab.sync("1k", *way).returncode == 0
    assert set(lab.local()) == {f"{MMCIF}/kq/1kqe.cif.gz"}
    ids = tmp_path / "ids.txt"
    ids.write_text("pdb_00003hya  # extended\n1C58\n")
    assert lab.sync("structures", "--ids", ids, *way).returncode == 0
    assert set(lab.local()) == {
        f"{MMCIF}/{path}" for path in ("kq/1kqe.cif.gz", "hy/3hya.cif.gz", "c5/1c58.cif.gz")
    }
    # What is not selected is not deleted either.
    lab.put("data/status/x", "")
    plan = lab.plan("--ids", ids, "--delete", "--max-delete", "100%", *way)
    assert plan["changes"] == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_s1_entries_that_do_not_exist_are_named(
    lab: SyncLab, transport: str, tmp_path: Path
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("1kqe\n9zzz\n1xxx\n")
    for flags in (("--plan",), (), ()):
        done = lab.sync("--ids", ids, "--transport", transport, *flags)
        assert done.returncode == 3, done.stderr
        assert "no such files of 1xxx, 9zzz" in done.stderr
    assert set(lab.local()) == {f"{MMCIF}/kq/1kqe.cif.gz"}
    assert lab.last()["exit_code"] == 3
    ids.write_text("9zzz\n")
    assert lab.sync("--ids", ids, "--transport", transport).returncode == 1


def test_what_was_done_is_told_when_the_disk_refuses_at_the_end(lab: SyncLab) -> None:
    """A disk that fails in the last phase: the rest is done, told and recorded."""
    assert lab.sync().returncode == 0
    lab.tree.publish(copies={"9xyz": "1kqe"}, obsolete={"1dsr": "1kqe"})
    flags = ("--delete", "--max-delete", "1", "--trust-list")
    trash = lab.collection / ".pdb-cli" / "trash"
    trash.write_text("no directory")
    done = lab.sync(*flags)
    assert done.returncode == 3, done.stderr
    assert "1 transferred" in done.stderr
    assert "trash" in done.stderr
    record = lab.last()
    assert (record["exit_code"], record["transferred"]["files"]) == (3, 1)
    assert f"{MMCIF}/ds/1dsr.cif.gz" in lab.local()
    # Where not even that can be written, it is said.
    trash.unlink()
    records = lab.collection / ".pdb-cli" / "runs" / "sync.jsonl"
    records.unlink()
    records.mkdir()
    done = lab.sync(*flags)
    assert done.returncode == 0, done.stderr
    assert "--last will not show this run" in done.stderr
    assert "1 removed" in done.stderr


def test_auto_says_which_way_and_why(lab: SyncLab) -> None:
    done = lab.sync("-t", "structures")
    assert "lab by rsync" in done.stderr
    empty = lab.folder / "no-programs"
    empty.mkdir()
    done = lab.sync("1k", env={"PATH": str(empty)})
    assert done.returncode == 0
    assert "rsync: there is no rsync program" in done.stderr or "no rsync" in done.stderr
    assert "lab by https" in done.stderr
    done = lab.sync("--transport", "rsync", env={"PATH": str(empty)})
    assert done.returncode == 1
    assert "--transport https" in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    # Before a job is started for it, too.
    done = lab.sync("--transport", "rsync", "--bg", env={"PATH": str(empty)})
    assert done.returncode == 1
    assert "--transport https" in done.stderr
    assert lab.run("jobs", "--all", "-o", "ids").stdout == ""


def test_target_of_the_configuration(lab: SyncLab) -> None:
    lab.write_config(
        '[sync]\ntypes = ["assemblies"]\n[sync.targets.weekly]\ntypes = ["structures"]\n'
        'format = "both"\ntransport = "rsync"\ndelete = true\nmax_delete = "3"\n'
    )
    lab.put("data/structures/divided/pdb/gd/pdb1gdr.ent.gz", "HEADER")
    assert lab.sync("weekly").returncode == 0
    assert lab.local() == {
        **lab.published(MMCIF),
        **lab.published("structures/divided/pdb"),
    }
    assert lab.last()["target"] == "weekly"
    # Flags win over the target.
    plan = lab.plan("weekly", "-f", "pdb")
    assert [group["name"] for group in plan["groups"]] == ["structures-pdb"]


def test_layout_of_2027_is_kept_as_it_is(
    isolated: object, run_cli: CliRunner, tmp_path: Path
) -> None:
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    with SyncLab(tmp_path, config, run_cli, layout=Layout.ENTRY) as lab:
        lab.tree.publish(add=("3hya", "1kqe"))
        for transport, files in (("rsync", 2), ("https", 0)):
            done = lab.sync("--transport", transport, "-o", "json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["transferred"]["files"] == files
            assert json.loads(done.stdout) == lab.last()
        assert set(lab.local()) == {
            "entries/hy/pdb_00003hya/structures/pdb_00003hya.cif.gz",
            "entries/kq/pdb_00001kqe/structures/pdb_00001kqe.cif.gz",
        }
        assert lab.local() == lab.published("entries")
        assert len(lab.plan("1k", "--delete")["groups"]) == 1


def test_why_the_next_way_is_taken_is_said(lab: SyncLab) -> None:
    lab.write_config(rsync=f"{lab.daemon.url}/holdings")
    done = lab.sync()
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "trying the next" in line]
    assert line.startswith("structures-mmcif: lab by rsync: there is no such directory")


def test_another_collection_with_dest(lab: SyncLab, tmp_path: Path) -> None:
    assert lab.sync("1k", "-d", tmp_path / "other").returncode == 0
    assert "transferred: 1 file, " in lab.sync("--last", "-d", tmp_path / "other").stdout
    assert (tmp_path / "other" / MMCIF / "kq" / "1kqe.cif.gz").exists()
    assert not lab.collection.exists()


def test_all_directory_has_files_not_links(lab: SyncLab) -> None:
    directory = lab.tree.root / "data/structures/all/mmCIF"
    directory.mkdir(parents=True)
    for path in (lab.tree.root / "data" / MMCIF).rglob("*.gz"):
        relative = path.relative_to(lab.tree.root / "data/structures")
        (directory / path.name).symlink_to(f"../../{relative}")
    for transport in TRANSPORTS:
        done = lab.sync("-l", "all", "--transport", transport)
        assert done.returncode == 0, done.stderr
        local = {path.name for path in (lab.collection / "structures/all/mmCIF").iterdir()}
        assert local == {path.name for path in directory.iterdir()}
        assert not any(path.is_symlink() for path in lab.collection.rglob("*"))
        assert ("0 transferred" in done.stderr) == (transport == "https")


HOLD = """
import sys
from pathlib import Path
from pdb_cli.jobs.identity import this_place
from pdb_cli.storage.collection_lock import CollectionLock, Holder
holder = Holder(this_place().host, 4711, "pdb-cli update", "job_abc123")
with CollectionLock.acquire(Path(sys.argv[1]), holder, wait=False):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_s4_second_writer_is_refused_with_the_holders_name(lab: SyncLab) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lab.collection], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for arguments in ((), ("--bg",)):
            done = lab.sync(*arguments)
            assert done.returncode == 1
            assert "job_abc123" in done.stderr
            assert "4711" in done.stderr
            assert "--wait" in done.stderr
        assert lab.run("jobs", "--all", "-o", "ids").stdout == ""
        # Readers do not wait.
        assert len(lab.plan()["changes"]) == 4
        # What begins after another job finds out then.
        assert lab.run("validate", "--bg").returncode == 0
        assert lab.sync("--bg", "--after", "last:any").returncode == 0
        assert lab.run("jobs", "wait", "last").returncode == 1
        waiting = subprocess.Popen(
            [sys.executable, "-m", "pdb_cli", "sync", "--wait"], stderr=subprocess.PIPE, text=True
        )
        assert waiting.stderr is not None
        assert "waiting for job job_abc123" in waiting.stderr.readline()
        holder.stdin.close()
        waiting.communicate(timeout=30)
        assert waiting.returncode == 0
    assert lab.local() == lab.published(MMCIF)


def test_s6_background_job_counts_what_came(lab: SyncLab) -> None:
    done = lab.sync("--bg", "structures", "--ids", "-", input="1c58 3hya\n")
    assert done.returncode == 0, done.stderr
    assert lab.run("jobs", "wait", "last").returncode == 0
    status = json.loads(lab.run("jobs", "status", "last", "-o", "json").stdout)
    progress = status["progress"]
    assert (progress["files_total"], progress["files_done"], progress["phase"]) == (2, 2, "done")
    sizes = sum(len(file.data) for file in lab.local().values())
    assert progress["bytes_received"] >= sizes // 2
    assert lab.last()["job"] == status["id"]
    assert lab.last()["command"] == "pdb-cli sync structures --ids -"


def test_terminated_run_says_so_and_the_next_one_goes_on(lab: SyncLab) -> None:
    copies = {f"9a{n:02d}": "1c58" for n in range(8)}
    lab.tree.publish(copies=copies)
    process = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "sync", "--bwlimit", "100", "--transport", "rsync"],
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: any((lab.collection / MMCIF).rglob("*.gz")), what="a first file")
    record = lab.last()
    assert (record["state"], record["pid"], record["exit_code"]) == ("running", process.pid, None)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 143
    record = lab.last()
    assert (record["exit_code"], record["reason"]) == (143, "interrupted")
    assert (record["state"], record["trees"][0]["state"]) == ("ended", "interrupted")
    assert record["trees"][0]["done"] is False
    published = lab.published(MMCIF)
    local = lab.local()
    assert 0 < len(local) < len(published)
    assert all(published[path] == file for path, file in local.items())
    assert lab.sync("--transport", "rsync").returncode == 0
    assert lab.local() == published


def test_a_run_that_left_only_its_beginning_did_not_end(lab: SyncLab) -> None:
    lab.sync()
    begun = {"target": "wwpdb", "started_at": "2026-11-25T00:00:00+00:00", "finished_at": None}
    append_run(lab.collection, begun)
    assert lab.last()["state"] == "did not end"
    told = lab.sync("--last").stdout
    assert "did not end" in told
    assert "2026-11-25" in told
    assert "transferred" not in told


def test_timer_is_for_this_command(lab: SyncLab) -> None:
    done = lab.sync("structures", "-d", "a b", "--delete", "--print-timer")
    assert done.returncode == 0
    assert 'sync structures -d "a b" --delete\n' in done.stdout
    assert "OnCalendar=Wed *-*-* 00:10:00 UTC\n" in done.stdout
    cron = done.stdout.splitlines()[-1]
    minute, hour, day, month, weekday, _ = cron.split(maxsplit=5)
    assert (day, month) == ("*", "*")
    assert 0 <= int(minute) < 60
    assert 0 <= int(hour) < 24
    assert weekday in "234"
    assert cron.endswith("-q sync structures -d 'a b' --delete")
    assert not lab.collection.exists()


def test_timer_finds_the_same_settings_as_root(lab: SyncLab, tmp_path: Path) -> None:
    config = lab.config.name
    for before in ((), ("--config", config), (f"--config={config}",)):
        done = lab.run(*before, "-v", "sync", "--print-timer", cwd=lab.config.parent)
        assert done.returncode == 0, done.stderr
        unit, _, timer = done.stdout.partition("# /etc/systemd/system/pdb-cli-sync.timer\n")
        (command,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
        assert command.endswith(f" --config {lab.config} -v sync")
        assert done.stdout.splitlines()[-1].endswith(f" --config {lab.config} -q -v sync")
        if os.geteuid() == 0:
            assert "User=root\n" in unit
            _verify_units(tmp_path / "units", unit, timer.partition("\n# To")[0])
    lab.config.unlink()
    assert "--config" not in lab.sync("--print-timer", "-d", "x").stdout


def _verify_units(folder: Path, *texts: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    folder.mkdir(exist_ok=True)
    units = [folder / f"pdb-cli-sync.{kind}" for kind in ("service", "timer")]
    for unit, text in zip(units, texts, strict=True):
        unit.write_text(text)
    subprocess.run([program, "verify", *units], check=True)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_entries_that_are_nowhere_are_a_failure(lab: SyncLab, transport: str) -> None:
    for flags in ((), ("--plan",)):
        done = lab.sync("9zzz", "--transport", transport, *flags)
        assert done.returncode == 1
        assert done.stderr.count("no such files of these entries") == 1
    assert lab.sync("9zzz", "1kqe", "--transport", transport).returncode == 0


def test_plan_ends_with_its_sums_also_in_a_pipe(lab: SyncLab) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pdb_cli", "sync", "--plan", "--transport", "https"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert done.stdout.lower().count("size unknown") == 1
    changes = [number for number, line in enumerate(lines) if line.startswith("new ")]
    (sums,) = [number for number, line in enumerate(lines) if "CHANGED" in line]
    assert len(changes) == 4
    assert sums > max(changes)
    assert lab.collection.exists() is False


def test_daemon_that_is_down_is_said_at_once(lab: SyncLab) -> None:
    lab.write_config(rsync=f"rsync://127.0.0.1:{free_port()}/ftp")
    done = lab.sync("--transport", "rsync", "--retry", "9", "--retry-delay", "0.01")
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "next try in" in line]
    assert len(told) == 1
    assert "refused" in told[0]
    began_s = time.monotonic()
    assert lab.sync("--transport", "rsync", "--retry", "9").returncode == 1
    assert time.monotonic() - began_s < 15


def test_closed_ports_end_a_run_within_seconds(lab: SyncLab) -> None:
    port = free_port()
    lab.write_config(
        rsync=f"rsync://127.0.0.1:{port}/ftp", https=f"http://127.0.0.1:{port}/pub/pdb"
    )
    began_s = time.monotonic()
    done = lab.sync("--transport", "auto", "--retry", "9")
    assert time.monotonic() - began_s < 15
    assert done.returncode == 1
    assert sum(line.startswith("pdb-cli: ") for line in done.stderr.splitlines()) == 1
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("lab not by https")]
    assert told.count(f"127.0.0.1:{port}") == 1


def test_a_disk_that_is_not_mounted_is_not_filled_below(lab: SyncLab) -> None:
    lab.tree.publish(copies={f"9a{n:02d}": "1kqe" for n in range(8)})
    assert lab.sync().returncode == 0
    lab.collection.rename(lab.collection.with_name("elsewhere"))
    lab.collection.mkdir()
    for flags in (("--plan",), ("--bg",), ("1k", "--transport", "https")):
        done = lab.sync(*flags)
        assert done.returncode == 1, done.stderr
        (line,) = done.stderr.splitlines()
        assert str(lab.collection) in line
        assert "12 files" in line
        assert "--trust-list" in line
        assert list(lab.collection.iterdir()) == []
    others = (("download", "4hhb"), ("update",), ("update", "--check"), ("validate",), ("index",))
    for command in others:
        done = lab.run(*command)
        assert done.returncode == 1, done.stderr
        assert "sync has kept 12 files in it: mount its disk" in done.stderr
        assert list(lab.collection.iterdir()) == []
    # What an older version made there is no collection.
    (lab.collection / ".pdb-cli").mkdir()
    assert lab.sync().returncode == 1
    (lab.collection / ".pdb-cli").rmdir()
    # The root below a mount point is not even there.
    lab.collection.rmdir()
    assert lab.sync().returncode == 1
    assert "mount its disk" in lab.run("validate").stderr
    assert not lab.collection.exists()
    assert lab.sync("--trust-list").returncode == 0
    assert lab.local() == lab.published(MMCIF)


def test_last_before_any_run(lab: SyncLab) -> None:
    done = lab.sync("--last")
    assert done.returncode == 1
    assert "no run of sync" in done.stderr
