"""Is a job alive? Real processes are killed; machines and hosts are changed in the record."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.index import read_index
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.liveness import Doubt, Observation, observe
from pdb_cli.jobs.locks import LockState, probe
from pdb_cli.jobs.model import JobStatus, ProcessIdentity
from support.jobs import (
    SLEEP,
    JobStarter,
    a_job,
    is_gone,
    kill_child,
    kill_supervisor,
    pid_of_child,
    put,
    racing_reads,
)
from support.processes import with_environment
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore


def note_of(store: JobStore) -> tuple[str, str]:
    """Return status and note of the only job in the list."""
    (row,) = list_jobs(store, which=JobFilter.ALL, now_s=time.time())
    return row.status, row.note


def rerun_hint(job: Job) -> str:
    """Return how the reason of a failed job ends."""
    return f"; go on with: pdb-cli jobs restart {job.id}"


def test_j02_a_killed_supervisor_is_unsupervised_then_lost(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job(*SLEEP)
    assert note_of(store) == ("running", "")
    kill_supervisor(job)
    seen = observe(store, job.id)
    assert seen == Observation(store.read(job.id), Doubt.UNSUPERVISED)
    assert seen.job.status is JobStatus.RUNNING
    assert note_of(store) == ("running", "unsupervised")
    kill_child(job)
    lost = observe(store, job.id)
    assert (lost.job.status, lost.job.exit_code, lost.job.pid) == (JobStatus.FAILED, None, None)
    assert lost.job.reason == (
        "lost: its supervisor and its command are gone (killed?)" + rerun_hint(job)
    )
    assert lost.job.finished_at is not None
    # The verdict is kept, in the record and in the index.
    assert store.read(job.id) == lost.job
    assert read_index(store)[job.id]["status"] == "failed"
    assert not store.paths(job.id).pid.exists()


def test_j02_both_killed_is_lost(store: JobStore, start_job: JobStarter) -> None:
    job = start_job(*SLEEP)
    kill_supervisor(job)
    kill_child(job)
    assert note_of(store) == ("failed", "")
    assert (store.read(job.id).reason or "").startswith("lost: ")


def test_j02_another_boot_is_a_restart_of_the_machine(store: JobStore) -> None:
    # Its pids are in use again, by this very process.
    alive = ProcessIdentity(os.getpid(), start_token_of(os.getpid()))
    job = put(
        store,
        a_job(
            status=JobStatus.RUNNING,
            boot_id="another",
            supervisor=alive,
            child=alive,
            finished_at=None,
            exit_code=None,
        ),
    )
    seen = observe(store, job.id)
    assert (seen.job.status, seen.job.exit_code) == (JobStatus.FAILED, None)
    assert seen.job.reason == "the machine restarted" + rerun_hint(job)


def test_j02_a_pid_that_is_used_again_is_not_the_job(store: JobStore) -> None:
    reused = ProcessIdentity(os.getpid(), "1")
    put(
        store,
        a_job(status=JobStatus.RUNNING, supervisor=reused, child=reused, finished_at=None),
    )
    assert note_of(store) == ("failed", "")
    assert (store.read("job_aaaaaa").reason or "").startswith("lost: ")


@pytest.mark.parametrize("change", [{"host": "login01"}, {"pid_namespace": "pid:[1]"}])
def test_j02_a_job_of_another_place_is_unknown_and_never_changed(
    store: JobStore, change: dict[str, str]
) -> None:
    gone = ProcessIdentity(2**22 + 1, "1")
    job = put(
        store,
        a_job(status=JobStatus.RUNNING, supervisor=gone, child=gone, finished_at=None, **change),
    )
    before = store.paths(job.id).meta.read_bytes()
    assert observe(store, job.id) == Observation(job, Doubt.UNKNOWN)
    assert note_of(store) == ("running", "unknown")
    assert clean_jobs(store, older_than_s=0, now_s=time.time()).removed == ()
    assert store.paths(job.id).meta.read_bytes() == before


def test_j02_a_job_of_another_place_whose_lock_is_held_runs(store: JobStore) -> None:
    job = put(store, a_job(status=JobStatus.RUNNING, host="login01", finished_at=None))
    with store.paths(job.id).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert observe(store, job.id) == Observation(job)


def test_a_command_recorded_by_a_dying_supervisor_is_not_called_lost(
    store: JobStore, start_job: JobStarter
) -> None:
    """A reader's copy of the record may be older than the command's pid in it."""
    job = start_job(*SLEEP)
    kill_supervisor(job)
    stale = job.with_changes(child=None)
    from pdb_cli.jobs.identity import this_place
    from pdb_cli.jobs.liveness import _record_lost

    assert _record_lost(store, stale, this_place()) == Observation(job, Doubt.UNSUPERVISED)
    kill_child(job)
    lost = _record_lost(store, stale, this_place())
    assert lost.job.status is JobStatus.FAILED
    # A verdict is given once: a reader that comes later, with an old copy too, finds it there.
    record = store.paths(job.id).meta.read_bytes()
    os.utime(store.paths(job.id).stdout, (time.time() + 60,) * 2)
    assert _record_lost(store, stale, this_place()) == lost
    assert store.paths(job.id).meta.read_bytes() == record


def test_j03_status_read_while_jobs_end_is_never_wrong(
    start_job: JobStarter,
) -> None:
    assert racing_reads(start_job, jobs=20) == []


def test_j03_a_job_of_another_host_that_ends_between_two_looks_has_ended(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = a_job(host="login01")
    put(store, ended.with_changes(status=JobStatus.RUNNING, finished_at=None, exit_code=None))

    def end_and_probe(path: Path) -> LockState:
        """Write the end just before the real look at the lock: no other moment is as bad."""
        store.write(ended)
        return probe(path)

    monkeypatch.setattr("pdb_cli.jobs.liveness.probe", end_and_probe)
    assert observe(store, ended.id) == Observation(ended)


NO_LOCKS = """
import ctypes, errno, platform, struct, sys

