"""A mirror to download from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.archive_simulator import ArchiveSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    """Serve three real entries, one of them with a legacy PDB file only."""
    with ArchiveSimulator.make(tmp_path / "archive", "3hya", "1kqe", "1gdr") as simulator:
        yield simulator
