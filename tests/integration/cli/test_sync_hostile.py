"""Mirrors that lie, die or refuse: nothing is lost, and one line says what is wrong."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.holdings import write_holdings
from support.sync_lab import SyncLab
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.cli import CliRunner
    from support.nginx import Nginx
    from support.rsync_daemon import RsyncDaemon

MMCIF = "structures/divided/mmCIF"
COPIES = {f"9a{n:02d}": "1kqe" for n in range(20)}
OLD_S = 1_500_000_000
DAY_S = 86_400


@pytest.fixture
def lab(isolated: object, run_cli: CliRunner, tmp_path: Path) -> Iterator[SyncLab]:
    """Give a mirror with twenty entries, reached both ways."""
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    with SyncLab(tmp_path, config, run_cli) as made:
        made.tree.publish(copies=COPIES)
        yield made


def _refused(lab: SyncLab, *flags: str, code: int = 1) -> str:
    """Run; see that nothing changed and that the last line says why; return that line."""
    before, trash = lab.local(), lab.trash()
    done = lab.sync("--delete", "--max-delete", "100%", "--retry", "0", *flags)
    assert done.returncode == code, done.stderr
    assert (lab.local(), lab.trash()) == (before, trash)
    lines = done.stderr.splitlines()
    assert sum(line.startswith("pdb-cli: ") for line in lines) == 1, done.stderr
    return lines[-1]


def test_rsync_mirror_that_lies(lab: SyncLab) -> None:
    way = ("--transport", "rsync")
    assert lab.sync(*way).returncode == 0
    top = lab.tree.root / "data" / MMCIF
    hidden = lab.folder / "hidden"
    shutil.copytree(top, hidden)
    # Back in time: what was there last month.
    for path in sorted(top.rglob("*.gz"))[:-1]:
        os.utime(path, (OLD_S, OLD_S))
    max(top.rglob("*.gz")).unlink()
    assert "--trust-list" in _refused(lab, *way)
    (tree,) = lab.last()["trees"]
    assert (tree["state"], tree["mirror"], tree["transport"]) == ("refused", "lab", "rsync")
    # A tenth of the files, then none, then not even the directory.
    for path in sorted(top.rglob("*.gz"))[2:]:
        path.unlink()
    assert "2 files and the last complete one had 20" in _refused(lab, *way)
    for path in top.rglob("*.gz"):
        path.unlink()
    assert "is empty while 20 files are here" in _refused(lab, *way, "--trust-list")
    shutil.rmtree(top)
    assert "structures-mmcif" in _refused(lab, *way)
    # All of it back: nothing was harmed.
    hidden.rename(top)
    assert lab.sync(*way).returncode == 0
    assert lab.local() == lab.published(MMCIF)


def test_https_mirror_that_lies(lab: SyncLab) -> None:
    way = ("--transport", "https")
    assert lab.sync(*way).returncode == 0
    lists = [path for path in (lab.tree.root / "holdings").iterdir() if "removed" not in path.name]
    kept = {path: (path.read_bytes(), path.stat().st_mtime) for path in lists}

    def publish(change: Callable[[dict[str, Any]], dict[str, Any]], *, days: int) -> None:
        for path, (data, mtime_s) in kept.items():
            content = change(json.loads(gzip.decompress(data)))
            write_holdings(
                path.parent,
                path.name.removesuffix(".json.gz"),
                content,
                mtime_s=mtime_s + days * DAY_S,
            )

    publish(lambda content: dict(list(content.items())[:2]), days=1)
    assert "2 files and the last complete one had 20" in _refused(lab, *way)
    publish(lambda _: {}, days=2)
    assert "empty" in _refused(lab, *way)
    for path in lists:
        path.write_text("<html>maintenance</html>")
    assert "holdings" in _refused(lab, *way)
    # What is older than what was seen last, also where that was the short list.
    publish(lambda content: content, days=-30)
    assert "--trust-list" in _refused(lab, *way)
    # All of it back.
    publish(lambda content: content, days=3)
    assert lab.sync(*way).returncode == 0
    assert lab.local() == lab.published(MMCIF)
    lab.nginx.__exit__(None, None, None)
    assert "127.0.0.1" in _refused(lab, *way)
    lab.nginx.__enter__()


def test_rsync_mirror_that_refuses(lab: SyncLab) -> None:
    assert lab.sync().returncode == 0
    way = ("--transport", "rsync")
    lab.write_config(rsync=lab.daemon.url.replace("/ftp", "/busy"))
    assert "max connections" in _refused(lab, *way)
    lab.write_config(rsync=lab.daemon.url.replace("/ftp", "/nothing"))
    assert "nothing" in _refused(lab, *way)
    lab.write_config(rsync="rsync://127.0.0.1:1/ftp")
    assert "127.0.0.1" in _refused(lab, *way)


def test_rsync_mirror_full_of_links(lab: SyncLab, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "9a00.cif.gz").write_text("precious")
    top = lab.tree.root / "data" / MMCIF
    (top / "zz").symlink_to(outside)
    (top / "a0" / "9z00.cif.gz").symlink_to(outside / "9a00.cif.gz")
    (top / "a0" / "9z01.cif.gz").symlink_to("/etc/passwd")
    # And a trap here: a directory of the tree that leads out of it.
    (lab.collection / MMCIF).mkdir(parents=True)
    (lab.collection / MMCIF / "a1").symlink_to(outside)
    done = lab.sync("--delete", "--max-delete", "100%", "--transport", "rsync", "--retry", "0")
    assert [path.name for path in outside.iterdir()] == ["9a00.cif.gz"]
    assert (outside / "9a00.cif.gz").read_text() == "precious"
    links = [path for path in lab.collection.rglob("*") if path.is_symlink()]
    assert links in ([], [lab.collection / MMCIF / "a1"])
    if links:
        assert done.returncode == 1
        assert "leads out" in done.stderr


@pytest.mark.parametrize("transport", ["rsync", "https"])
def test_mirror_that_dies_in_the_middle(lab: SyncLab, transport: str) -> None:
    lab.tree.publish(copies={f"9b{n:02d}": "1c58" for n in range(6)})
    process = subprocess.Popen(
        [
            sys.executable, "-m", "pdb_cli", "sync", "--transport", transport, "--bwlimit", "100",
            "--retry", "0", "--parallel", "2",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_until(lambda: any((lab.collection / MMCIF).rglob("*.gz")), what="a first file")
    server: RsyncDaemon | Nginx
    if transport == "rsync":
        server = lab.daemon
        server.die()
    else:
        server = lab.nginx
        server.__exit__(None, None, None)
    error = process.communicate(timeout=30)[1]
    published, local = lab.published(MMCIF), lab.local()
    assert all(published[path] == file for path, file in local.items())
    if len(local) < len(published):
        assert process.returncode == 3
        assert error.splitlines()[-1].startswith("pdb-cli: structures-mmcif: ")
    server.__enter__()
    lab.write_config()
    assert lab.sync("--transport", transport).returncode == 0
    assert lab.local() == published
