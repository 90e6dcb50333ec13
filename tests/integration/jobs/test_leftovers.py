"""What a job leaves behind: processes, files on a full disk, requests that came too early."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import JobOutOfReachError, JobStartError
from pdb_cli.jobs import cancel as cancelling
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.follow import Stream, read_log
from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.locks import LockState, probe
from pdb_cli.jobs.log_cap import cap_log, kept_part
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.options import Handling
from pdb_cli.jobs.spawn import create_job, spawn_background
from pdb_cli.jobs.spawn import start_job as start_created
from pdb_cli.jobs.store import JobStore
from support.jobs import (
    SLEEP,
    JobStarter,
    a_job,
    changed_supervisor,
    is_gone,
    kill_child,
    kill_supervisor,
    pid_of_child,
    put,
)
from support.processes import with_environment
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.model import Job

RUNAWAY = "setsid sleep 60 >/dev/null 2>&1 & echo $! > pid.tmp; mv pid.tmp pid"


def runaway(folder: Path) -> int:
    """Wait for the pid of what a command left behind."""
    path = folder / "pid"
    wait_until(path.exists, what="the runaway")
    return int(path.read_text())


IMPATIENT = """
from pdb_cli.jobs import supervisor
supervisor._LEFTOVER_PATIENCE_S = -59.5
supervisor.main()
"""


def test_the_end_does_not_wait_for_what_can_not_be_ended(
    store: JobStore, start_job: JobStarter
) -> None:
    process, supervisor = changed_supervisor(IMPATIENT)
    # It ignores TERM, and patience ends before it is killed.
    stubborn = "trap '' TERM; echo \\$\\$ > pid.tmp; mv pid.tmp pid; exec sleep 60"
    code = f'setsid sh -c "{stubborn}" & while ! [ -e pid ]; do :; done; exit 3'
    job = start_job("/bin/sh", "-c", code, grace_s=60.0, supervisor=supervisor)
    process.wait(timeout=10)
    ended = start_job.ended(job)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 3)
    assert "could not be ended" in store.paths(job.id).supervisor_log.read_text()
    os.kill(runaway(start_job.cwd), signal.SIGKILL)


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_command_leaves_behind_ends_with_the_job(start_job: JobStarter, code: int) -> None:
    job = start_job.ended(start_job("/bin/sh", "-c", f"{RUNAWAY}; exit {code}"))
    assert job.exit_code == code
    assert is_gone(runaway(start_job.cwd))


def test_what_a_killed_command_leaves_behind_ends_with_the_job(start_job: JobStarter) -> None:
    job = start_job("/bin/sh", "-c", f"{RUNAWAY}; sleep 60")
    pid = runaway(start_job.cwd)
    kill_child(job)
    ended = start_job.ended(job)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 137)
    assert is_gone(pid)


def test_j02_a_job_whose_command_and_supervisor_are_gone_lives_in_what_they_started(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job("/bin/sh", "-c", f"{RUNAWAY}; sleep 60")
    pid = runaway(start_job.cwd)
    sleeper = wait_until(
        lambda: [p for p in with_environment(*store.paths(job.id).mark) if "sleep 60" in p.command]
    )
    kill_supervisor(job)
    kill_child(job)
    assert observe(store, job.id).doubt is Doubt.UNSUPERVISED
    assert cancel_job(store, job.id, user="ann").status is JobStatus.CANCELLED
    wait_until(lambda: is_gone(pid))
    for process in sleeper:
        wait_until(lambda process=process: is_gone(process.pid))  # type: ignore[misc]


def test_j01_a_job_is_the_same_by_whatever_way_its_directory_is_reached(
    store: JobStore, start_job: JobStarter, tmp_path: Path
) -> None:
    job = start_job(*SLEEP)
    link = tmp_path / "link"
    link.symlink_to(store.jobs_dir)
    kill_supervisor(job)
    other = JobStore(link)
    assert observe(other, job.id).doubt is Doubt.UNSUPERVISED
    runaway_pid = pid_of_child(job)
    assert cancel_job(other, job.id, user="ann").status is JobStatus.CANCELLED
    assert is_gone(runaway_pid)
    assert with_environment(*store.paths(job.id).mark) == []


def test_a_cancel_while_the_supervisor_comes_to_life_is_a_cancel(
    store: JobStore, start_job: JobStarter
) -> None:
    supervisor = start_job.supervisor()
    # As early as can be: its interpreter has hardly begun.
    os.kill(supervisor.pid, signal.SIGTERM)
    with pytest.raises(JobStartError, match="was cancelled before it was started"):
        spawn_background(
            store,
            lambda paths: [_request(paths.cancel), *SLEEP[1:]][1:],
            supervisor=supervisor,
            cwd="/",
            user="tester",
            command="download",
            handling=Handling(program=SLEEP[:1]),
        )
    (job_id,) = store.job_ids()
    job = store.read(job_id)
    assert (job.status, job.child, job.exit_code) == (JobStatus.CANCELLED, None, None)
    assert job.reason == "cancelled by ann from here, before it was started"


def _request(path: Path) -> str:
    """Leave a request for the end of a job that is just being made."""
    path.write_text(json.dumps({"user": "ann", "host": "here"}))
    return ""


def test_an_early_term_without_a_request_stops_the_job(start_job: JobStarter) -> None:
    supervisor = start_job.supervisor()
    os.kill(supervisor.pid, signal.SIGTERM)
    job = start_job(*SLEEP, supervisor=supervisor)
    ended = start_job.ended(job)
    assert ended.status is JobStatus.FAILED
    assert (ended.reason or "").startswith("stopped by the system")


def test_a_start_that_timed_out_is_not_run_later(store: JobStore, start_job: JobStarter) -> None:
    supervisor = start_job.supervisor()
    os.kill(supervisor.pid, signal.SIGSTOP)
    handling = Handling(answer_wait_s=0.1)
    with pytest.raises(JobStartError, match="did not answer"):
        start_job("/bin/sh", "-c", "touch ran", supervisor=supervisor, handling=handling)
    os.kill(supervisor.pid, signal.SIGCONT)
    (job_id,) = store.job_ids()
    ended = start_job.ended(store.read(job_id))
    assert (ended.status, ended.child) == (JobStatus.CANCELLED, None)
    start_job.reap()
    assert not (start_job.cwd / "ran").exists()


def test_j02_a_created_job_is_judged_where_it_was_started(
    store: JobStore, start_job: JobStarter
) -> None:
    job = create_job(store, lambda _: SLEEP[1:], cwd="/", user="tester", command="download")
    # As if it had been created before the machine restarted, or on another host.
    store.write(job.with_changes(host="login01", boot_id="earlier", pid_namespace="other"))
    supervisor = start_job.supervisor()
    started = start_created(
        store, job.id, supervisor=supervisor, handling=Handling(program=SLEEP[:1])
    )
    here = this_place()
    assert (started.host, started.boot_id, started.pid_namespace) == tuple(here)
    kill_supervisor(started)
    assert observe(store, job.id).doubt is Doubt.UNSUPERVISED
    cancel_job(store, job.id, user="ann")


def test_a_cancel_that_comes_too_late_for_a_created_job_ends_it_through_its_supervisor(
    store: JobStore, start_job: JobStarter
) -> None:
    job = create_job(store, lambda _: SLEEP[1:], cwd="/", user="tester", command="download")
    cancellation = cancelling._Cancellation(
        store, job.id, user="ann", reason=None, grace_s=None, force=False
    )
    seen = observe(store, job.id)
    assert seen.doubt is Doubt.NOT_STARTED
    supervisor = start_job.supervisor()
    start_created(store, job.id, supervisor=supervisor, handling=Handling(program=SLEEP[:1]))
    # What was seen before must not be acted on now.
    cancellation._stand_in(seen.job, [], note="before it was started")
    assert store.read(job.id).status is JobStatus.RUNNING
    assert cancel_job(store, job.id, user="ann").status is JobStatus.CANCELLED


def test_a_job_of_a_host_that_is_gone_says_what_can_be_done(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, a_job(host="login01", status=JobStatus.RUNNING, finished_at=None, grace_s=0.0))
    lock = store.paths("job_aaaaaa").lock
    lock.touch()
    os.utime(lock, (1_000_000_000, 1_000_000_000))
    monkeypatch.setattr(cancelling, "_PATIENCE_S", 0.1)
    with pytest.raises(JobOutOfReachError) as caught:
        cancel_job(store, "job_aaaaaa", user="ann", force=True)
    error = caught.value
    assert (error.host, error.last_seen_s) == ("login01", 1_000_000_000)
    assert error.directory == store.paths("job_aaaaaa").directory
    assert store.read("job_aaaaaa").status is JobStatus.RUNNING
    assert probe(lock) is LockState.FREE


@pytest.fixture
def cut_log(store: JobStore) -> Job:
    job = put(store, a_job())
    log = store.paths(job.id).stderr
    with log.open("ab", buffering=0) as writer:
        writer.write(b"one\ntwo\nthree\n")
        assert cap_log(log, max_bytes=1)
        writer.write(b"four\nfive")
    return job


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (None, b"one\ntwo\nthree\nfour\nfive"),
        (4, b"two\nthree\nfour\nfive"),
        (3, b"three\nfour\nfive"),
        (2, b"four\nfive"),
        (1, b"five"),
        (0, b""),
        (99, b"one\ntwo\nthree\nfour\nfive"),
    ],
)
def test_the_log_goes_on_across_a_cut(
    store: JobStore, cut_log: Job, lines: int | None, shown: bytes
) -> None:
    chunks = read_log(store, cut_log.id, streams=[Stream.STDERR], last_lines=lines)
    assert b"".join(chunk.data for chunk in chunks) == shown


def test_the_reason_of_a_job_is_found_across_a_cut(start_job: JobStarter, store: JobStore) -> None:
    script = "echo the reason >&2; while ! [ -e go ]; do sleep 0.02; done; exit 5"
    job = start_job("/bin/sh", "-c", script, handling=Handling(log_max_bytes=5))
    wait_until(kept_part(store.paths(job.id).stderr).exists, what="the cut")
    (start_job.cwd / "go").touch()
    assert (start_job.ended(job).reason or "").startswith("the reason; ")
