"""The lab: a user's surroundings for whole runs of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.archive_simulator import ArchiveSimulator
from support.lab import Lab, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cli import CliRunner


@pytest.fixture
def lab(isolated: object, run_cli: CliRunner, tmp_path: Path) -> Iterator[Lab]:
    """Give a mirror with five real entries, and a config file that names it."""
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    collection = tmp_path / "collection"
    with ArchiveSimulator.make(
        tmp_path / "archive", "3hya", "1kqe", "1dsr", "1c58", "4hhb", "1gdr"
    ) as mirror:
        write_config(config, collection=collection, url=mirror.url)
        yield Lab(mirror, collection, config, run_cli)
