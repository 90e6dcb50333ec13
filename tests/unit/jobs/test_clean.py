from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import FileAccessError
from pdb_cli.jobs.clean import CleanResult, clean_jobs, plan_clean
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.index import read_index, update_index
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import JobStatus, utc_text
from support.jobs import a_job, put

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

NOW_S = 1_800_000_000.0
DAY_S = 86_400.0


def old(job_id: str, days: float, **changes: object) -> Job:
    """Return the record of a job that ended some days ago."""
    return a_job(job_id, finished_at=utc_text(NOW_S - days * DAY_S), **changes)


def clean(store: JobStore, days: float = 7) -> CleanResult:
    return clean_jobs(store, older_than_s=days * DAY_S, now_s=NOW_S)


def test_only_jobs_that_ended_long_ago_are_removed(store: JobStore) -> None:
    put(store, old("job_aaaaaa", 8))
    put(store, old("job_bbbbbb", 7))
    put(store, old("job_cccccc", 6.9))
    put(store, old("job_dddddd", 99, status=JobStatus.FAILED))
    put(store, old("job_eeeeee", 99, status=JobStatus.CANCELLED))
    for job_id in store.job_ids():
        store.paths(job_id).stderr.touch()
        store.paths(job_id).log_link.symlink_to(f"{job_id}/stderr.log")
    update_index(store, [store.read(job_id) for job_id in store.job_ids()])
    result = clean(store)
    gone = ("job_aaaaaa", "job_bbbbbb", "job_dddddd", "job_eeeeee")
    assert result == CleanResult(removed=gone, unreadable=())
    assert list(read_index(store)) == ["job_cccccc"]
    assert {path.name for path in store.jobs_dir.iterdir()} == {
        "job_cccccc",
        "job_cccccc.log",
        "index.json",
        "index.lock",
    }
    assert clean(store) == CleanResult((), ())


def test_nothing_to_clean_leaves_no_trace(store: JobStore) -> None:
    assert clean(store, days=0) == CleanResult((), ())
    assert not store.jobs_dir.exists()


def test_j06_a_live_job_is_never_removed(store: JobStore) -> None:
    me = identify(os.getpid())
    for status in (JobStatus.RUNNING, JobStatus.QUEUED):
        put(store, old(f"job_{status[:6]:x<6}", 99, status=status, supervisor=me))
    put(store, old("job_unsupe", 99, status=JobStatus.RUNNING, child=me))
    assert clean(store, days=0) == CleanResult((), ())
    assert len(store.job_ids()) == 3


def test_j06_a_dead_running_job_is_removed(store: JobStore) -> None:
    job = put(store, a_job(status=JobStatus.RUNNING, finished_at=None))
    assert clean_jobs(store, older_than_s=0, now_s=time.time() + 1).removed == (job.id,)


def test_a_job_whose_supervisor_is_about_to_leave_is_waited_for(store: JobStore) -> None:
    import threading

    job = put(store, old("job_aaaaaa", 1))
    lock = JobLock(store.paths(job.id).lock)
    lock.acquire()
    timer = threading.Timer(0.1, lock.release)
    timer.start()
    assert clean(store, days=0).removed == (job.id,)
    timer.join()


def test_a_job_whose_lock_is_held_is_never_removed(store: JobStore) -> None:
    job = put(store, old("job_aaaaaa", 1))
    with JobLock(store.paths(job.id).lock) as lock:
        lock.acquire()
        assert clean(store, days=0) == CleanResult((), ())
    assert store.read(job.id) == job


def test_unreadable_records_stay(store: JobStore) -> None:
    put(store, old("job_aaaaaa", 99))
    put(store, old("job_bbbbbb", 99))
    put(store, old("job_cccccc", 99))
    store.paths("job_bbbbbb").meta.write_bytes(b"{")
    long_ago = NOW_S - 99 * DAY_S
    store.paths("job_cccccc").lock.touch()
    store.paths("job_cccccc").meta.unlink()
    os.utime(store.paths("job_cccccc").directory, (long_ago, long_ago))
    assert clean(store) == CleanResult(("job_aaaaaa",), ("job_bbbbbb", "job_cccccc"))
    assert store.paths("job_bbbbbb").meta.read_bytes() == b"{"


def test_a_reservation_that_never_became_a_job_is_removed(store: JobStore) -> None:
    paths = store.reserve()
    (paths.directory / "input.list").write_text("4hhb\n")
    # It may be one of a job that is just being started.
    assert clean_jobs(store, older_than_s=0, now_s=time.time() + 1) == CleanResult((), ())
    long_ago = time.time() - DAY_S
    os.utime(paths.directory, (long_ago, long_ago))
    assert clean_jobs(store, older_than_s=2 * DAY_S, now_s=time.time()) == CleanResult(
        (), (paths.job_id,)
    )
    assert clean_jobs(store, older_than_s=0, now_s=time.time()).removed == (paths.job_id,)


