"""Jobs of other containers, hosts and boots: real namespaces, one jobs directory.

From elsewhere nothing can be proven about a job but that its lock is held. So it is running or
unknown, and its record is left alone; who lives where it ran finds out the truth.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import JobOutOfReachError
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.locks import LockState, probe
from pdb_cli.jobs.model import JobStatus
from support.jobs import SLEEP, JobStarter, kill_child, kill_supervisor
from support.namespaces import Elsewhere, boot, container, container_that_chooses_pids, host
from support.processes import with_environment
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore
    from support.cli import CliRunner


def age_heartbeat(store: JobStore, job_id: str) -> None:
    """Let two minutes pass since the last heartbeat of a job, whose supervisor is dead."""
    lock = store.paths(job_id).lock
    assert probe(lock) is LockState.FREE
    os.utime(lock, (time.time() - 120, time.time() - 120))


def assert_left_alone(store: JobStore, job_id: str, record: bytes) -> None:
    """Check that a job is unknown from here, whatever is done, and that its record stays."""
    # A fresh heartbeat would still speak for it.
    age_heartbeat(store, job_id)
    assert observe(store, job_id).doubt is Doubt.UNKNOWN
    assert clean_jobs(store, older_than_s=0, now_s=time.time() + 60).removed == ()
    assert store.paths(job_id).meta.read_bytes() == record


def members(store: JobStore, job_id: str) -> list[int]:
    """Return the processes of a job, by the pids they have here."""
    folder = str(store.paths(job_id).directory)
    return [process.pid for process in with_environment("PDB_CLI_JOB_DIR", folder)]


def test_j02_a_job_of_a_container_runs_and_can_be_cancelled_from_outside(store: JobStore) -> None:
    with Elsewhere(container(), store) as inside:
        job_id = inside.start(*SLEEP)
        job = store.read(job_id)
        assert job.host == this_place().host
        assert job.pid_namespace not in {None, this_place().pid_namespace}
        record = store.paths(job_id).meta.read_bytes()
        assert observe(store, job_id).doubt is Doubt.NONE
        assert store.paths(job_id).meta.read_bytes() == record
        assert len(members(store, job_id)) == 1
        # Its supervisor's pid means another process here: the request alone must do.
        ended = cancel_job(store, job_id, user="somebody")
        assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, 143)
        assert members(store, job_id) == []
        assert inside.see(job_id)[0] == "cancelled"


def test_j02_a_job_of_a_container_that_is_gone_is_unknown_and_never_changed(
    store: JobStore, run_cli: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Elsewhere(container(), store) as inside:
        job_id = inside.start(*SLEEP)
        record = store.paths(job_id).meta.read_bytes()
    wait_until(lambda: probe(store.paths(job_id).lock) is LockState.FREE)
    assert members(store, job_id) == []
    assert_left_alone(store, job_id, record)
    assert "unknown (" in run_cli("jobs").stdout
    monkeypatch.setattr("pdb_cli.jobs.cancel._PATIENCE_S", 0.1)
    with pytest.raises(JobOutOfReachError):
        cancel_job(store, job_id, user="somebody")
    assert_left_alone(store, job_id, record)


def test_j02_a_job_seen_from_inside_a_container_is_never_called_lost(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job(*SLEEP)
    record = store.paths(job.id).meta.read_bytes()
    with Elsewhere(container(), store) as inside:
        assert inside.see(job.id) == ("running", "", "")
        kill_supervisor(job)
        assert inside.see(job.id) == ("running", "", "")
        age_heartbeat(store, job.id)
        assert inside.see(job.id) == ("running", "unknown", "")
        kill_child(job)
        assert inside.see(job.id) == ("running", "unknown", "")
    assert store.paths(job.id).meta.read_bytes() == record
    assert (observe(store, job.id).job.reason or "").startswith("lost: ")


def test_j02_a_job_of_another_host_is_judged_by_that_host_alone(store: JobStore) -> None:
    here = this_place().host
    with Elsewhere(host("login01"), store) as login01:
        job_id = login01.start(*SLEEP)
        job = store.read(job_id)
        assert (job.host, this_place().host) == ("login01", here)
        # Held: it runs. Free: nobody here can tell, although the command is alive.
        assert observe(store, job_id).doubt is Doubt.NONE
        record = store.paths(job_id).meta.read_bytes()
        kill_supervisor(job)
        assert_left_alone(store, job_id, record)
        assert login01.see(job_id) == ("running", "unsupervised", "")
        kill_child(job)
        assert_left_alone(store, job_id, record)
        assert login01.see(job_id)[0] == "failed"
    assert observe(store, job_id).doubt is Doubt.NONE
    assert (store.read(job_id).reason or "").startswith("lost: ")


def test_j01_a_job_of_another_host_is_cancelled_by_the_request_alone(store: JobStore) -> None:
    with Elsewhere(host("login01"), store) as login01:
        job_id = login01.start(*SLEEP)
        ended = cancel_job(store, job_id, user="somebody")
        assert (ended.status, ended.exit_code) == (JobStatus.CANCELLED, 143)
        assert ended.reason == f"cancelled by somebody from {this_place().host}"


def test_j02_a_job_of_an_earlier_boot_ended_with_it(store: JobStore, tmp_path: Path) -> None:
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("0d5c3cfb-4ab9-4dd5-a8e3-8dd3b8a9a4f0\n")
    with Elsewhere(boot(boot_id), store) as earlier:
        job_id = earlier.start(*SLEEP)
        job: Job = store.read(job_id)
        assert job.boot_id == "0d5c3cfb-4ab9-4dd5-a8e3-8dd3b8a9a4f0"
        assert observe(store, job_id).doubt is Doubt.NONE
        kill_supervisor(job)
        kill_child(job)
    seen = observe(store, job_id).job
    assert (seen.status, seen.exit_code) == (JobStatus.FAILED, None)
    assert (seen.reason or "").startswith("the machine restarted; go on with: ")


PID_REUSE = """
import os, pathlib, subprocess, sys
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.store import JobStore
from support.jobs import SLEEP, JobStarter, is_gone, kill_child, kill_supervisor, pid_of_child

