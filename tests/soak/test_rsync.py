"""The rsync transport for a long time: random changes, and kills at random moments."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import processes
from support.programs import require_program
from support.rsync_changes import check_plan_is_run, put, releases
from support.rsync_daemon import RsyncDaemon
from support.rsync_lab import REMOTE, RsyncLab, plain_rsync, snapshot
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = 300
MEAN_BYTES = 100_000
LIMIT_KIB_S = 6000
KILLS = 10


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    tree = tmp_path / "archive" / REMOTE
    tree.mkdir(parents=True)
    return tree


def daemon(tmp_path: Path, *, limit_kib_s: int = 0) -> RsyncDaemon:
    """Return a daemon that does not run yet."""
    (tmp_path / "daemon").mkdir()
    rsync = require_program("rsync", package="rsync")
    root = tmp_path / "archive"
    return RsyncDaemon(rsync, root, folder=tmp_path / "daemon", limit_kib_s=limit_kib_s)


@pytest.fixture
def lab(tmp_path: Path, archive: Path) -> Iterator[RsyncLab]:
    assert archive.exists()
    with daemon(tmp_path) as running:
        yield RsyncLab(tmp_path / "collection", running.port, parallel=2)


@pytest.mark.soak
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(releases, min_size=1, max_size=4))
def test_plans_are_runs(
    lab: RsyncLab, archive: Path, steps: list[list[tuple[str, str, int]]]
) -> None:
    check_plan_is_run(lab, f"rsync://127.0.0.1:{lab.port}/ftp/{REMOTE}/", archive, steps)


@pytest.mark.soak
@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("seed", range(2))
def test_ten_kills_at_random_moments(
    archive: Path, tmp_path: Path, seed: int, parallel: int
) -> None:
    noise = random.Random(seed)
    for number in range(FILES):
        hash_ = f"{number % 9}x"
        size = noise.randrange(2 * MEAN_BYTES)
        put(archive, f"{hash_}/{number % 9}{hash_}{number}.gz", noise.randbytes(size))
    total = sum(path.stat().st_size for path in archive.rglob("*.gz"))
    with daemon(tmp_path, limit_kib_s=LIMIT_KIB_S // parallel) as running:
        lab = RsyncLab(tmp_path / "collection", running.port)
        whole_s = total / (LIMIT_KIB_S * 1024)
        kills = 0
        for _ in range(KILLS):
            if not kill_after(lab, tmp_path, noise.uniform(0.3, whole_s / 4 + 1), parallel):
                break
            kills += 1
            for name, (_, data) in snapshot(lab.root).items() if lab.root.exists() else ():
                if data is not None and "/." not in name:
                    assert data == (archive / name).read_bytes(), name
        lab.sync()
        plain = tmp_path / "plain"
        plain_rsync(f"{running.url}/{REMOTE}/", plain)
        assert snapshot(lab.root) == snapshot(plain)
        assert lab.sync().settled == []
        wait_until(lambda: "sent" in running.log(), what="the daemon's log")
        sent = sum(
            int(line.split("sent ")[1].split()[0])
            for line in running.log().splitlines()
            if "] sent " in line
        )
    # Plain rsync fetched all of it too. What was on the wire at a kill is lost, each time.
    assert kills >= 3
    assert sent - 2 * total < 0.05 * total + kills * parallel * 256 * 1024


def kill_after(lab: RsyncLab, tmp_path: Path, delay_s: float, parallel: int) -> bool:
    """Start a run and kill it, rsync or not; tell whether it was still running."""
    config = tmp_path / "config.toml"
    config.write_text(f'[mirrors.lab]\nrsync = "rsync://127.0.0.1:{lab.port}/ftp"\n')
    lab.collection.mkdir(exist_ok=True)
    command = subprocess.Popen(
        [
            sys.executable, "-m", "pdb_cli", "--pdb-dir", lab.collection, "sync", "structures",
            "-m", "lab", "--transport", "rsync", "--parallel", str(parallel),
        ],
        env={**os.environ, "PDB_CLI_CONFIG": str(config)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    was_running = False
    try:
        command.wait(timeout=delay_s)
    except subprocess.TimeoutExpired:
        was_running = True
    command.kill()
    command.wait()
    wait_until(
        lambda: not any(f"{lab.root}/" in one.command for one in processes.living()),
        what="rsync to end",
    )
    return was_running