def deny_flock():
    '''Let the kernel refuse flock(2) to this process and its descendants (seccomp(2)).'''
    number = {"x86_64": 73, "aarch64": 32}[platform.machine()]
    def step(code, true, false, k):
        return struct.pack("HBBI", code, true, false, k)
    program = b"".join([
        step(0x20, 0, 0, 0),  # load the number of the system call
        step(0x15, 0, 1, number),
        step(0x06, 0, 0, 0x00050000 | errno.ENOLCK),
        step(0x06, 0, 0, 0x7FFF0000),  # allow everything else
    ])
    buffer = ctypes.create_string_buffer(program)
    filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, filter, 0, 0) == 0, ctypes.get_errno()

deny_flock()
import fcntl
try:
    fcntl.flock(sys.stdout, fcntl.LOCK_EX)
except OSError as error:
    assert error.errno == errno.ENOLCK
else:
    raise AssertionError("flock still works")
"""
WITHOUT_LOCKS = (
    NO_LOCKS
    + """
import os, pathlib, signal, time
sys.path[:0] = sys.argv[2:]
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.store import JobStore
from support.jobs import SLEEP, JobStarter, kill_child, kill_supervisor

store = JobStore(pathlib.Path(sys.argv[1]))
start = JobStarter(store, pathlib.Path("/"))

ends = start("/bin/sh", "-c", "sleep 0.2; exit 7")
assert ends.lock_works is False
assert observe(store, ends.id).job.status == "running"
assert start.ended(ends).exit_code == 7

cancelled = start(*SLEEP)
ended = cancel_job(store, cancelled.id, user="tester")
assert (ended.status, ended.exit_code) == ("cancelled", 143)

lost = start(*SLEEP)
kill_supervisor(lost)
assert observe(store, lost.id).doubt == "unsupervised"
kill_child(lost)
assert observe(store, lost.id).job.reason.startswith("lost: ")

orphan = start(*SLEEP)
kill_supervisor(orphan)
assert cancel_job(store, orphan.id, user="tester").status == "cancelled"