def stranger(pid):
    '''Start a process that gets a certain pid.'''
    pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    process = subprocess.Popen(SLEEP)
    assert process.pid == pid, (process.pid, pid)
    return process

store = JobStore(pathlib.Path(sys.argv[1]))
start = JobStarter(store, pathlib.Path("/"))

# Of a dead job both pids are used again: it is lost all the same.
dead = start(*SLEEP)
kill_supervisor(dead)
kill_child(dead)
# As the first process of this container we are the one who collects the dead.
for pid in (dead.supervisor.pid, pid_of_child(dead)):
    os.waitpid(pid, 0)
others = [stranger(dead.supervisor.pid), stranger(pid_of_child(dead))]
assert observe(store, dead.id).job.reason.startswith("lost: ")

# A cancel ends the orphaned command, and not who has its supervisor's pid.
orphan = start(*SLEEP)
kill_supervisor(orphan)
os.waitpid(orphan.supervisor.pid, 0)
others.append(stranger(orphan.supervisor.pid))
assert observe(store, orphan.id).doubt == "unsupervised"
assert cancel_job(store, orphan.id, user="tester").status == "cancelled"
assert is_gone(pid_of_child(orphan))
assert [other.poll() for other in others] == [None, None, None]
for other in others:
    other.kill()
print("all well")
"""


def test_j02_pids_that_the_kernel_gives_to_others_are_not_the_job(store: JobStore) -> None:
    place = container_that_chooses_pids()
    done = subprocess.run(
        [*place, sys.executable, "-c", PID_REUSE, str(store.jobs_dir)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("all well\n", "")
