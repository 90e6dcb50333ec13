from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import UnknownJobError
from pdb_cli.jobs.follow import Chunk, Stream, follow_log, read_log
from pdb_cli.jobs.identity import identify
from pdb_cli.jobs.model import JobStatus
from support.jobs import a_job, put

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

BOTH = (Stream.STDERR, Stream.STDOUT)


@pytest.fixture
def running(store: JobStore) -> Job:
    """Return a job that runs: its supervisor is the test."""
    me = identify(os.getpid())
    job = a_job(status=JobStatus.RUNNING, supervisor=me, finished_at=None, exit_code=None)
    return put(store, job)


@pytest.fixture
def log(store: JobStore, running: Job) -> Path:
    """Return the path of its log."""
    path = store.paths(running.id).stderr
    path.touch()
    return path


def show(
    store: JobStore, *, last_lines: int | None, streams: tuple[Stream, ...] = (Stream.STDERR,)
) -> bytes:
    chunks = read_log(store, "job_aaaaaa", streams=streams, last_lines=last_lines)
    return b"".join(chunk.data for chunk in chunks)


class Follower:
    """Collects what a follower yields."""

    def __init__(self, following: Generator[Chunk, None, Job]) -> None:
        self._following = following
        self.seen = {Stream.STDERR: b"", Stream.STDOUT: b""}
        self.end: Job | None = None

    def until(self, stream: Stream, data: bytes) -> None:
        """Go on until a stream ends with some bytes."""
        while not self.seen[stream].endswith(data):
            chunk = next(self._following)
            self.seen[chunk.stream] += chunk.data

    def to_the_end(self) -> Job:
        """Go on until the job has ended."""
        while True:
            try:
                chunk = next(self._following)
            except StopIteration as stop:
                job: Job = stop.value
                return job
            self.seen[chunk.stream] += chunk.data


def follow(store: JobStore, *, last_lines: int | None = None) -> Follower:
    return Follower(follow_log(store, "job_aaaaaa", streams=BOTH, last_lines=last_lines))


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"a\nb\nc\n", None, b"a\nb\nc\n"),
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc\n", 1, b"c\n"),
        (b"a\nb\nc\n", 0, b""),
        (b"a\nb\nc\n", 3, b"a\nb\nc\n"),
        (b"a\nb\nc\n", 40, b"a\nb\nc\n"),
        (b"a\nb\nc", 1, b"c"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\nc", 0, b""),
        (b"\n\n\n", 2, b"\n\n"),
        (b"", 5, b""),
        (b"", 0, b""),
        (b"no end", 1, b"no end"),
        (b"\n", 1, b"\n"),
    ],
)
def test_the_last_lines_are_shown(
    store: JobStore, log: Path, content: bytes, lines: int | None, expected: bytes
) -> None:
    log.write_bytes(content)
    assert show(store, last_lines=lines) == expected


@pytest.mark.parametrize("length", [65535, 65536, 65537, 131072, 200_000])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_long_lines_are_counted_across_blocks(
    store: JobStore, log: Path, length: int, end: bytes
) -> None:
    lines = [bytes([65 + number]) * length for number in range(4)]
    log.write_bytes(b"\n".join(lines) + end)
    for count in (1, 2, 3, 4, 5):
        assert show(store, last_lines=count) == b"\n".join(lines[-count:]) + end


def test_streams_come_in_the_order_asked_for(store: JobStore, log: Path) -> None:
    log.write_bytes(b"message\n")
    store.paths("job_aaaaaa").stdout.write_bytes(b"data\n")
    assert show(store, last_lines=None, streams=BOTH) == b"message\ndata\n"
    assert show(store, last_lines=None, streams=(Stream.STDOUT,)) == b"data\n"


@pytest.mark.usefixtures("running")
def test_logs_that_are_missing_are_empty(store: JobStore) -> None:
    assert show(store, last_lines=5, streams=BOTH) == b""


def test_j04_a_follower_shows_the_history_then_what_grows_then_the_end(
    store: JobStore, log: Path, running: Job
) -> None:
    log.write_bytes(b"1\n2\n")
    follower = follow(store, last_lines=1)
    follower.until(Stream.STDERR, b"2\n")
    assert follower.seen[Stream.STDERR] == b"2\n"
    with log.open("ab") as file:
        file.write(b"3")
    follower.until(Stream.STDERR, b"3")
    # A stream that was not there when the follower began.
    store.paths(running.id).stdout.write_bytes(b"data")
    follower.until(Stream.STDOUT, b"data")
    with log.open("ab") as file:
        file.write(b"4\n")
    ended = a_job(exit_code=5, status=JobStatus.FAILED)
    store.write(ended)
    assert follower.to_the_end() == ended
    assert follower.seen == {Stream.STDERR: b"2\n34\n", Stream.STDOUT: b"data"}


def test_j04_a_follower_of_a_job_that_has_ended_shows_it_all_and_returns(store: JobStore) -> None:
    job = put(store, a_job())
    store.paths(job.id).stderr.write_bytes(b"x\n" * 100_000)
    follower = follow(store)
    assert follower.to_the_end() == job
    assert follower.seen[Stream.STDERR] == b"x\n" * 100_000


def test_a_log_that_is_cut_is_shown_from_its_start(store: JobStore, log: Path) -> None:
    log.write_bytes(b"a long first part\n")
    follower = follow(store)
    follower.until(Stream.STDERR, b"part\n")
    log.write_bytes(b"new\n")
    follower.until(Stream.STDERR, b"new\n")
    assert follower.seen[Stream.STDERR] == (
        b"a long first part\n[the log was cut; from its start:]\nnew\n"
    )
    store.write(a_job())
    follower.to_the_end()


def test_a_log_that_is_replaced_is_read_to_its_end_first(store: JobStore, log: Path) -> None:
    log.write_bytes(b"1\n")
    follower = follow(store)
    follower.until(Stream.STDERR, b"1\n")
    with log.open("ab") as file:
        file.write(b"2\n")
    log.rename(log.with_name("stderr.log.1"))
    log.write_bytes(b"3\n")
    follower.until(Stream.STDERR, b"3\n")
    assert follower.seen[Stream.STDERR] == b"1\n2\n3\n"
    log.unlink()
    store.write(a_job())
    assert follower.to_the_end().status is JobStatus.COMPLETED


def test_j04_a_deleted_directory_ends_the_follower(store: JobStore, log: Path) -> None:
    import shutil

    log.write_bytes(b"1\n")
    follower = follow(store)
    follower.until(Stream.STDERR, b"1\n")
    shutil.rmtree(log.parent)
    with pytest.raises(UnknownJobError):
        follower.to_the_end()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_log_that_is_no_regular_file_shows_nothing(
    store: JobStore, make: Callable[[Path], None]
) -> None:
    paths = store.paths(put(store, a_job()).id)
    make(paths.stderr)
    paths.stdout.write_bytes(b"data")
    expected = [Chunk(Stream.STDOUT, b"data")]
    assert list(read_log(store, paths.job_id, streams=BOTH, last_lines=5)) == expected
    assert list(follow_log(store, paths.job_id, streams=BOTH, last_lines=None)) == expected
