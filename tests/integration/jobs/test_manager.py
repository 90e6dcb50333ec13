"""``JobManager``: what a Python program can do with jobs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdb_cli import JobManager
from pdb_cli.errors import (
    InvalidValueError,
    JobRestartError,
    JobStartError,
    JobStateError,
    UnknownJobError,
    WaitTimeoutError,
)
from pdb_cli.jobs.listing import JobFilter
from pdb_cli.jobs.liveness import Doubt
from pdb_cli.jobs.model import JobStatus
from support.wait import wait_until

if TYPE_CHECKING:
    from conftest import Isolated


@pytest.fixture
def manager(isolated: Isolated) -> JobManager:
    return JobManager(isolated.jobs_dir, user="ann")


def test_a_job_from_its_start_to_its_removal(manager: JobManager, isolated: Isolated) -> None:
    job = manager.spawn_background(["--version"], label="try", cwd=isolated.work_dir)
    assert job.status in {JobStatus.RUNNING, JobStatus.COMPLETED}
    assert (job.label, job.user, job.cwd) == ("try", "ann", str(isolated.work_dir))
    [ended] = manager.wait_for_jobs(["last"], timeout_s=30)
    assert (ended.id, ended.status, ended.exit_code) == (job.id, JobStatus.COMPLETED, 0)
    assert manager.get_job(job.id) == ended
    assert manager.list_jobs() == [ended]
    assert manager.list_jobs(JobFilter.RUNNING) == []
    assert manager.clean_old_jobs(timedelta(days=1)).removed == ()
    assert manager.clean_old_jobs(timedelta(0)).removed == (job.id,)
    with pytest.raises(UnknownJobError):
        manager.get_job(job.id)


def test_wrong_arguments_make_a_job_that_says_so(manager: JobManager) -> None:
    job = manager.spawn_background(["download", "--nonsense"])
    [ended] = manager.wait_for_jobs([job.id], timeout_s=30)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 2)
    assert "no option --nonsense" in (ended.reason or "")


def test_a_created_job_waits_to_be_started(manager: JobManager) -> None:
    job = manager.create_job(["--version"])
    assert (job.status, job.supervisor) == (JobStatus.QUEUED, None)
    assert manager.observe_job(job.id).doubt is Doubt.NOT_STARTED
    with pytest.raises(WaitTimeoutError):
        list(manager.wait_for_jobs([job.id], timeout_s=0))
    assert manager.clean_old_jobs(timedelta(0)).removed == ()
    started = manager.start_job(job.id)
    assert started.id == job.id
    [ended] = manager.wait_for_jobs([job.id], timeout_s=30)
    assert ended.status is JobStatus.COMPLETED
    with pytest.raises(JobStateError):
        manager.start_job(job.id)


def test_a_created_job_can_be_cancelled(manager: JobManager) -> None:
    job = manager.create_job(["--version"])
    ended = manager.cancel_job(job.id, reason="changed my mind")
    assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, None)
    assert (ended.reason or "").endswith(", before it was started: changed my mind")
    with pytest.raises(JobStateError):
        manager.start_job(job.id)


def test_of_many_that_start_a_created_job_one_succeeds(manager: JobManager) -> None:
    job = manager.create_job(["--version"])

    def start(_: int) -> bool:
        try:
            manager.start_job(job.id)
        except (JobStateError, JobStartError):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1
    [ended] = manager.wait_for_jobs([job.id], timeout_s=30)
    assert ended.status is JobStatus.COMPLETED


def test_secrets_can_be_run_but_not_kept(manager: JobManager) -> None:
    secret = ["download", "--proxy=https://ann:s3cret@host/"]
    with pytest.raises(InvalidValueError):
        manager.create_job(secret)
    job = manager.spawn_background(secret)
    [ended] = manager.wait_for_jobs([job.id], timeout_s=30)
    assert "s3cret" not in str(ended)
    with pytest.raises(JobRestartError):
        manager.restart_job(job.id)


def test_jobs_queue_and_restart(manager: JobManager) -> None:
    first = manager.spawn_background(["download", "--nonsense"])
    second = manager.spawn_background(["--version"], after=f"{first.id}:any")
    assert [job.exit_code for job in manager.wait_for_jobs([first.id, second.id])] == [2, 0]
    again = manager.restart_job(second.id)
    assert again.restarted_from == second.id
    [ended] = manager.wait_for_jobs([again.id], timeout_s=30)
    assert ended.status is JobStatus.COMPLETED


def test_a_long_lived_program_collects_no_zombies(manager: JobManager) -> None:
    job = manager.spawn_background(["--version"])
    assert job.supervisor is not None
    pid = job.supervisor.pid
    list(manager.wait_for_jobs([job.id], timeout_s=30))

    def collected() -> bool:
        manager.list_jobs()
        return not Path(f"/proc/{pid}").exists()

    wait_until(collected, what="the end of the supervisor")


def test_jobs_get_the_environment_they_are_given(isolated: Isolated) -> None:
    environ = {**os.environ, "PDB_CLI_CONFIG": "/nonexistent/config.toml"}
    manager = JobManager(isolated.jobs_dir, environ=environ)
    job = manager.spawn_background(["config", "show"])
    [ended] = manager.wait_for_jobs([job.id], timeout_s=30)
    assert ended.exit_code != 0
    assert "/nonexistent/config.toml" in (ended.reason or "")
