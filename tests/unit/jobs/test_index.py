from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.jobs.index import read_index, repair_index, update_index
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.model import JobStatus
from support.jobs import a_job, put

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.jobs.index import IndexEntry
    from pdb_cli.jobs.store import JobStore


def index_path(store: JobStore) -> Path:
    return store.jobs_dir / "index.json"


def repair(store: JobStore) -> dict[str, IndexEntry]:
    return repair_index(store, store.job_ids())


def ids_of(store: JobStore) -> list[str]:
    return sorted(read_index(store))


@pytest.fixture
def three(store: JobStore) -> list[str]:
    """Return the ids of three jobs that ended; the index is right."""
    ids = ["job_aaaaaa", "job_bbbbbb", "job_cccccc"]
    update_index(store, [put(store, a_job(job_id)) for job_id in ids])
    return ids


def test_an_update_sets_and_drops_entries(store: JobStore, three: list[str]) -> None:
    assert ids_of(store) == three
    job = a_job("job_aaaaaa", status=JobStatus.FAILED, label="weekly")
    store.write(job)
    assert update_index(store, [job], removed=["job_bbbbbb", "job_zzzzzz"])
    assert ids_of(store) == ["job_aaaaaa", "job_cccccc"]
    entry = read_index(store)["job_aaaaaa"]
    assert (entry["status"], entry["label"], entry["command"]) == (
        "failed",
        "weekly",
        "download 4hhb",
    )
    assert index_path(store).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"\0" * 512,
        b"[" * 100_000,
        b'{"schema": 2, "jobs": {}}',
        b'{"schema": 1}',
        b'{"schema": 1, "jobs": []}',
        b'{"schema": 1, "jobs": {"job_aaaaaa": null, "../x": {}, "job_bbbbbb": {"status": 1}}}',
    ],
)
def test_an_index_that_is_missing_torn_or_foreign_is_rebuilt(
    store: JobStore, three: list[str], data: bytes | None
) -> None:
    right = index_path(store).read_bytes()
    index_path(store).unlink()
    if data is not None:
        index_path(store).write_bytes(data)
    assert sorted(repair(store)) == three
    assert json.loads(index_path(store).read_bytes()) == json.loads(right)


def test_an_index_of_another_directory_is_not_believed(store: JobStore, three: list[str]) -> None:
    document = json.loads(index_path(store).read_bytes())
    for entry in document["jobs"].values():
        entry |= {"status": "cancelled", "stamp": "1-2-3"}
    document["jobs"]["job_zzzzzz"] = document["jobs"]["job_aaaaaa"]
    index_path(store).write_text(json.dumps(document))
    rows = list_jobs(store, which=JobFilter.ALL, now_s=time.time())
    assert {row.id: row.status for row in rows} == dict.fromkeys(three, "completed")
    assert ids_of(store) == three


def test_a_record_that_changed_is_read_again(store: JobStore, three: list[str]) -> None:
    store.write(a_job("job_bbbbbb", status=JobStatus.FAILED))
    assert repair(store)["job_bbbbbb"]["status"] == "failed"
    store.paths("job_cccccc").meta.write_bytes(b"{")
    assert sorted(repair(store)) == three[:2]
    assert ids_of(store) == three[:2]


def test_a_running_job_is_never_believed_to_run(store: JobStore) -> None:
    job = put(store, a_job(status=JobStatus.RUNNING, finished_at=None))
    update_index(store, [job])
    stamp = store.paths(job.id).meta.stat()
    ended = a_job(status=JobStatus.FAILED)
    store.write(ended)
    os.utime(store.paths(job.id).meta, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert repair(store)[job.id]["status"] == "failed"


def test_directories_that_are_gone_leave_the_index(store: JobStore, three: list[str]) -> None:
    for path in store.paths("job_aaaaaa").directory.iterdir():
        path.unlink()
    store.paths("job_aaaaaa").directory.rmdir()
    assert sorted(repair(store)) == three[1:]
    assert ids_of(store) == three[1:]


def test_a_right_index_is_not_rewritten(store: JobStore, three: list[str]) -> None:
    before = index_path(store).stat()
    assert sorted(repair(store)) == three
    assert index_path(store).stat() == before


@pytest.mark.parametrize(
    "key", ["status", "command", "started_at", "finished_at", "host", "label", "stamp"]
)
def test_an_entry_with_a_value_of_the_wrong_kind_is_not_believed(
    store: JobStore, three: list[str], key: str
) -> None:
    document = json.loads(index_path(store).read_bytes())
    document["jobs"]["job_aaaaaa"][key] = [1]
    index_path(store).write_text(json.dumps(document))
    assert ids_of(store) == three[1:]
    assert sorted(repair(store)) == three
    assert ids_of(store) == three


def test_any_text_fits_into_the_index(store: JobStore) -> None:
    job = put(store, a_job(command="\ud800 \udcff\nü", label="\udcff"))
    assert update_index(store, [job])
    assert read_index(store)[job.id]["command"] == job.command


def test_a_reader_does_not_wait_for_the_lock(store: JobStore, three: list[str]) -> None:
    index_path(store).unlink()
    with (store.jobs_dir / "index.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started_s = time.monotonic()
        assert sorted(repair(store)) == three
        assert time.monotonic() - started_s < 1
    assert not index_path(store).exists()


def test_a_writer_gives_up_in_the_end(
    store: JobStore, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdb_cli.jobs.index._LOCK_WAIT_S", 0.1)
    with (store.jobs_dir / "index.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not update_index(store, [], removed=three)
    assert ids_of(store) == three


def test_no_directory_means_no_index(store: JobStore) -> None:
    assert not update_index(store, [a_job()])
    assert repair(store) == {}
    assert not store.jobs_dir.exists()


def _update_many(store: JobStore, ids: list[str], start: Any) -> None:
    start.wait()
    for job_id in ids:
        update_index(store, [put(store, a_job(job_id))])


def test_j03_eight_writers_lose_nothing(store: JobStore) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(8)
    ids = [[f"job_{writer}{number:05}" for number in range(12)] for writer in range(8)]
    writers = [spawn.Process(target=_update_many, args=(store, chunk, start)) for chunk in ids]
    store.jobs_dir.mkdir()
    for process in writers:
        process.start()
    for process in writers:
        process.join(timeout=60)
    assert [process.exitcode for process in writers] == [0] * 8
    assert ids_of(store) == sorted(job_id for chunk in ids for job_id in chunk)


def test_an_index_that_is_no_regular_file_is_no_index(store: JobStore, three: list[str]) -> None:
    index_path(store).unlink()
    os.mkfifo(index_path(store))
    assert sorted(repair(store)) == three


def test_a_command_of_thousands_of_ids_is_cut_in_the_index_only(store: JobStore) -> None:
    command = "download " + " ".join(["4hhb"] * 20_000)
    job = put(store, a_job(command=command))
    assert update_index(store, [job])
    kept = read_index(store)[job.id]["command"]
    assert (len(kept), kept[-1]) == (200, "…")
    assert command.startswith(kept[:-1])
    assert store.read(job.id).command == command
    exact = put(store, a_job("job_bbbbbb", command="x" * 200))
    assert update_index(store, [exact])
    assert read_index(store)[exact.id]["command"] == "x" * 200
