"""The races of jobs, again and again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase

from pdb_cli.jobs.index import read_index
from pdb_cli.jobs.store import JobStore
from support.job_machine import check_random_lives
from support.jobs import JobStarter, racing_reads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Isolated

ROUNDS = 100
"""Of each of the two races."""
LIVES = 300


@pytest.fixture
def start_job(isolated: Isolated) -> Iterator[JobStarter]:
    starter = JobStarter(JobStore(isolated.jobs_dir), isolated.work_dir)
    yield starter
    starter.reap()


@pytest.mark.soak
@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_j03_status_read_while_sixty_jobs_end(start_job: JobStarter, round_number: int) -> None:
    assert (round_number, racing_reads(start_job, jobs=60)) == (round_number, [])


@pytest.mark.soak
@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_j03_forty_starts_at_once(start_job: JobStarter, round_number: int) -> None:
    def run(code: int) -> tuple[str, int | None]:
        job = start_job.ended(start_job("/bin/sh", "-c", f"exit {code}"), timeout_s=60)
        return job.id, job.exit_code

    with ThreadPoolExecutor(40) as pool:
        ends = list(pool.map(run, range(40)))
    assert [code for _, code in ends] == list(range(40)), round_number
    start_job.reap()
    assert sorted(read_index(start_job.store)) == sorted(job_id for job_id, _ in ends)


@pytest.mark.soak
def test_whatever_happens_to_jobs_the_promises_hold(tmp_path: Path) -> None:
    check_random_lives(tmp_path, lives=LIVES, steps=50, phases=list(Phase))
