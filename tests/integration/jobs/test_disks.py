"""Full disks and read-only directories, made by mounting real file systems."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import FileAccessError, JobStartError
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.locks import LockState, probe
from pdb_cli.jobs.log_cap import cap_log, kept_part
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.options import Handling
from pdb_cli.jobs.spawn import spawn_background
from support.jobs import (
    SLEEP,
    JobStarter,
    a_job,
    changed_supervisor,
    is_gone,
    kill_child,
    kill_supervisor,
    put,
)
from support.processes import with_environment
from support.read_only_mount import fill, read_only
from support.small_disk import small_disk
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

DISK_BYTES = 256 * 1024


@pytest.fixture
def disk(store: JobStore) -> Iterator[Path]:
    """Return the jobs directory, a file system of its own with room for some jobs."""
    with small_disk(store.jobs_dir, size_bytes=DISK_BYTES) as path:
        yield path


def statuses(store: JobStore) -> dict[str, str]:
    """Return the list of jobs as it is shown."""
    rows = list_jobs(store, which=JobFilter.ALL, now_s=time.time())
    return {row.id: row.status for row in rows}


def leftovers(path: Path) -> list[str]:
    """Return temporary files that somebody forgot."""
    return [str(found) for found in path.rglob("*.tmp")]


def test_a_job_that_fills_the_disk_ends_with_its_own_reason(
    disk: Path, store: JobStore, start_job: JobStarter
) -> None:
    put(store, a_job())
    # Only when the supervisor has written that it runs (the file pid comes last), not before.
    started = 'until [ -e "$PDB_CLI_JOB_DIR/pid" ]; do sleep 0.01; done'
    job = start_job("/bin/sh", "-c", f"{started}; exec 2>&1; yes x; echo unseen; exit 1")
    # The log has taken all the room, so the end can not be written; it is tried again and again.
    assert job.supervisor is not None
    assert job.child is not None
    wait_until(lambda: is_gone(job.child.pid))  # type: ignore[union-attr]
    assert statuses(store) == {"job_aaaaaa": "completed", job.id: "running"}
    assert probe(store.paths(job.id).lock) is LockState.HELD
    os.truncate(store.paths(job.id).stdout, 0)
    ended = start_job.ended(job)
    assert (ended.status, ended.exit_code) == (JobStatus.FAILED, 1)
    assert leftovers(disk) == []


def test_an_end_is_recorded_as_soon_as_there_is_room(
    disk: Path, store: JobStore, start_job: JobStarter
) -> None:
    job = start_job(*SLEEP)
    ballast = fill(disk)
    before = store.paths(job.id).meta.read_bytes()
    kill_child(job)
    for _ in range(20):
        # Old and whole, never torn.
        assert store.paths(job.id).meta.read_bytes() == before
        assert observe(store, job.id).job.status is JobStatus.RUNNING
    ballast.unlink()
    ended = start_job.ended(job)
    assert (ended.status, ended.signal) == (JobStatus.FAILED, "SIGKILL")


def test_no_job_is_started_on_a_full_disk_and_nothing_is_left(
    disk: Path, store: JobStore, start_job: JobStarter
) -> None:
    put(store, a_job())
    fill(disk)
    with pytest.raises(FileAccessError) as caught:
        start_job(*SLEEP)
    assert caught.value.errno == errno.ENOSPC
    assert statuses(store) == {"job_aaaaaa": "completed"}
    assert {path.name for path in disk.iterdir()} - {"index.lock"} == {"job_aaaaaa", "ballast"}


def test_a_start_that_can_not_be_recorded_leaves_no_process(
    disk: Path, store: JobStore, start_job: JobStarter
) -> None:
    """The disk fills up between the caller's record and the supervisor's."""

    class Filling(tuple[str, ...]):
        """Fills the disk when the request is put together, after the record was written."""

        __slots__ = ()

        def __iter__(self) -> Iterator[str]:
            fill(disk)
            return super().__iter__()

    supervisor = start_job.supervisor()
    with pytest.raises(JobStartError, match=r"could not start: .* No space left on device"):
        spawn_background(
            store,
            lambda _: SLEEP[1:],
            supervisor=supervisor,
            cwd="/",
            user="tester",
            command="download",
            handling=Handling(program=Filling(SLEEP[:1])),
        )
    (job_id,) = store.job_ids()
    folder = str(store.paths(job_id).directory)
    wait_until(lambda: is_gone(supervisor.pid))
    assert with_environment("PDB_CLI_JOB_DIR", folder) == []
    # The verdict is shown although it can not be written yet.
    assert statuses(store) == {job_id: "failed"}
    assert store.read(job_id).status is JobStatus.RUNNING
    (disk / "ballast").unlink()
    assert statuses(store) == {job_id: "failed"}
    assert store.read(job_id).status is JobStatus.FAILED


def test_a_job_on_a_full_disk_can_be_cancelled(
    disk: Path, store: JobStore, start_job: JobStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_job(*SLEEP)
    ballast = fill(disk)
    monkeypatch.setattr("pdb_cli.jobs.cancel._PATIENCE_S", 60)
    cancel_request = store.paths(job.id).cancel
    ends: list[Job] = []
    canceller = threading.Thread(
        target=lambda: ends.append(cancel_job(store, job.id, user="somebody"))
    )
    canceller.start()
    wait_until(cancel_request.exists)
    assert job.child is not None
    wait_until(lambda: is_gone(job.child.pid))  # type: ignore[union-attr]
    ballast.unlink()
    canceller.join()
    assert [end.status for end in ends] == [JobStatus.CANCELLED]


IMPATIENT = """
import sys
from pdb_cli.jobs import supervisor

