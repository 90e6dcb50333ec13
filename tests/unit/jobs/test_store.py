from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import (
    AmbiguousJobError,
    FileAccessError,
    JobRecordError,
    UnknownJobError,
)
from pdb_cli.jobs.model import ID_PATTERN
from support.jobs import a_job, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pdb_cli.jobs.store import JobStore

HOSTILE = [
    "../x",
    "../../etc",
    "job_../../x",
    "job_aaaaaa/..",
    "/job_aaaaaa",
    "job_aaaaaa\n",
    "job_AAAAAA",
    "job_aaaaaé",
    "job_aaaaaaa",
    "",
    ".",
    "job_١٢٣٤٥٦",
]


@pytest.mark.parametrize("reference", HOSTILE)
def test_j06_no_path_is_built_from_what_is_not_an_id(store: JobStore, reference: str) -> None:
    put(store, a_job("job_aaaaaa"))
    put(store, a_job("job_bbbbbb"))
    with pytest.raises(UnknownJobError):
        store.paths(reference)
    with pytest.raises(UnknownJobError):
        store.resolve(reference)


def test_reserved_ids_fit_the_pattern_and_are_private(store: JobStore) -> None:
    ids = {store.reserve().job_id for _ in range(20)}
    assert len(ids) == 20
    assert all(ID_PATTERN.fullmatch(job_id) for job_id in ids)
    assert set(store.job_ids()) == ids
    assert {store.paths(job_id).directory.stat().st_mode & 0o777 for job_id in ids} == {0o700}
    assert store.jobs_dir.stat().st_mode & 0o777 == 0o700


def test_an_id_that_is_taken_is_not_given_again(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter([bytes(6), bytes(6), bytes([1] * 6)])
    monkeypatch.setattr(os, "urandom", lambda _: next(draws))
    assert store.reserve().job_id == "job_aaaaaa"
    assert store.reserve().job_id == "job_bbbbbb"


def test_no_jobs_directory_holds_no_jobs(store: JobStore) -> None:
    assert store.job_ids() == []
    for reference in ("last", "job_aaaaaa", "a"):
        with pytest.raises(UnknownJobError):
            store.resolve(reference)


def test_other_things_in_the_jobs_directory_are_not_jobs(store: JobStore, tmp_path: Path) -> None:
    put(store, a_job("job_aaaaaa"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (store.jobs_dir / "job_bbbbbb").symlink_to(outside)
    (store.jobs_dir / "job_cccccc").write_text("a file")
    (store.jobs_dir / "job_cccccc.log").symlink_to("job_aaaaaa/stderr.log")
    (store.jobs_dir / "notes").mkdir()
    assert store.job_ids() == ["job_aaaaaa"]


def test_an_id_a_unique_prefix_and_last_are_resolved(store: JobStore) -> None:
    put(store, a_job("job_abcdef", started_at="2026-01-01T00:00:02Z"))
    put(store, a_job("job_abxxxx", started_at="2026-01-01T00:00:03Z"))
    put(store, a_job("job_bxxxxx", started_at="2026-01-01T00:00:01Z"))
    assert store.resolve("job_abcdef") == "job_abcdef"
    assert store.resolve("job_abc") == store.resolve("abc") == "job_abcdef"
    assert store.resolve("b") == "job_bxxxxx"
    assert store.resolve("last") == "job_abxxxx"


def test_an_ambiguous_prefix_names_what_it_fits(store: JobStore) -> None:
    put(store, a_job("job_abcdef"))
    put(store, a_job("job_abxxxx"))
    for reference in ("ab", "job_", "j"):
        with pytest.raises(AmbiguousJobError) as caught:
            store.resolve(reference)
        assert caught.value.matches == ("job_abcdef", "job_abxxxx")


def test_last_tells_jobs_of_the_same_second_apart(store: JobStore) -> None:
    for job_id in ("job_bbbbbb", "job_cccccc", "job_aaaaaa"):
        paths = store.paths(put(store, a_job(job_id)).id)
        paths.log_link.symlink_to("x")
        made_ns = paths.log_link.lstat().st_ctime_ns
        while time.time_ns() - made_ns < 20_000_000:
            pass  # the clock of a file system ticks every few milliseconds
    assert store.resolve("last") == "job_aaaaaa"


def test_last_passes_over_unreadable_records(store: JobStore) -> None:
    put(store, a_job("job_aaaaaa"))
    put(store, a_job("job_bbbbbb", started_at="2027-01-01T00:00:00Z"))
    store.paths("job_bbbbbb").meta.write_bytes(b"{")
    assert store.resolve("last") == "job_aaaaaa"


def test_records_that_can_not_be_read_say_why(store: JobStore) -> None:
    put(store, a_job("job_aaaaaa"))
    store.paths("job_aaaaaa").meta.unlink()
    with pytest.raises(JobRecordError, match="missing"):
        store.read("job_aaaaaa")
    store.paths("job_aaaaaa").meta.mkdir()
    with pytest.raises(JobRecordError, match="not a regular file"):
        store.read("job_aaaaaa")
    with pytest.raises(UnknownJobError):
        store.read("job_bbbbbb")


def test_a_refused_write_leaves_the_old_record(store: JobStore) -> None:
    job = put(store, a_job("job_aaaaaa"))
    store.paths(job.id).meta.unlink()
    store.paths(job.id).meta.mkdir()
    (store.paths(job.id).meta / "x").touch()
    with pytest.raises(FileAccessError):
        store.write(job.with_changes(label="new"))
    assert [path.name for path in store.paths(job.id).directory.iterdir()] == ["meta.json"]


def test_patience_ends_when_the_directory_is_gone(store: JobStore) -> None:
    started_s = time.monotonic()
    with pytest.raises(UnknownJobError):
        store.write_patiently(a_job(), patience_s=60)
    assert time.monotonic() - started_s < 5


def test_a_directory_without_a_record_is_in_transit_for_a_minute(store: JobStore) -> None:
    paths = store.reserve()
    assert store.in_transit(paths.job_id)
    assert not store.never_started(paths.job_id, before_s=time.time() + 1)
    old = time.time() - 61
    os.utime(paths.directory, (old, old))
    assert not store.in_transit(paths.job_id)
    assert store.never_started(paths.job_id, before_s=time.time())
    assert not store.never_started(paths.job_id, before_s=old - 10)
    paths.lock.touch()
    os.utime(paths.directory, (old, old))
    # A supervisor has had it: somebody took the record away.
    assert not store.never_started(paths.job_id, before_s=time.time())


def test_a_directory_with_a_record_is_not_in_transit(store: JobStore) -> None:
    put(store, a_job("job_aaaaaa"))
    assert not store.in_transit("job_aaaaaa")
    assert not store.never_started("job_aaaaaa", before_s=time.time() + 99)
    assert not store.in_transit("job_bbbbbb")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_record_that_is_no_regular_file_is_unreadable(
    store: JobStore, make: Callable[[Path], None]
) -> None:
    job = put(store, a_job())
    meta = store.paths(job.id).meta
    meta.unlink()
    make(meta)
    with pytest.raises(JobRecordError, match="not a regular file"):
        store.read(job.id)
    with pytest.raises(UnknownJobError):
        store.resolve("last")
