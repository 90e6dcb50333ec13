"""A user's surroundings: a mirror on loopback, a config file that names it, a collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from support.archive_simulator import ArchiveSimulator
    from support.cli import CliRunner


@dataclass(frozen=True, slots=True)
class Lab:
    """One user with one mirror called ``lab``."""

    mirror: ArchiveSimulator
    collection: Path
    config: Path
    run: CliRunner

    def local(self, folder: str = "") -> dict[str, bytes]:
        """Return every file in a folder of the collection, hidden ones included, by their paths.

        Only pdb-cli's own catalogue, which is there after every run, is left out.
        """
        return {
            str(path.relative_to(self.collection)): path.read_bytes()
            for path in (self.collection / folder).rglob("*")
            if path.is_file() and not path.name.startswith("catalogue.")
        }

    def published(self) -> dict[str, bytes]:
        """Return what the mirror publishes, by the path it has in a collection."""
        data = self.mirror.tree.root / "data"
        return {
            str(path.relative_to(data)): path.read_bytes()
            for path in data.rglob("*")
            if path.is_file()
        }


def write_config(path: Path, *, collection: Path, url: str, layout: str = "classic") -> None:
    """Write a config file for a collection and one mirror."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[paths]\npdb_dir = "{collection}"\n\n'
        '[mirror]\ndefault = ["lab"]\n\n'
        f'[mirrors.lab]\nhttps = "{url}"\nlayout = "{layout}"\n\n'
        "[download]\nretry = 1\nconnect_timeout_s = 2\nstall_timeout_s = 5\n",
        encoding="utf-8",
    )
