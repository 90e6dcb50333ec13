"""``--after``: a job waits for another one, without a daemon."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import InvalidValueError, JobStateError, UnknownJobError
from pdb_cli.jobs.after import After, Condition, parse_after, read_after, take_turn
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.locks import LockState, probe
from pdb_cli.jobs.model import JobStatus
from support.jobs import SLEEP, JobStarter, a_job, is_gone, kill_child, kill_supervisor, put
from support.wait import wait_until

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

WAITS_FOR_FILE = "while ! [ -e go ]; do sleep 0.02; done"


def blocker(start_job: JobStarter, code: int) -> Job:
    """Start a job that ends when the file ``go`` appears."""
    return start_job("/bin/sh", "-c", f"{WAITS_FOR_FILE}; exit {code}")


def test_a_queued_job_starts_when_the_other_has_completed(
    store: JobStore, start_job: JobStarter
) -> None:
    first = blocker(start_job, 0)
    second = start_job("/bin/sh", "-c", "exit 7", after=first.id)
    assert (second.status, second.after, second.child) == (JobStatus.QUEUED, first.id, None)
    assert second.queued_at == second.started_at
    assert probe(store.paths(second.id).lock) is LockState.HELD
    assert observe(store, second.id).doubt is Doubt.NONE
    (start_job.cwd / "go").touch()
    ended = start_job.ended(second)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 7)
    assert start_job.ended(first).finished_at is not None
    assert ended.queued_at == second.queued_at
    assert ended.child is not None


@pytest.mark.parametrize("code", [1, 3])
def test_a_failure_of_the_other_leaves_it_unstarted(start_job: JobStarter, code: int) -> None:
    first = blocker(start_job, code)
    second = start_job("/bin/sh", "-c", "touch started", after=first.id)
    (start_job.cwd / "go").touch()
    ended = start_job.ended(second)
    assert (ended.status, ended.exit_code, ended.child) == (JobStatus.FAILED, None, None)
    assert ended.reason == (
        f"not started: {first.id} failed (exit code {code}); "
        f"go on with: pdb-cli jobs restart {ended.id}"
    )
    assert not (start_job.cwd / "started").exists()


def test_any_end_of_the_other_is_enough_if_so_said(start_job: JobStarter) -> None:
    first = blocker(start_job, 1)
    second = start_job("/bin/true", after=f"{first.id}:any")
    (start_job.cwd / "go").touch()
    assert start_job.ended(second).status is JobStatus.COMPLETED


def test_a_job_that_ended_before_is_not_waited_for(start_job: JobStarter) -> None:
    first = start_job.ended(start_job("/bin/true"))
    assert start_job.ended(start_job("/bin/true", after=first.id)).status is JobStatus.COMPLETED


def test_a_lost_job_is_found_out_by_the_one_that_waits(start_job: JobStarter) -> None:
    first = start_job(*SLEEP)
    second = start_job("/bin/true", after=first.id)
    kill_supervisor(first)
    kill_child(first)
    assert f"not started: {first.id} failed;" in (start_job.ended(second).reason or "")


def test_an_unsupervised_job_is_waited_for(store: JobStore, start_job: JobStarter) -> None:
    first = start_job(*SLEEP)
    kill_supervisor(first)
    assert not take_turn(store, After(first.id, Condition.ANY)).start
    cancel_job(store, first.id, user="tester")
    assert take_turn(store, After(first.id, Condition.ANY)).start


def test_a_record_that_is_gone_counts_as_an_end(store: JobStore, start_job: JobStarter) -> None:
    first = start_job.ended(start_job("/bin/true"))
    start_job.reap()
    shutil.rmtree(store.paths(first.id).directory)
    assert take_turn(store, After(first.id, Condition.ANY)).start
    assert take_turn(store, After(first.id, Condition.COMPLETED)).never == (
        f"the record of {first.id} is gone"
    )


def test_a_record_that_can_not_be_read_is_no_end(store: JobStore) -> None:
    put(store, a_job())
    store.paths("job_aaaaaa").meta.write_text("{")
    turn = take_turn(store, read_after("job_aaaaaa:any"))
    assert (turn.start, turn.never) == (False, None)
    assert "can not be read" in str(turn.unreadable)


def test_a_record_that_is_unreadable_for_a_while_is_waited_for(
    store: JobStore, start_job: JobStarter
) -> None:
    first = start_job.ended(start_job("/bin/true"))
    start_job.reap()
    store.paths(first.id).meta.write_text("{")
    second = start_job("/bin/true", after=f"{first.id}:any")
    assert second.status is JobStatus.QUEUED
    assert observe(store, second.id).doubt is Doubt.NONE
    store.write(first)
    assert start_job.ended(second).status is JobStatus.COMPLETED


def test_a_wait_that_would_never_end_is_refused_at_once(
    store: JobStore, start_job: JobStarter
) -> None:
    first = start_job.ended(start_job("/bin/false"))
    with pytest.raises(JobStateError) as caught:
        parse_after(first.id, store)
    assert (caught.value.job_id, caught.value.status) == (first.id, "failed")
    assert parse_after(f"{first.id}:any", store) == After(first.id, Condition.ANY)


def test_a_queued_job_can_be_cancelled(store: JobStore, start_job: JobStarter) -> None:
    first = start_job(*SLEEP)
    second = start_job("/bin/sh", "-c", "touch started", after=first.id)
    ended = cancel_job(store, second.id, user="ann", reason="not needed")
    assert (ended.status, ended.exit_code, ended.pid) == (JobStatus.CANCELLED, None, None)
    assert (ended.reason or "").startswith("cancelled by ann from ")
    assert (ended.reason or "").endswith(", before it was started: not needed")
    assert store.read(first.id).status is JobStatus.RUNNING
    cancel_job(store, first.id, user="ann")
    assert not (start_job.cwd / "started").exists()


def test_the_end_of_the_system_ends_a_queued_job(store: JobStore, start_job: JobStarter) -> None:
    first = start_job(*SLEEP)
    second = start_job("/bin/true", after=first.id)
    assert second.supervisor is not None
    os.kill(second.supervisor.pid, signal.SIGTERM)
    assert (start_job.ended(second).reason or "").startswith("stopped by the system")
    cancel_job(store, first.id, user="ann")


def test_a_killed_supervisor_leaves_a_queued_job_lost(
    store: JobStore, start_job: JobStarter
) -> None:
    first = start_job(*SLEEP)
    second = start_job("/bin/true", after=first.id)
    kill_supervisor(second)
    lost = observe(store, second.id).job
    assert lost.status is JobStatus.FAILED
    assert "its command was never started" in (lost.reason or "")
    cancel_job(store, first.id, user="ann")


def test_a_directory_that_went_while_it_waited_is_the_reason(
    store: JobStore, start_job: JobStarter
) -> None:
    first = start_job(*SLEEP)
    start_job.cwd = start_job.cwd / "soon gone"
    start_job.cwd.mkdir()
    second = start_job("/bin/true", after=f"{first.id}:any")
    start_job.cwd.rmdir()
    cancel_job(store, first.id, user="ann")
    ended = start_job.ended(second)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, None)
    assert (ended.reason or "").startswith("could not start: ")
    assert second.supervisor is not None
    pid = second.supervisor.pid
    wait_until(lambda: is_gone(pid))


def test_what_stands_behind_after(store: JobStore) -> None:
    put(store, a_job())
    assert parse_after("last", store) == After("job_aaaaaa", Condition.COMPLETED)
    assert str(parse_after("aaa:any", store)) == "job_aaaaaa:any"
    with pytest.raises(InvalidValueError):
        parse_after("job_aaaaaa:all", store)
    with pytest.raises(UnknownJobError):
        parse_after("job_bbbbbb", store)
