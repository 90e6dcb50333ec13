"""The sums of events, at times that the test chooses."""

from __future__ import annotations

from pdb_cli.cli.tally import Tally
from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    EntrySettled,
    FileFailed,
    FilePresent,
    FilePublished,
    FilesChecked,
    Note,
    PhaseBegan,
    PlanMade,
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def run(tally: Tally, clock: Clock, *, seconds: float, size_bytes: int, files: float) -> None:
    """Let bytes and files arrive evenly, ten times a second."""
    due = 0.0
    for _ in range(round(seconds * 10)):
        clock.now_s += 0.1
        tally.add(BytesReceived(size_bytes // 10))
        due += files / 10
        while due >= 1 - 1e-9:
            tally.add(FilePublished("a", 1))
            due -= 1


def test_every_event_is_counted_as_what_it_is() -> None:
    tally = Tally()
    assert tally.snapshot().phase == "planning"
    for event in (
        PlanMade(4, 3),
        PhaseBegan("downloading"),
        BytesReceived(1_000_000),
        FilePublished("a/1abc.cif.gz", 1_000_000),
        EntrySettled("1abc"),
        FilePresent("a/2abc.cif.gz"),
        AttemptFailed("a/3abc.cif.gz", "HTTP 503", 0.5, "http://mirror/3abc.cif.gz"),
        FileFailed("a/3abc.cif.gz", "HTTP 503"),
        Note("one word"),
    ):
        tally.add(event)
    found = tally.snapshot()
    assert (found.files_total, found.files_done, found.files_failed) == (4, 2, 1)
    assert (found.entries_total, found.entries_done) == (3, 1)
    assert (found.bytes_received, found.phase) == (1_000_000, "downloading")
    assert found.updated_at.endswith("Z")


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    run(tally, clock, seconds=5, size_bytes=1000, files=1)
    assert 950 <= tally.snapshot().rate_bytes_s <= 1000
    run(tally, clock, seconds=60, size_bytes=1000, files=1)
    run(tally, clock, seconds=11, size_bytes=50_000, files=1)
    assert 49_000 <= tally.snapshot().rate_bytes_s <= 51_000
    run(tally, clock, seconds=11, size_bytes=0, files=0)
    assert tally.snapshot().rate_bytes_s == 0


def test_the_time_left_follows_the_last_minute() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    tally.add(PlanMade(10_000))
    assert tally.snapshot().eta_s is None
    for _ in range(9000):  # there already: says nothing about how long fetching takes
        tally.add(FilePresent("a"))
    run(tally, clock, seconds=70, size_bytes=1000, files=10)
    left = 10_000 - 9700
    eta_s = tally.snapshot().eta_s
    assert eta_s is not None
    assert 0.95 * left / 10 <= eta_s <= 1.05 * left / 10
    clock.now_s += 100
    tally.add(BytesReceived(1))
    clock.now_s += 61
    assert tally.snapshot().eta_s is None
    run(tally, clock, seconds=30, size_bytes=0, files=10)
    assert (tally.snapshot().files_done, tally.snapshot().eta_s) == (10_000, 0.0)


def test_the_memory_of_rates_does_not_grow() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    run(tally, clock, seconds=1000, size_bytes=10, files=1)
    assert len(tally._samples) <= 125


def test_files_that_were_looked_at_count_with_their_bytes() -> None:
    tally = Tally(clock=Clock())
    tally.add(PlanMade(10))
    tally.add(FilesChecked(3, 1, 5000))
    tally.add(FilesChecked(2, 0, 10))
    snapshot = tally.snapshot()
    assert (snapshot.files_done, snapshot.files_failed) == (5, 1)
    assert snapshot.bytes_received == 5010
