"""Two downloads of one list into one place."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support.fault_server import FaultServer
from support.faults import Status
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
    kept = (path for path in (collection / "structures").rglob("*") if path.is_file())
    found = {path.name: path.read_bytes() for path in kept}
    assert found == {path.name: path.read_bytes() for path in mirror.paths.values()}
    # Whoever came second skipped the file, or waited for it, and says so.
    counts = [_counts(text) for text in said]
    assert all(sum(pair) == FILES for pair in counts)
    assert len(asked) == len(set(asked)) == FILES
    assert sum(downloaded for downloaded, _ in counts) == FILES


def test_d06_both_end_well_when_the_mirror_is_busy(isolated: Isolated, tmp_path: Path) -> None:
    mirror = make_large_mirror(tmp_path / "m", files=60, repeats=(1,), sources=("3hya", "1kqe"))
    collection, listed = tmp_path / "collection", tmp_path / "list.txt"
    listed.write_text("\n".join(mirror.paths))
    with FaultServer(tmp_path / "m", delay_s=0.02) as server:
        server.inject(Status(429), times=16)
        config = isolated.config_home / "pdb-cli" / "config.toml"
        write_config(config, collection=collection, url=f"{server.url}/pub/pdb")
        command = [sys.executable, "-m", "pdb_cli", "download", "-l", str(listed), "-p", "16"]
        runs = [
            subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [run.communicate(timeout=50)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert all(sum(_counts(text)) == 60 for text in said)


def test_few_descriptors_make_it_slow_and_nothing_else(isolated: Isolated, tmp_path: Path) -> None:
    mirror = make_large_mirror(tmp_path / "m", files=60, repeats=(1,), sources=("3hya", "1kqe"))
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(mirror.paths))
    with FaultServer(tmp_path / "m") as server:
        config = isolated.config_home / "pdb-cli" / "config.toml"
        write_config(config, collection=tmp_path / "c", url=f"{server.url}/pub/pdb")
        run = [sys.executable, "-m", "pdb_cli", "download", "-l", str(listed), "-p", "64"]
        done = subprocess.run(
            ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *run],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert (done.returncode, _counts(done.stderr)) == (0, (60, 0)), done.stderr


def _counts(summary: str) -> tuple[int, int]:
    """Return how many files a run says it downloaded and how many it found up to date."""
    words = summary.splitlines()[-1].replace(",", "").replace(";", "").split()
    return int(words[0]), int(words[words.index("up") - 1])
