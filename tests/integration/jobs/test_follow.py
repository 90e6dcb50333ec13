"""Following a real job, in this process and through the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from pdb_cli.jobs.follow import Stream, follow_log
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.model import JobStatus
from support.jobs import JobStarter, kill_child, kill_supervisor, pid_of_child
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.jobs.follow import Chunk
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore
    from support.cli import CliRunner

TALKS = (
    "echo before >&2; while [ ! -e {go} ]; do sleep 0.02; done; echo data; echo after >&2; exit 5"
)
ENDLESS = ("/bin/sh", "-c", "echo ready; exec sleep 60")


def test_j04_a_follower_misses_nothing_and_ends_with_the_job(
    store: JobStore, start_job: JobStarter, tmp_path: Path
) -> None:
    job = start_job("/bin/sh", "-c", TALKS.format(go=tmp_path / "go"))
    following = follow_log(store, job.id, streams=[Stream.STDERR, Stream.STDOUT], last_lines=None)
    assert next(following).data == b"before\n"
    (tmp_path / "go").touch()
    rest = {Stream.STDERR: b"", Stream.STDOUT: b""}
    ended: list[Job] = []

    def follow_to_the_end() -> Iterator[Chunk]:
        ended.append((yield from following))

    for chunk in follow_to_the_end():
        rest[chunk.stream] += chunk.data
    assert rest == {Stream.STDERR: b"after\n", Stream.STDOUT: b"data\n"}
    assert [(job.status, job.exit_code) for job in ended] == [(JobStatus.FAILED, 5)]


def test_j04_a_follower_of_a_lost_job_ends(store: JobStore, start_job: JobStarter) -> None:
    job = start_job.until_ready(*ENDLESS)
    following = follow_log(store, job.id, streams=[Stream.STDOUT], last_lines=None)
    assert next(following).data == b"ready\n"
    kill_supervisor(job)
    kill_child(job)
    assert list(following) == []
    assert store.read(job.id).status is JobStatus.FAILED


def test_j04_the_command_ends_with_the_exit_code_of_the_job(
    start_job: JobStarter, run_cli: CliRunner
) -> None:
    start_job("/bin/sh", "-c", "echo message >&2; sleep 0.2; echo data; exit 7")
    done = run_cli("jobs", "log", "last", "--follow")
    assert (done.returncode, done.stdout) == (7, "message\ndata\n")


def follow(job: Job) -> subprocess.Popen[bytes]:
    """Start a follower, and wait until it has shown what a job says first."""
    follower = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "jobs", "log", job.id, "-f"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"ready\n"
    return follower


def test_interrupting_the_follower_does_not_touch_the_job(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.until_ready(*ENDLESS)
    follower = follow(job)
    follower.send_signal(signal.SIGINT)
    follower.communicate(timeout=10)
    assert follower.returncode == 130
    assert observe(store, job.id).job.status is JobStatus.RUNNING
    os.kill(pid_of_child(job), signal.SIGTERM)
    start_job.ended(job)


def test_j04_a_follower_of_a_job_that_is_deleted_ends_with_a_message(
    store: JobStore, start_job: JobStarter
) -> None:
    import shutil

    job = start_job.until_ready(*ENDLESS)
    follower = follow(job)
    shutil.rmtree(store.paths(job.id).directory)
    _, errors = follower.communicate(timeout=10)
    assert follower.returncode == 1
    assert len(errors.splitlines()) == 1
    assert job.id in errors.decode()
    os.kill(pid_of_child(job), signal.SIGTERM)
    wait_until(lambda: not store.paths(job.id).directory.exists())
