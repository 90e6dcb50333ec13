"""A user's surroundings for sync: an archive, a real rsync daemon and a real nginx before it."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from support.archive_tree import ArchiveTree
from support.nginx import Nginx
from support.programs import require_program
from support.rsync_daemon import RsyncDaemon

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from pdb_cli.archive.layouts import Layout
    from support.cli import CliRunner

ENTRIES = ("3hya", "1kqe", "1dsr", "1c58")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """What counts in comparing two trees."""

    data: bytes
    mtime_s: int


def files_below(top: Path) -> dict[str, LocalFile]:
    """Return every file of a tree but pdb-cli's own and hidden ones, by relative path."""
    found = {}
    for path in sorted(top.rglob("*")):
        relative = path.relative_to(top)
        if any(part.startswith(".") for part in relative.parts) or not path.is_file():
            continue
        found[relative.as_posix()] = LocalFile(path.read_bytes(), int(path.stat().st_mtime))
    return found


class SyncLab:
    """One user with one mirror called ``lab``, reached both ways; a context manager.

    Parameters
    ----------
    folder
        An empty folder.
    config
        Where to write the configuration.
    run
        Runs the command line.
    tree
        The archive; one with six real entries if none is given.
    """

    def __init__(
        self, folder: Path, config: Path, run: CliRunner, *, layout: Layout | None = None
    ) -> None:
        self.folder = folder
        self.config = config
        self.run = run
        self.collection = folder / "pdb"
        archive = folder / "archive"
        self.tree = ArchiveTree(archive, layout=layout) if layout else ArchiveTree(archive)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        rsync = require_program("rsync", package="rsync")
        nginx = require_program("nginx", package="nginx")
        for name in ("rsyncd", "nginx"):
            (self.folder / name).mkdir()
        self.tree.root.mkdir(parents=True, exist_ok=True)
        self.daemon = self._stack.enter_context(
            RsyncDaemon(rsync, self.tree.root, folder=self.folder / "rsyncd")
        )
        self.nginx = self._stack.enter_context(
            Nginx(nginx, self.tree.folder, folder=self.folder / "nginx")
        )
        self.write_config()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def https(self) -> str:
        """The root of the mirror by https (which is http here)."""
        return f"{self.nginx.origin}/{self.tree.root.relative_to(self.tree.folder).as_posix()}"

    def write_config(
        self, more: str = "", *, rsync: str | None = None, https: str | None = None
    ) -> None:
        """Write the configuration; the mirror's roots may be others than the real ones."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            f'[paths]\npdb_dir = "{self.collection}"\n'
            '[mirror]\ndefault = ["lab"]\n'
            f'[mirrors.lab]\nhttps = "{https or self.https}"\n'
            f'rsync = "{rsync or self.daemon.url}"\nlayout = "{self.tree.layout}"\n'
            "[download]\nretry = 1\nconnect_timeout_s = 2\nstall_timeout_s = 5\n" + more
        )

    def sync(self, *arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run ``pdb-cli sync``."""
        return self.run("sync", *arguments, **more)

    def plan(self, *arguments: str | Path) -> dict[str, Any]:
        """Return the plan that ``sync --plan -o json`` prints."""
        done = self.sync("--plan", "-o", "json", *arguments)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def last(self) -> dict[str, Any]:
        """Return the record of the last run."""
        done = self.sync("--last", "-o", "json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def published(self, directory: str) -> dict[str, LocalFile]:
        """Return the files of the mirror below a directory of ``data``, by path in a collection."""
        top = self.tree.root / "data"
        return {
            path: file
            for path, file in files_below(top).items()
            if path.startswith(directory.rstrip("/") + "/")
        }

    def local(self) -> dict[str, LocalFile]:
        """Return the files of the collection."""
        return files_below(self.collection)

    def trash(self) -> dict[str, LocalFile]:
        """Return the files in the trash, by their paths below the day."""
        top = self.collection / ".pdb-cli" / "trash"
        return {path.partition("/")[2]: file for path, file in files_below(top).items()}

    def put(self, path: str, text: str, *, mtime_s: float = 1_600_000_000) -> None:
        """Write a file of the mirror that the archive does not know, below its root."""
        place = self.tree.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        os.utime(place, (mtime_s, mtime_s))
