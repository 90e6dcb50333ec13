"""A jobs directory and a starter of real jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.store import JobStore
from support.jobs import JobStarter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Isolated


@pytest.fixture
def store(isolated: Isolated) -> JobStore:
    return JobStore(isolated.jobs_dir)


@pytest.fixture
def start_job(store: JobStore, isolated: Isolated) -> Iterator[JobStarter]:
    """Return a starter; at the end of the test no supervisor of its jobs is left."""
    starter = JobStarter(store, isolated.work_dir)
    yield starter
    starter.reap()


@pytest.fixture(
    params=["bl ank", "quo'te", "semi;colon", "line\nend", "b\udcff"],
    ids=["blank", "quote", "semicolon", "line-end", "no-text"],
)
def odd_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a directory whose name is legal, and a trap."""
    path: Path = tmp_path / request.param
    path.mkdir()
    return path
