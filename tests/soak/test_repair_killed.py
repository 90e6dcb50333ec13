"""kill -9 inside ``validate --fix``: at each step of one file, and among many."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.killed_repair import MOMENTS, kill_and_repair
from support.lab import write_config
from support.updating import bring
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Isolated
    from support.killed_repair import Moment

pytestmark = pytest.mark.soak

COPIES = {f"{number}{letter}bc": "3hya" for number in range(1, 10) for letter in "abcdef"}
RUNS = 10


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_at_each_step_of_one_file(moment: Moment, isolated: Isolated, tmp_path: Path) -> None:
    config = isolated.config_home / "pdb-cli" / "config.toml"
    with ArchiveSimulator.make(tmp_path / "archive", "3hya") as mirror:
        left = kill_and_repair(moment, mirror, tmp_path / "collection", config)
    assert left == ["3hya.cif.gz"]


def test_again_and_again_among_many(isolated: Isolated, tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(copies=COPIES)
    root = tmp_path / "collection"
    bring(tree, root)
    good = {path: path.read_bytes() for path in (root / "structures").rglob("*.gz")}
    bad = {path: data[:-30] for path, data in good.items()}
    for path, data in bad.items():
        path.write_bytes(data)
    quarantine = root / ".pdb-cli" / "quarantine"
    command = [sys.executable, "-m", "pdb_cli", "validate", "--fix"]
    config = isolated.config_home / "pdb-cli" / "config.toml"

    def count_new() -> int:
        """Count the files that are as they should be; all others are as they were."""
        found = {path: path.read_bytes() for path in good}
        assert all(data in {good[path], bad[path]} for path, data in found.items())
        return sum(data == good[path] for path, data in found.items())

    with FaultServer(tree.folder, rate_bytes_per_s=300_000) as slow:
        write_config(config, collection=root, url=f"{slow.url}/pub/pdb")
        for number in range(RUNS):
            enough = 3 * (number + 1)
            with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as run:
                try:
                    wait_until(partial(_is_enough, count_new, enough), timeout_s=60, what="files")
                finally:
                    run.kill()
            assert run.returncode == -signal.SIGKILL
            for second in quarantine.rglob("*.gz"):
                assert second.read_bytes() == bad[root / second.relative_to(quarantine)]
            assert count_new() < len(good)
    with FaultServer(tree.folder) as quick:
        write_config(config, collection=root, url=f"{quick.url}/pub/pdb")
        subprocess.run(command, check=True, capture_output=True)
    left = {path: path.read_bytes() for path in (root / "structures").rglob("*") if path.is_file()}
    assert left == good
    assert not quarantine.exists()


def _is_enough(count: Callable[[], int], enough: int) -> bool:
    return count() >= enough
