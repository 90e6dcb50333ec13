"""``cancel`` with a reason, in a hurry, and against a supervisor that does not act."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import JobOutOfReachError, JobStateError
from pdb_cli.jobs import cancel as cancel_module
from pdb_cli.jobs.cancel import cancel_job, cancel_jobs
from pdb_cli.jobs.identity import identify, this_place
from pdb_cli.jobs.model import JobStatus
from support.jobs import (
    SLEEP,
    STUBBORN,
    JobStarter,
    a_job,
    is_gone,
    kill_supervisor,
    pid_of_child,
    put,
)
from support.processes import with_environment
from support.wait import wait_until

if TYPE_CHECKING:
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore
    from support.cli import CliRunner

ESCAPED = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b"ready\\n")
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)
"""
"""A command whose grandchild has left its session and ignores TERM."""


def members(store: JobStore, job: Job) -> list[int]:
    """Return every living process that was started for a job."""
    folder = str(store.paths(job.id).directory)
    return [process.pid for process in with_environment("PDB_CLI_JOB_DIR", folder)]


def stop_supervisor(job: Job) -> int:
    """Stop a supervisor as a debugger or a full machine does; return its pid."""
    assert job.supervisor is not None
    os.kill(job.supervisor.pid, signal.SIGSTOP)
    return job.supervisor.pid


def test_the_reason_is_recorded_and_shown(start_job: JobStarter, run_cli: CliRunner) -> None:
    job = start_job(*SLEEP)
    done = run_cli("jobs", "cancel", job.id, "--reason", "wrong list")
    assert done.returncode == 0
    who = f" from {job.host}: wrong list"
    assert done.stderr.startswith(f"{job.id}: cancelled by ")
    assert done.stderr.endswith(f"{who}\n")
    assert who in run_cli("jobs", "status", job.id).stdout
    assert run_cli("jobs", "status", job.id, "-o", "ids").stdout == f"{job.id}\n"


def test_the_reason_is_recorded_without_a_supervisor_too(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job(*SLEEP)
    kill_supervisor(job)
    ended = cancel_job(store, job.id, user="ann", reason="enough")
    assert ended.reason == f"cancelled by ann from {job.host}, its supervisor was gone: enough"


def test_a_grace_time_counts_more_than_the_recorded_one(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=60)
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="ann", grace_s=0.4)
    assert 0.4 <= time.monotonic() - started_s < 4
    assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, 137)


def test_a_grace_time_counts_for_an_unsupervised_job_too(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=60)
    kill_supervisor(job)
    started_s = time.monotonic()
    assert cancel_job(store, job.id, user="ann", grace_s=0.3).status is JobStatus.CANCELLED
    assert 0.3 <= time.monotonic() - started_s < 4


def test_the_wait_has_the_limit_of_the_grace_time_asked_for(
    store: JobStore, start_job: JobStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_module, "_PATIENCE_S", 0.2)
    job = start_job(*SLEEP, grace_s=60)
    supervisor = stop_supervisor(job)
    with pytest.raises(JobStateError, match="still running"):
        cancel_job(store, job.id, user="ann", grace_s=0.1)
    os.kill(supervisor, signal.SIGCONT)
    assert start_job.ended(job).status is JobStatus.CANCELLED


def test_force_kills_at_once(store: JobStore, start_job: JobStarter) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=60)
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="ann", force=True)
    assert time.monotonic() - started_s < 2
    assert (ended.status, ended.exit_code, ended.signal) == (JobStatus.CANCELLED, 137, "SIGKILL")
    assert ended.reason == f"cancelled by ann from {job.host}"


def test_who_comes_with_force_need_not_wait_for_a_polite_cancel(
    store: JobStore, start_job: JobStarter
) -> None:
    deaf = 'trap "echo told" TERM; echo ready; while :; do sleep 0.02; done'
    job = start_job.until_ready("/bin/sh", "-c", deaf, grace_s=60)
    log = store.paths(job.id).stdout
    ends: list[Job] = []
    polite = threading.Thread(target=lambda: ends.append(cancel_job(store, job.id, user="ann")))
    polite.start()
    wait_until(lambda: "told" in log.read_text(), what="the command to be told")
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="bob", force=True)
    assert time.monotonic() - started_s < 2
    polite.join()
    assert ends == [ended]
    assert ended.reason == f"cancelled by bob from {job.host}"


