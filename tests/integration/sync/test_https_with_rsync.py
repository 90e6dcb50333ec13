"""One tree, two transports: what nginx brought, rsync leaves alone, and the other way round."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.archive_tree import ArchiveTree
from support.nginx import Nginx
from support.programs import require_program
from support.rsync_daemon import RsyncDaemon
from support.sync_https import HttpsSync, archive_state, tree_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRIES = ("3hya", "1kqe", "1dsr", "4hhb", "5wkd", "1gdr")
RSYNC = ("rsync", "-rlpt", "--delete", "--itemize-changes")


@pytest.fixture
def tree(tmp_path: Path) -> ArchiveTree:
    tree = ArchiveTree(tmp_path / "archive")
    tree.all_dated = False
    tree.publish(add=ENTRIES)
    return tree


@pytest.fixture
def nginx(tree: ArchiveTree, tmp_path: Path) -> Iterator[Nginx]:
    program = require_program("nginx", package="nginx-light")
    (tmp_path / "nginx").mkdir()
    with Nginx(program, tree.folder, folder=tmp_path / "nginx") as nginx:
        yield nginx


@pytest.fixture
def daemon(tree: ArchiveTree, tmp_path: Path) -> Iterator[RsyncDaemon]:
    program = require_program("rsync", package="rsync")
    (tmp_path / "rsyncd").mkdir()
    with RsyncDaemon(program, tree.root, folder=tmp_path / "rsyncd") as daemon:
        yield daemon


def rsync(daemon: RsyncDaemon, collection: Path, *more: str) -> list[str]:
    """Run plain rsync over the whole of ``data``; return what it did to files."""
    # The times of directories are nobody's business over HTTP: rsync sets them, fetching nothing.
    command = [*RSYNC, *more, "--exclude=.pdb-cli", f"{daemon.url}/data/", f"{collection}/"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line for line in run.stdout.splitlines() if line[:2] not in {".d", "cd"}]


def test_rsync_after_https_transfers_nothing(
    tree: ArchiveTree, nginx: Nginx, daemon: RsyncDaemon, tmp_path: Path
) -> None:
    sync = HttpsSync(tmp_path / "collection", f"{nginx.origin}/pub/pdb")
    sync.run()
    tree.publish(change=["1kqe", "4hhb"], obsolete={"1dsr": None})
    sync.run()
    assert tree_state(sync.collection) == archive_state(tree.root)
    assert rsync(daemon, sync.collection) == []
    assert not sync.run().said()


def test_https_after_rsync_transfers_nothing_and_asks_for_lists_only(
    tree: ArchiveTree, nginx: Nginx, daemon: RsyncDaemon, tmp_path: Path
) -> None:
    for path in tree.files().values():
        # As files of a real archive may be: rsync brings fractions of a second, HTTP does not.
        mtime_ns = path.stat().st_mtime_ns + 123_456_789
        os.utime(path, ns=(mtime_ns, mtime_ns))
    sync = HttpsSync(tmp_path / "collection", f"{nginx.origin}/pub/pdb")
    sync.collection.mkdir()
    assert rsync(daemon, sync.collection)
    for _ in range(2):
        before = len(nginx.requests())
        assert not sync.run().said()
        assert len(nginx.requests()) - before <= 5
    assert all("/holdings/" in line for line in nginx.requests())
    assert rsync(daemon, sync.collection) == []


def test_they_take_turns(
    tree: ArchiveTree, nginx: Nginx, daemon: RsyncDaemon, tmp_path: Path
) -> None:
    sync = HttpsSync(tmp_path / "collection", f"{nginx.origin}/pub/pdb")
    sync.collection.mkdir()
    rsync(daemon, sync.collection)
    tree.publish(copies={"9abc": "1dul"}, change=["1kqe", "4hhb"], obsolete={"1dsr": ["9abc"]})
    # What would rsync do, what does https do, and what is then left for rsync.
    named = {line.partition(" ")[2].strip() for line in rsync(daemon, sync.collection, "-n")}
    assert {path for path in named if path.endswith(".gz")} == set(sync.run().said())
    assert rsync(daemon, sync.collection) == []
    assert tree_state(sync.collection) == archive_state(tree.root)
