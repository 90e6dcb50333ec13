"""Sync over https, killed or left alone by its mirror in the middle."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ConnectionFailedError
from pdb_cli.operations.sync.model import SettledStatus, SyncSelection
from support import sync_program
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.faults import Reset
from support.holdings import write_holdings
from support.large_mirror import make_large_mirror
from support.nginx import Nginx
from support.programs import require_program
from support.sync_https import HttpsSync, archive_state, tree_state
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.operations.sync.model import FileSettled

FILES = 400
KILLS = 4
DATE = "2026-10-02T10:00:00+00:00"


def make_archive(folder: Path, *, files: int) -> Path:
    """Make a mirror with the list of dates that sync needs; return its root."""
    mirror = make_large_mirror(folder, files=files, repeats=(1,))
    dates = {entry.upper(): DATE for entry in mirror.paths}
    time_s = datetime.fromisoformat(DATE).timestamp()
    for path in mirror.paths.values():
        os.utime(path, (time_s, time_s))
    write_holdings(
        mirror.root / "holdings", "released_structures_last_modified_dates", dates, mtime_s=time_s
    )
    return mirror.root


def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path) -> None:
    program = require_program("nginx", package="nginx-light")
    root = make_archive(tmp_path / "archive", files=FILES)
    expected = archive_state(root)
    (tmp_path / "nginx").mkdir()
    collection = tmp_path / "collection"
    rng = random.Random(7)
    with Nginx(program, tmp_path / "archive", folder=tmp_path / "nginx") as nginx:
        url = f"{nginx.origin}/pub/pdb"
        command = [sys.executable, sync_program.__file__, str(collection), url]

        def sent() -> list[str]:
            return [line for line in nginx.requests() if ".cif.gz" in line]

        for _ in range(KILLS):
            goal = len(sent()) + rng.randrange(1, FILES // (KILLS + 1))
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                wait_until(
                    lambda process=process, goal=goal: (  # type: ignore[misc]
                        len(sent()) >= goal or process.poll() is not None
                    ),
                    what="some files",
                )
                process.kill()
            # Nothing torn: what has its name is what the mirror has.
            here = {
                path: state
                for path, state in tree_state(collection).items()
                if not path.rpartition("/")[2].startswith(".")
            }
            assert all(expected[path] == state for path, state in here.items())
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        assert tree_state(collection) == expected
        total_bytes = sum(len(data) for data, _ in expected.values())
        sent_bytes = sum(int(line.split('" ')[1].split()[1]) for line in sent())
        assert sent_bytes <= 1.05 * total_bytes
        before = len(nginx.requests())
        assert not HttpsSync(collection, url).run("structures-mmcif").said()
        assert len(nginx.requests()) - before <= 5


def test_a_mirror_that_dies_in_the_middle_leaves_whole_files(tmp_path: Path) -> None:
    root = make_archive(tmp_path / "archive", files=80)
    with FaultServer(tmp_path / "archive") as server:
        sync = HttpsSync(tmp_path / "collection", f"{server.url}/pub/pdb")
        transport = sync.transport()
        trees = sync.trees("structures-mmcif")
        ((tree, plan, _),) = transport.plan(
            trees, SyncSelection(), delete=True, observe=lambda _: None
        )
        assert plan is not None
        settled: list[FileSettled] = []

        def execute() -> None:
            for one in transport.execute(tree, plan, observe=lambda _: None):
                settled.append(one)
                if len(settled) == 10:
                    server.inject(Reset())

        with pytest.raises(ConnectionFailedError):
            execute()
        statuses = {one.status for one in settled}
        assert statuses == {SettledStatus.TRANSFERRED, SettledStatus.FAILED}
    expected = archive_state(root)
    for path, state in tree_state(sync.collection).items():
        assert path.rpartition("/")[2].startswith(".") or expected[path] == state


def test_another_mirror_brings_the_rest(tmp_path: Path) -> None:
    root = make_archive(tmp_path / "archive", files=80)
    with FaultServer(tmp_path / "archive") as dying, FaultServer(tmp_path / "archive") as other:
        sync = HttpsSync(
            tmp_path / "collection", f"{dying.url}/pub/pdb", others=(f"{other.url}/pub/pdb",)
        )
        threading.Thread(target=lambda: wait_then_reset(dying)).start()
        run = sync.run("structures-mmcif")
        assert {one.status for one in run.settled} == {SettledStatus.TRANSFERRED}
        assert "other0" in {one.mirror for one in run.settled}
    assert tree_state(sync.collection) == archive_state(root)


def wait_then_reset(server: FaultServer) -> None:
    wait_until(lambda: len(server.requests) > 12, what="some requests")
    server.inject(Reset())


def test_a_list_that_is_cut_short_changes_nothing(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=["3hya", "1kqe", "1dsr"])
    with ArchiveSimulator(tree) as mirror:
        sync = HttpsSync(tmp_path / "collection", mirror.url)
        sync.run("structures-mmcif")
        before = tree_state(sync.collection)
        path = tree.root / "holdings" / "released_structures_last_modified_dates.json.gz"
        whole = path.read_bytes()
        for data in (whole[: len(whole) // 2], b"", b"<html>", b"\x1f\x8b"):
            path.write_bytes(data)
            run = sync.run("structures-mmcif")
            assert not run.plans
            assert run.errors["structures-mmcif"] is not None
        write_holdings(path.parent, path.name.removesuffix(".json.gz"), {}, mtime_s=4e9)
        assert not sync.run("structures-mmcif").plans
        assert tree_state(sync.collection) == before
