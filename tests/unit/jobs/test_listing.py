from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.model import JobStatus, utc_text
from pdb_cli.jobs.progress import Progress, write_progress
from support.jobs import a_job, put

if TYPE_CHECKING:
    from pdb_cli.jobs.store import JobStore

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0


def ids(store: JobStore, which: JobFilter) -> list[str]:
    return [row.id for row in list_jobs(store, which=which, now_s=NOW_S)]


def test_each_filter_shows_what_it_says_newest_first(store: JobStore) -> None:
    me = identify(os.getpid())
    live: dict[str, object] = {"supervisor": me, "finished_at": None, "exit_code": None}
    jobs: list[tuple[str, float, dict[str, object]]] = [
        ("job_oldend", 50.0, {"finished_at": utc_text(NOW_S - 25 * HOUR_S)}),
        ("job_recent", 49.0, {"finished_at": utc_text(NOW_S - 23 * HOUR_S)}),
        ("job_runner", 99.0, {"status": JobStatus.RUNNING, **live}),
        ("job_queued", 1.0, {"status": JobStatus.QUEUED, **live}),
    ]
    for job_id, started_h, changes in jobs:
        put(store, a_job(job_id, started_at=utc_text(NOW_S - started_h * HOUR_S), **changes))
    put(store, a_job("job_broken"))
    store.paths("job_broken").meta.write_bytes(b"")
    expected = ["job_queued", "job_recent", "job_oldend", "job_runner", "job_broken"]
    for _ in range(2):  # from the records, then from the index
        assert ids(store, JobFilter.ALL) == expected
        assert ids(store, JobFilter.RECENT) == [
            job_id for job_id in expected if job_id != "job_oldend"
        ]
        assert ids(store, JobFilter.RUNNING) == ["job_runner"]


def test_a_row_holds_what_the_record_says(store: JobStore) -> None:
    job = put(store, a_job(label="weekly", status=JobStatus.CANCELLED))
    for _ in range(2):
        (row,) = list_jobs(store, which=JobFilter.ALL, now_s=NOW_S)
        assert row.id == job.id
        assert (row.status, row.note) == ("cancelled", "")
        assert (row.command, row.label, row.host) == (job.command, job.label, job.host)
        assert (row.started_at, row.finished_at) == (job.started_at, job.finished_at)


def test_no_jobs_are_an_empty_list(store: JobStore) -> None:
    assert list_jobs(store, which=JobFilter.ALL, now_s=NOW_S) == []
    assert not store.jobs_dir.exists()


def test_a_job_that_is_just_being_made_is_not_shown(store: JobStore) -> None:
    store.reserve()
    assert ids(store, JobFilter.ALL) == []


def test_only_a_running_job_has_progress(store: JobStore) -> None:
    me = identify(os.getpid())
    snapshot = Progress(4, 1, 0, 10, phase="downloading")
    live: dict[str, object] = {"supervisor": me, "finished_at": None, "exit_code": None}
    put(store, a_job("job_runner", status=JobStatus.RUNNING, **live))
    put(store, a_job("job_silent", status=JobStatus.RUNNING, **live))
    put(store, a_job("job_queued", status=JobStatus.QUEUED, **live))
    put(store, a_job("job_ended1"))
    for job_id in ("job_runner", "job_queued", "job_ended1"):
        write_progress(store.paths(job_id).progress, snapshot)
    store.paths("job_silent").progress.write_bytes(b"{torn")
    for _ in range(2):
        rows = list_jobs(store, which=JobFilter.ALL, now_s=NOW_S)
        assert {row.id: row.progress for row in rows} == {
            "job_runner": snapshot,
            "job_silent": None,
            "job_queued": None,
            "job_ended1": None,
        }