def test_links_are_not_followed(store: JobStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    paths = store.paths(put(store, old("job_aaaaaa", 9)).id)
    (paths.directory / "folder").symlink_to(outside)
    (paths.directory / "file").symlink_to(outside / "precious")
    paths.log_link.symlink_to(outside / "precious")
    (store.jobs_dir / "job_bbbbbb").symlink_to(outside)
    store.paths("job_cccccc").log_link.symlink_to(outside)
    assert clean(store).removed == ("job_aaaaaa",)
    assert (outside / "precious").read_text() == "x"
    assert (store.jobs_dir / "job_bbbbbb").is_symlink()


def test_a_record_that_can_not_be_removed_is_an_error_and_the_index_is_right(
    store: JobStore,
) -> None:
    for job_id in ("job_aaaaaa", "job_bbbbbb", "job_cccccc"):
        update_index(store, [put(store, old(job_id, 9))])
    # A directory where the link should be can not be unlinked, not even by root.
    store.paths("job_bbbbbb").log_link.mkdir()
    with pytest.raises(FileAccessError):
        clean(store)
    assert "job_aaaaaa" not in read_index(store)
    assert store.read("job_cccccc").id == "job_cccccc"


@pytest.mark.parametrize(
    ("days", "status", "keep", "gone"),
    [
        (7, None, 0, "abcd"),
        (7, JobStatus.FAILED, 0, "bd"),
        # The newest of all that ended are e, d and c: one of them is young, one did not fail.
        (7, None, 3, "ab"),
        (7, JobStatus.FAILED, 3, "b"),
        (0, None, 0, "abcde"),
        (0, None, 99, ""),
        (0, JobStatus.CANCELLED, 0, "e"),
        (30, None, 1, "a"),
    ],
)
def test_the_conditions_add_up(
    store: JobStore, days: float, status: JobStatus | None, keep: int, gone: str
) -> None:
    put(store, old("job_aaaaaa", 40))
    put(store, old("job_bbbbbb", 20, status=JobStatus.FAILED))
    put(store, old("job_cccccc", 19))
    put(store, old("job_dddddd", 18, status=JobStatus.FAILED))
    put(store, old("job_eeeeee", 1, status=JobStatus.CANCELLED))
    put(store, old("job_ffffff", 99, status=JobStatus.RUNNING, child=identify(os.getpid())))
    expected = tuple(f"job_{letter * 6}" for letter in gone)
    plan = plan_clean(store, older_than_s=days * DAY_S, now_s=NOW_S, status=status, keep=keep)
    assert tuple(job.id for job in plan.jobs) == expected
    assert len(store.job_ids()) == 6, "a plan removes nothing"
    result = clean_jobs(store, older_than_s=days * DAY_S, now_s=NOW_S, status=status, keep=keep)
    assert result == CleanResult(expected, ())
    assert len(store.job_ids()) == 6 - len(gone)


def test_what_never_started_did_not_fail_either(store: JobStore) -> None:
    paths = store.reserve()
    long_ago = time.time() - DAY_S
    os.utime(paths.directory, (long_ago, long_ago))
    now_s = time.time()
    failed = plan_clean(store, older_than_s=0, now_s=now_s, status=JobStatus.FAILED)
    assert failed.never_started == ()
    assert plan_clean(store, older_than_s=0, now_s=now_s, keep=9).never_started == (paths.job_id,)


def test_what_an_interrupted_removal_left_goes_with_the_next(store: JobStore) -> None:
    put(store, a_job())
    leaving = store.jobs_dir / ".job_bbbbbb.leaving"
    leaving.mkdir()
    (leaving / "stderr.log").touch()
    foreign = store.jobs_dir / ".mine.leaving"
    foreign.mkdir()
    dangling = store.paths("job_cccccc").log_link
    dangling.symlink_to("job_cccccc/stderr.log")
    file = store.paths("job_dddddd").log_link
    file.write_text("somebody's own")
    own = store.paths("job_aaaaaa").log_link
    own.symlink_to("job_aaaaaa/stderr.log")
    assert clean_jobs(store, older_than_s=10**9, now_s=time.time()).removed == ()
    assert not leaving.exists()
    assert not dangling.is_symlink()
    assert foreign.is_dir()
    assert file.exists()
    assert own.is_symlink()
    assert clean_jobs(store, older_than_s=0, now_s=time.time()).removed == ("job_aaaaaa",)
    assert not own.is_symlink()
    assert not list(store.jobs_dir.glob(".job*"))
