"""``jobs wait``: real jobs, seen to their end by the library and from the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import UnknownJobError, WaitTimeoutError
from pdb_cli.jobs.cancel import cancel_job, cancel_jobs
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.wait import wait_for_jobs
from support.jobs import SLEEP, JobStarter, kill_child, kill_supervisor
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.store import JobStore
    from support.cli import CliRunner


def held(path: Path, code: int) -> tuple[str, ...]:
    """Return a command that ends with a code as soon as a file is there."""
    return ("/bin/sh", "-c", f"while ! [ -e {path} ]; do sleep 0.02; done; exit {code}")


def test_jobs_come_as_they_end(store: JobStore, start_job: JobStarter, tmp_path: Path) -> None:
    gates = [tmp_path / name for name in "abc"]
    jobs = [start_job(*held(gate, code)) for code, gate in enumerate(gates)]
    waiting = wait_for_jobs(store, [job.id for job in jobs], timeout_s=20)
    for index in (2, 0, 1):
        gates[index].touch()
        ended = next(waiting)
        assert (ended.id, ended.exit_code) == (jobs[index].id, index)
        # The end is on the disk when it is told.
        assert store.read(ended.id) == ended
    assert list(waiting) == []


def test_an_unsupervised_job_is_waited_for_until_its_command_ends(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job(*SLEEP)
    kill_supervisor(job)
    with pytest.raises(WaitTimeoutError):
        next(wait_for_jobs(store, [job.id], timeout_s=0.2))
    kill_child(job)
    (ended,) = wait_for_jobs(store, [job.id], timeout_s=5)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, None)


def test_a_job_that_is_removed_meanwhile_is_unknown(store: JobStore, start_job: JobStarter) -> None:
    job = start_job(*SLEEP)
    waiting = wait_for_jobs(store, [job.id], timeout_s=20)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            next(waiting)
        except BaseException as error:  # noqa: BLE001 - for the other thread
            errors.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    directory = store.paths(job.id).directory
    shutil.rmtree(directory)
    waiter.join(timeout=10)
    assert [type(error) for error in errors] == [UnknownJobError]
    kill_child(job)


QUEUED = """
import os, pathlib, signal, sys
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.store import JobStore
store = JobStore(pathlib.Path(sys.argv[1]))
job = store.read(sys.argv[2])
lock = JobLock(store.paths(job.id).lock)
lock.acquire()
store.write(job.with_changes(supervisor=identify(os.getpid())))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
assert store.paths(job.id).cancel.exists()
store.write(job.with_changes(status=JobStatus.CANCELLED, finished_at=utc_now()))
"""
"""A supervisor that holds the lock of a job that waits for its turn, and ends when told."""


def test_a_queued_job_is_waited_for_and_cancelled_as_a_running_one(store: JobStore) -> None:
    from support.jobs import a_job, put

    put(store, a_job(status=JobStatus.QUEUED, finished_at=None, exit_code=None))
    with subprocess.Popen(
        [sys.executable, "-c", QUEUED, str(store.jobs_dir), "job_aaaaaa"], stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"ready\n"
        with pytest.raises(WaitTimeoutError):
            next(wait_for_jobs(store, ["job_aaaaaa"], timeout_s=0.1))
        ended = cancel_job(store, "job_aaaaaa", user="somebody")
        assert ended.status is JobStatus.CANCELLED
        assert supervisor.wait(timeout=5) == 0
    assert list(wait_for_jobs(store, ["job_aaaaaa"], timeout_s=5)) == [ended]


def test_the_exit_code_is_that_of_the_first_in_the_order_given_that_did_not_complete(
    start_job: JobStarter, run_cli: CliRunner
) -> None:
    jobs = [start_job("/bin/sh", "-c", f"exit {code}") for code in (0, 3, 7, 0)]
    well, three, seven, fine = (job.id for job in jobs)
    done = run_cli("jobs", "wait", well, seven, three)
    assert (done.returncode, done.stdout) == (7, "")
    lines = sorted(done.stderr.splitlines())
    assert f"{well} completed" in lines
    assert any(
        line.startswith(f"{three} failed: ended with exit code 3; go on with: ") for line in lines
    )
    assert len(lines) == 3
    done = run_cli("jobs", "wait", well, fine, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [(row["id"], row["status"], row["exit_code"]) for row in rows] == [
        (well, "completed", 0),
        (fine, "completed", 0),
    ]
    assert run_cli("jobs", "wait", three, three, "-o", "ids").stdout == f"{three}\n"


def test_any_is_done_with_the_first_end_and_its_code(
    store: JobStore, start_job: JobStarter, run_cli: CliRunner
) -> None:
    slow, quick = start_job(*SLEEP), start_job("/bin/sh", "-c", "exit 5")
    done = run_cli("jobs", "wait", "--any", slow.id, quick.id, "-o", "ids")
    assert (done.returncode, done.stdout) == (5, f"{quick.id}\n")
    assert store.read(slow.id).status is JobStatus.RUNNING
    cancel_job(store, slow.id, user="tester")
    # A job without an exit code counts as 1.
    lost = start_job(*SLEEP)
    kill_supervisor(lost)
    kill_child(lost)
    assert run_cli("jobs", "wait", "--any", lost.id).returncode == 1


def test_a_timeout_is_124_and_tells_what_ended_before(
    store: JobStore, start_job: JobStarter, run_cli: CliRunner
) -> None:
    slow, quick = start_job(*SLEEP), start_job.ended(start_job("/bin/true"))
    started_s = time.monotonic()
    done = run_cli("jobs", "wait", slow.id, quick.id, "--timeout", "0.3", "-o", "json")
    assert 0.3 <= time.monotonic() - started_s < 5
    assert done.returncode == 124
    assert [row["id"] for row in json.loads(done.stdout)] == [quick.id]
    assert done.stderr == f"pdb-cli: not ended after 0.3 s: {slow.id} (jobs go on)\n"
    assert store.read(slow.id).status is JobStatus.RUNNING
    cancel_job(store, slow.id, user="tester")


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", ""])
def test_a_timeout_is_a_number_of_seconds(run_cli: CliRunner, value: str) -> None:
    done = run_cli("jobs", "wait", "last", "--timeout", value)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_an_interrupt_ends_the_wait_and_not_the_job(store: JobStore, start_job: JobStarter) -> None:
    job = start_job(*SLEEP)
    quick = start_job.ended(start_job("/bin/true"))
    waiter = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "jobs", "wait", quick.id, job.id],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert waiter.stderr is not None
    # It says so when it has begun.
    assert waiter.stderr.readline() == f"{quick.id} completed\n"
    waiter.send_signal(signal.SIGINT)
    _, said = waiter.communicate(timeout=10)
    assert waiter.returncode == 130
    assert said.strip() == f"stopped waiting; still to end: {job.id} (jobs go on)"
    assert store.read(job.id).status is JobStatus.RUNNING
    cancel_job(store, job.id, user="tester")


def test_waiting_for_what_is_cancelled_meanwhile(
    store: JobStore, start_job: JobStarter, run_cli: CliRunner
) -> None:
    jobs = [start_job(*SLEEP) for _ in range(3)]
    wait_until(lambda: all(store.paths(job.id).pid.exists() for job in jobs))
    outcomes = list(cancel_jobs(store, [job.id for job in jobs], user="ann", reason="enough"))
    assert [getattr(item, "status", item) for item in outcomes] == [JobStatus.CANCELLED] * 3
    done = run_cli("jobs", "wait", *(job.id for job in jobs))
    assert done.returncode == 143
    assert done.stderr.splitlines()[0].endswith(": enough")
