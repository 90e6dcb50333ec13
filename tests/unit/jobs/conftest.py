"""A jobs directory without processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs")