supervisor._WRITE_PATIENCE_S = 0.2
sys.exit(supervisor.main())
"""


def test_an_end_that_can_never_be_recorded_is_left_in_the_supervisors_log(
    store: JobStore, start_job: JobStarter
) -> None:
    process, supervisor = changed_supervisor(IMPATIENT)
    job = start_job("/bin/sh", "-c", "sleep 60; exit 9", supervisor=supervisor)
    with read_only(store.paths(job.id).directory):
        kill_child(job)
        process.wait(timeout=10)
    (line,) = store.paths(job.id).supervisor_log.read_text().splitlines()
    stamp, _, words = line.partition(" ")
    assert stamp.endswith("Z")
    assert words == (
        f"the end of {job.id} could not be recorded: it failed, exit code 137 "
        f"(can not write {store.paths(job.id).meta}: Read-only file system)"
    )
    assert (start_job.ended(job).reason or "").startswith("lost: ")
    for left in with_environment("PDB_CLI_JOB_DIR", str(store.paths(job.id).directory)):
        os.kill(left.pid, signal.SIGKILL)


def test_lost_jobs_below_a_read_only_directory_are_shown_and_not_changed(
    store: JobStore, start_job: JobStarter
) -> None:
    put(store, a_job())
    job = start_job(*SLEEP)
    kill_supervisor(job)
    kill_child(job)
    before = store.paths(job.id).meta.read_bytes()
    with read_only(store.jobs_dir):
        assert statuses(store) == {"job_aaaaaa": "completed", job.id: "failed"}
        assert (observe(store, job.id).job.reason or "").startswith("lost: ")
        with pytest.raises(FileAccessError) as caught:
            clean_jobs(store, older_than_s=0, now_s=time.time())
        assert caught.value.errno == errno.EROFS
        assert store.paths(job.id).meta.read_bytes() == before
    assert store.read("job_aaaaaa").status is JobStatus.COMPLETED


def test_a_running_job_below_a_read_only_directory_runs_on(
    store: JobStore, start_job: JobStarter
) -> None:
    job = start_job(*SLEEP)
    with read_only(store.jobs_dir):
        assert statuses(store) == {job.id: "running"}
        with pytest.raises(FileAccessError) as caught:
            cancel_job(store, job.id, user="somebody")
        assert caught.value.errno == errno.EROFS
        assert not is_gone(job.child.pid)  # type: ignore[union-attr]
    cancel_job(store, job.id, user="somebody")


def test_no_job_is_started_in_a_read_only_directory(store: JobStore, start_job: JobStarter) -> None:
    store.jobs_dir.mkdir()
    with read_only(store.jobs_dir), pytest.raises(FileAccessError) as caught:
        start_job(*SLEEP)
    assert caught.value.errno == errno.EROFS
    assert caught.value.path == store.jobs_dir


def test_a_jobs_directory_that_is_a_file_is_an_error(
    store: JobStore, start_job: JobStarter
) -> None:
    store.jobs_dir.write_text("")
    with pytest.raises(FileAccessError):
        start_job(*SLEEP)
    with pytest.raises(FileAccessError):
        statuses(store)


def test_a_log_is_not_cut_where_its_copy_would_leave_no_room_for_the_end(
    disk: Path, store: JobStore
) -> None:
    job = put(store, a_job())
    log = store.paths(job.id).stderr
    free_bytes = shutil.disk_usage(disk).free
    log.write_bytes(b"x" * (free_bytes // 4))
    with pytest.raises(OSError, match="No space left") as caught:
        cap_log(log, max_bytes=1000)
    assert caught.value.errno == errno.ENOSPC
    assert log.stat().st_size == free_bytes // 4
    assert leftovers(disk) == []
    assert not kept_part(log).exists()
    store.write(job)
