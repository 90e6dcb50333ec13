"""kill -9 in the middle of a long list, and the same command again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.lab import write_config
from support.large_mirror import make_large_mirror
from support.nginx import Nginx
from support.programs import require_program
from support.wait import wait_until
from support.watcher import watched

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Isolated

FILES = 500
ENOUGH_BYTES = 20_000_000
MOST_TWICE = 0.05


def test_d06_after_kill_9_the_next_run_goes_on_where_it_was(
    isolated: Isolated, tmp_path: Path
) -> None:
    mirror = make_large_mirror(tmp_path / "m", files=FILES, repeats=(1,), sources=("3hya",))
    # The first becomes as large as the largest of the archive.
    again = make_large_mirror(tmp_path / "m", files=1, repeats=(1225,), sources=("1o3q",))
    (large,) = again.paths.values()
    assert 50e6 < large.stat().st_size < 70e6
    collection, listed, logs = tmp_path / "collection", tmp_path / "list.txt", tmp_path / "nginx"
    listed.write_text("\n".join(mirror.paths))
    logs.mkdir()
    program = require_program("nginx", package="nginx")
    with Nginx(program, tmp_path / "m", folder=logs) as nginx:
        config = isolated.config_home / "pdb-cli" / "config.toml"
        write_config(config, collection=collection, url=f"{nginx.origin}/pub/pdb")
        command = [sys.executable, "-m", "pdb_cli", "download", "-l", str(listed), "-p", "8"]
        with watched(collection, mirror.root) as watch:
            slowly = [*command, "--limit-rate", "20M"]
            with subprocess.Popen(slowly, cwd=tmp_path, stderr=subprocess.PIPE) as killed:
                wait_until(
                    lambda: _size_bytes(collection, ".part") > ENOUGH_BYTES,
                    timeout_s=30,
                    what="a good piece of the large file",
                )
                killed.kill()
            there_bytes = _size_bytes(collection)
            wait_until(
                lambda: any(f"{large.name} " in line for line in nginx.requests()),
                what="nginx to see the end of the first run",
            )
            before = len(nginx.requests())
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
            )
            fetched_bytes = sum(int(line.split()[5]) for line in nginx.requests()[before:])
    assert done.returncode == 0, done.stderr
    assert watch.bad == []
    kept = (path for path in (collection / "structures").rglob("*") if path.is_file())
    found = {path.name: path.read_bytes() for path in kept}
    assert found == {path.name: path.read_bytes() for path in mirror.paths.values()}
    assert there_bytes + fetched_bytes <= (1 + MOST_TWICE) * mirror.size_bytes


def _size_bytes(folder: Path, suffix: str = "") -> int:
    """Return the size of all files with a suffix below a folder."""
    total = 0
    for path in folder.rglob(f"*{suffix}"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # it has just got its name
    return total