runs = start(*SLEEP)
assert clean_jobs(store, older_than_s=0, now_s=time.time() + 5).removed == tuple(
    sorted([ends.id, cancelled.id, lost.id, orphan.id])
)
assert [row.id for row in list_jobs(store, which=JobFilter.ALL, now_s=time.time())] == [runs.id]
cancel_job(store, runs.id, user="tester")
start.reap()
print("all well")
"""
)


def test_everything_works_where_locks_are_denied(store: JobStore) -> None:
    if not can_deny_locks():
        reason = "this kernel offers no seccomp filter to refuse flock(2) with"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LOCKS, str(store.jobs_dir), *sys.path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("all well\n", "")


def can_deny_locks() -> bool:
    """Tell whether flock can be refused for real here."""
    done = subprocess.run([sys.executable, "-c", NO_LOCKS], capture_output=True, check=False)
    return done.returncode == 0


def test_an_unreadable_record_is_listed_and_its_neighbours_too(store: JobStore) -> None:
    put(store, a_job("job_aaaaaa"))
    for job_id, data in {"job_bbbbbb": b'{"id": "job_b', "job_cccccc": b""}.items():
        put(store, a_job(job_id))
        store.paths(job_id).meta.write_bytes(data)
    rows = list_jobs(store, which=JobFilter.ALL, now_s=time.time())
    assert {row.id: row.status for row in rows} == {
        "job_aaaaaa": "completed",
        "job_bbbbbb": "unreadable",
        "job_cccccc": "unreadable",
    }


def test_a_record_torn_after_the_end_is_seen_though_the_index_knew_it(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job.ended(start_job("/bin/true"))
    wait_until(lambda: job.id in read_index(store))
    assert note_of(store) == ("completed", "")
    store.paths(job.id).meta.write_bytes(b"{")
    assert note_of(store) == ("unreadable", "meta.json is torn or not JSON")


def test_j06_a_job_directory_deleted_while_it_runs_breaks_nothing(
    store: JobStore, start_job: JobStarter, tmp_path: Path
) -> None:
    import shutil

    finished = tmp_path / "finished"
    job = start_job(
        "/bin/sh", "-c", f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo > {finished}"
    )
    shutil.rmtree(store.paths(job.id).directory)
    assert list_jobs(store, which=JobFilter.ALL, now_s=time.time()) == []
    (tmp_path / "go").touch()
    wait_until(finished.exists)
    wait_until(lambda: job.supervisor is not None and is_gone(job.supervisor.pid))
    assert list_jobs(store, which=JobFilter.ALL, now_s=time.time()) == []
    assert store.job_ids() == []


def test_the_system_stops_a_supervisor(start_job: JobStarter) -> None:
    job = start_job(*SLEEP)
    assert job.supervisor is not None
    os.kill(job.supervisor.pid, signal.SIGHUP)
    ended = start_job.ended(job)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 143)
    assert ended.reason == (
        "stopped by the system (logout, shutdown or scheduler)" + rerun_hint(job)
    )
    assert is_gone(pid_of_child(job))


def start_token_of(pid: int) -> str:
    """Return the token of a process that is alive."""
    from pdb_cli.jobs.identity import start_token

    token = start_token(pid)
    assert token is not None
    return token


def test_a_command_that_no_record_names_is_not_called_lost(store: JobStore) -> None:
    """Supervisor and caller may both die between starting the command and recording it."""
    gone = ProcessIdentity(2**22 + 1, "1")
    job = put(store, a_job(status=JobStatus.RUNNING, supervisor=gone, finished_at=None))
    folder = str(store.paths(job.id).directory)
    command = subprocess.Popen(SLEEP, env={"PDB_CLI_JOB_DIR": folder})
    try:
        wait_until(lambda: with_environment("PDB_CLI_JOB_DIR", folder))
        assert note_of(store) == ("running", "unsupervised")
        # A cancel finds it by the same mark.
        assert cancel_job(store, job.id, user="somebody").status is JobStatus.CANCELLED
        assert command.wait(timeout=5) == -signal.SIGTERM
    finally:
        command.kill()
        command.wait()
