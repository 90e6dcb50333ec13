from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import JobRecordError, UnknownJobError, WaitTimeoutError
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.wait import wait_for_jobs
from support.jobs import a_job, put

if TYPE_CHECKING:
    from pdb_cli.jobs.store import JobStore


def test_of_those_that_have_ended_the_first_to_end_comes_first(store: JobStore) -> None:
    put(store, a_job("job_aaaaaa", finished_at="2026-01-03T00:00:00Z"))
    put(store, a_job("job_bbbbbb", finished_at="2026-01-02T00:00:00Z"))
    put(store, a_job("job_cccccc", finished_at="2026-01-03T00:00:00Z"))
    asked = ["job_cccccc", "job_aaaaaa", "job_bbbbbb", "job_aaaaaa"]
    ends = [job.id for job in wait_for_jobs(store, asked)]
    assert ends == ["job_bbbbbb", "job_cccccc", "job_aaaaaa"]


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.QUEUED])
def test_a_timeout_names_what_has_not_ended(store: JobStore, status: JobStatus) -> None:
    put(store, a_job("job_aaaaaa"))
    put(store, a_job("job_bbbbbb", status=status, supervisor=identify(os.getpid())))
    waiting = wait_for_jobs(store, ["job_bbbbbb", "job_aaaaaa"], timeout_s=0)
    assert next(waiting).id == "job_aaaaaa"
    with pytest.raises(WaitTimeoutError) as caught:
        next(waiting)
    assert (caught.value.timeout_s, caught.value.waiting) == (0, ("job_bbbbbb",))


def test_a_job_of_another_host_is_waited_for(store: JobStore) -> None:
    put(store, a_job(status=JobStatus.RUNNING, host="elsewhere"))
    with pytest.raises(WaitTimeoutError):
        next(wait_for_jobs(store, ["job_aaaaaa"], timeout_s=0.01))


def test_a_dead_job_is_found_to_have_ended(store: JobStore) -> None:
    put(store, a_job(status=JobStatus.RUNNING, finished_at=None, exit_code=None))
    (ended,) = wait_for_jobs(store, ["job_aaaaaa"])
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, None)


def test_what_can_not_be_read_is_an_error(store: JobStore) -> None:
    put(store, a_job())
    store.paths("job_aaaaaa").meta.write_bytes(b"{")
    with pytest.raises(JobRecordError):
        next(wait_for_jobs(store, ["job_aaaaaa"]))
    with pytest.raises(UnknownJobError):
        next(wait_for_jobs(store, ["job_zzzzzz"]))
