"""Two downloads of one list into one place."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.fault_server import FaultServer
from support.lab import write_config
from support.large_mirror import make_large_mirror
from support.watcher import watched

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Isolated

FILES = 200


def test_d06_both_end_well_and_each_file_is_fetched_once(
    isolated: Isolated, tmp_path: Path
) -> None:
    mirror = make_large_mirror(tmp_path / "m", files=FILES, repeats=(1,), sources=("3hya", "1kqe"))
    collection, listed = tmp_path / "collection", tmp_path / "list.txt"
    listed.write_text("\n".join(mirror.paths))
    with FaultServer(tmp_path / "m", delay_s=0.02) as server:
        config = isolated.config_home / "pdb-cli" / "config.toml"
        write_config(config, collection=collection, url=f"{server.url}/pub/pdb")
        command = [sys.executable, "-m", "pdb_cli", "download", "-l", str(listed), "-p", "8"]
        with watched(collection, mirror.root) as watch:
            runs = [
                subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
                for _ in range(2)
            ]
            said = [run.communicate(timeout=50)[1] for run in runs]
        asked = [request.path for request in server.requests]
    assert [run.returncode for run in runs] == [0, 0], said
    assert watch.bad == []
    assert watch.looks > 1
    found = {path.name: path.read_bytes() for path in collection.rglob("*") if path.is_file()}
    assert found == {path.name: path.read_bytes() for path in mirror.paths.values()}
    # Whoever came second skipped the file, or waited for it, and says so.
    counts = [_counts(text) for text in said]
    assert all(sum(pair) == FILES for pair in counts)
    assert len(asked) == len(set(asked)) == FILES
    assert sum(downloaded for downloaded, _ in counts) == FILES


def _counts(summary: str) -> tuple[int, int]:
    """Return how many files a run says it downloaded and how many it found up to date."""
    words = summary.splitlines()[-1].replace(",", "").replace(";", "").split()
    return int(words[0]), int(words[words.index("up") - 1])
