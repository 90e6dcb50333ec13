"""Cancel ends the whole tree of a job, and says so only afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import JobStateError
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.liveness import observe
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
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b"%d\\n" % os.getpid())
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


def test_j01_a_polite_command_is_cancelled_at_once(store: JobStore, start_job: JobStarter) -> None:
    job = start_job("/bin/sh", "-c", "sleep 60 & sleep 60; wait")
    wait_until(lambda: len(members(store, job)) == 3)
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="somebody")
    assert time.monotonic() - started_s < 2
    assert members(store, job) == []
    assert (ended.status, ended.exit_code, ended.signal) == (JobStatus.CANCELLED, 143, "SIGTERM")
    assert ended.reason == f"cancelled by somebody from {job.host}"
    assert start_job.ended(job) == ended


def test_j01_a_command_that_winds_up_with_143_is_cancelled(
    store: JobStore, start_job: JobStarter
) -> None:
    polite = 'trap "exit 143" TERM; echo ready; while :; do sleep 0.02; done'
    job = start_job.until_ready("/bin/sh", "-c", polite)
    ended = cancel_job(store, job.id, user="somebody")
    assert (ended.status, ended.exit_code, ended.signal) == (JobStatus.CANCELLED, 143, None)


def test_j01_a_command_that_ignores_term_is_killed_after_the_grace_time(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=0.4)
    started_s = time.monotonic()
    ended = cancel_job(store, job.id, user="somebody")
    assert 0.4 <= time.monotonic() - started_s < 2
    assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, 137)
    assert members(store, job) == []


def test_j01_a_daemonised_grandchild_that_ignores_term_ends_too(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(sys.executable, "-c", DAEMON, grace_s=0.3)
    grandchild = int(store.paths(job.id).stdout.read_text())
    assert not is_gone(grandchild)
    ended = cancel_job(store, job.id, user="somebody")
    assert ended.status is JobStatus.CANCELLED
    assert is_gone(grandchild)
    assert members(store, job) == []


def test_cancelling_twice_is_harmless(store: JobStore, start_job: JobStarter) -> None:
    job = start_job(*SLEEP)
    first = cancel_job(store, job.id, user="somebody")
    record = store.paths(job.id).meta.read_bytes()
    assert cancel_job(store, job.id, user="somebody else") == first
    assert store.paths(job.id).meta.read_bytes() == record


def test_two_at_once_both_hear_of_the_end(store: JobStore, start_job: JobStarter) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=0.3)
    ends: list[Job] = []
    threads = [
        threading.Thread(target=lambda: ends.append(cancel_job(store, job.id, user="somebody")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [end.status for end in ends] == [JobStatus.CANCELLED] * 2
    assert ends[0] == ends[1]


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
def test_a_job_that_has_ended_can_not_be_cancelled(store: JobStore, status: JobStatus) -> None:
    put(store, a_job(status=status))
    with pytest.raises(JobStateError) as caught:
        cancel_job(store, "job_aaaaaa", user="somebody")
    assert caught.value.status == status
    assert not store.paths("job_aaaaaa").cancel.exists()


def test_a_command_that_finishes_all_the_same_is_not_called_cancelled(
    store: JobStore, start_job: JobStarter
) -> None:
    deaf = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.02; done'
    job = start_job.until_ready("/bin/sh", "-c", deaf)
    ended = cancel_job(store, job.id, user="somebody")
    assert (ended.status, ended.exit_code) == (JobStatus.COMPLETED, 0)


def test_the_request_alone_is_enough_even_a_torn_one(
    store: JobStore, start_job: JobStarter
) -> None:
    # As from another host, from where no signal comes.
    requests = [b"", b"{", b"[]", b'{"grace_s": "soon"}', b'{"user": 1}']
    jobs = [start_job(*SLEEP) for _ in requests]
    for job, request in zip(jobs, requests, strict=True):
        store.paths(job.id).cancel.write_bytes(request)
    ends = [start_job.ended(job) for job in jobs]
    assert {end.status for end in ends} == {JobStatus.CANCELLED}
    assert all((end.reason or "").startswith("cancelled by ") for end in ends)


def test_a_request_may_say_how_long_the_grace_is(store: JobStore, start_job: JobStarter) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=60)
    store.paths(job.id).cancel.write_text(json.dumps({"user": "u", "host": "h", "grace_s": 0}))
    ended = start_job.ended(job)
    assert (ended.status, ended.exit_code, ended.reason) == (
        JobStatus.CANCELLED,
        137,
        "cancelled by u from h",
    )


def test_j01_an_unsupervised_job_is_cancelled_with_all_that_left_its_tree(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(sys.executable, "-c", DAEMON, grace_s=0.3)
    kill_supervisor(job)
    assert len(members(store, job)) == 2
    ended = cancel_job(store, job.id, user="somebody")
    assert (ended.status, ended.exit_code, ended.pid) == (JobStatus.CANCELLED, None, None)
    assert ended.reason == f"cancelled by somebody from {job.host}, its supervisor was gone"
    assert members(store, job) == []
    assert store.read(job.id) == ended


def test_two_cancels_of_an_unsupervised_job_agree(store: JobStore, start_job: JobStarter) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=0.3)
    kill_supervisor(job)
    code = (
        "import pathlib, sys\n"
        "from pdb_cli.jobs.cancel import cancel_job\nfrom pdb_cli.jobs.store import JobStore\n"
        "print(cancel_job(JobStore(pathlib.Path(sys.argv[1])), sys.argv[2], user='u').finished_at)"
    )
    command = [sys.executable, "-c", code, str(store.jobs_dir), job.id]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    # While they work, a reader never sees anything but a running or a cancelled job.
    seen = set()
    while any(process.poll() is None for process in both):
        seen.add(observe(store, job.id).job.status)
    answers = {process.communicate()[0] for process in both}
    assert len(answers) == 1
    assert seen <= {JobStatus.RUNNING, JobStatus.CANCELLED}
    assert store.read(job.id).status is JobStatus.CANCELLED


def test_a_supervisor_killed_during_the_cancel_is_stood_in_for(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(*STUBBORN, grace_s=1.0)
    assert job.supervisor is not None
    os.kill(job.supervisor.pid, signal.SIGSTOP)
    ends: list[Job] = []
    canceller = threading.Thread(
        target=lambda: ends.append(cancel_job(store, job.id, user="somebody"))
    )
    canceller.start()
    wait_until(store.paths(job.id).cancel.exists)
    kill_supervisor(job)
    canceller.join()
    assert [end.status for end in ends] == [JobStatus.CANCELLED]
    assert is_gone(pid_of_child(job))


def test_a_supervisor_that_does_not_act_is_told_about(
    store: JobStore, start_job: JobStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdb_cli.jobs.cancel._PATIENCE_S", 0.2)
    job = start_job(*SLEEP, grace_s=0.1)
    assert job.supervisor is not None
    os.kill(job.supervisor.pid, signal.SIGSTOP)
    with pytest.raises(JobStateError, match="still running"):
        cancel_job(store, job.id, user="somebody")
    os.kill(job.supervisor.pid, signal.SIGCONT)
    assert start_job.ended(job).status is JobStatus.CANCELLED


def test_a_canceller_inside_the_job_does_not_end_itself(
    store: JobStore, start_job: JobStarter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(*SLEEP)
    kill_supervisor(job)
    monkeypatch.setenv("PDB_CLI_JOB_DIR", str(store.paths(job.id).directory))
    code = (
        "import pathlib, sys\n"
        "from pdb_cli.jobs.cancel import cancel_job\nfrom pdb_cli.jobs.store import JobStore\n"
        "print(cancel_job(JobStore(pathlib.Path(sys.argv[1])), sys.argv[2], user='u').status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.jobs_dir), job.id],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "cancelled\n")