def test_force_does_the_work_of_a_supervisor_that_does_not_act(
    store: JobStore, start_job: JobStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_module, "_FORCE_PATIENCE_S", 0.3)
    job = start_job.until_ready(sys.executable, "-c", ESCAPED, grace_s=60)
    supervisor = stop_supervisor(job)
    assert len(members(store, job)) == 2
    ended = cancel_job(store, job.id, user="ann", reason="stuck", force=True)
    assert (ended.status, ended.exit_code, ended.pid) == (JobStatus.CANCELLED, None, None)
    assert ended.reason == f"cancelled by ann from {job.host}, its supervisor did not act: stuck"
    assert is_gone(supervisor)
    assert members(store, job) == []
    assert store.read(job.id) == ended


def test_who_stands_in_gives_up_on_what_can_not_be_killed(
    store: JobStore, start_job: JobStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=60)
    kill_supervisor(job)
    # As if KILL did nothing: patience ends before it is sent.
    with monkeypatch.context() as patch:
        patch.setattr(cancel_module, "_PATIENCE_S", -59.8)
        with pytest.raises(JobStateError, match="still running"):
            cancel_job(store, job.id, user="ann")
    assert store.read(job.id).status is JobStatus.RUNNING
    assert cancel_job(store, job.id, user="ann", force=True).status is JobStatus.CANCELLED


def test_force_never_touches_a_process_of_another_place(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_module, "_FORCE_PATIENCE_S", 0.0)
    monkeypatch.setattr(cancel_module, "_PATIENCE_S", 0.3)
    here, me = this_place(), identify(os.getpid())
    elsewhere = {"job_aaaaaa": {"host": "login01"}, "job_bbbbbb": {"pid_namespace": "pid:[1]"}}
    for job_id, place in elsewhere.items():
        job = a_job(
            job_id, status=JobStatus.RUNNING, finished_at=None, supervisor=me, child=me, **place
        )
        put(store, job)
        # Were it signalled, this very process would be.
        with pytest.raises(JobOutOfReachError):
            cancel_job(store, job.id, user="ann", force=True)
        request = json.loads(store.paths(job.id).cancel.read_bytes())
        assert (request["host"], request["grace_s"]) == (here.host, 0)
        assert store.read(job.id).status is JobStatus.RUNNING


def test_several_are_cancelled_at_the_same_time(start_job: JobStarter, run_cli: CliRunner) -> None:
    jobs = [start_job.until_ready(*STUBBORN, grace_s=1.5) for _ in range(3)]
    started_s = time.monotonic()
    done = run_cli("jobs", "cancel", *(job.id for job in jobs), "-o", "json")
    assert 1.5 <= time.monotonic() - started_s < 4
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [(row["id"], row["status"], row["exit_code"]) for row in rows] == [
        (job.id, "cancelled", 137) for job in jobs
    ]


def test_one_that_can_not_be_asked_does_not_spare_the_others(
    store: JobStore, start_job: JobStarter
) -> None:
    put(store, a_job("job_aaaaaa"))
    put(store, a_job("job_bbbbbb"))
    store.paths("job_bbbbbb").meta.write_bytes(b"{")
    job = start_job(*SLEEP)
    ids = ["job_aaaaaa", "job_bbbbbb", "job_zzzzzz", job.id]
    outcomes = list(cancel_jobs(store, ids, user="ann"))
    assert [type(item).__name__ for item in outcomes] == [
        "JobStateError",
        "JobRecordError",
        "UnknownJobError",
        "Job",
    ]
    assert is_gone(pid_of_child(job))


def test_a_wrong_reference_cancels_nothing(
    store: JobStore, start_job: JobStarter, run_cli: CliRunner
) -> None:
    job = start_job(*SLEEP)
    done = run_cli("jobs", "cancel", job.id, "job_zzzzzz")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert store.read(job.id).status is JobStatus.RUNNING
    assert run_cli("jobs", "cancel", job.id, "-o", "ids").stdout == f"{job.id}\n"


@pytest.mark.parametrize(
    "options", [["--grace", "1", "--force"], ["--grace", "1e9"], ["--grace", "nan"], ["--grace=-1"]]
)
def test_a_grace_time_that_makes_no_sense_is_refused(
    run_cli: CliRunner, options: list[str]
) -> None:
    done = run_cli("jobs", "cancel", "last", *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--grace" in done.stderr
