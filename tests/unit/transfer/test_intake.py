from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ConnectionFailedError, Defect, PdbCliError, VerificationError
from pdb_cli.storage.guard import no_guard
from pdb_cli.storage.partial import PartialFile
from pdb_cli.storage.resume import ResumePoint
from pdb_cli.transfer.intake import Ending, Intake, Verdict
from pdb_cli.transfer.mailbox import Mailbox
from pdb_cli.transfer.response import BodyStart
from support.fetching import OTHER, SMALL, files_below, item_for, real_paths
from support.large_file import large_file
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.storage.guard import Guard
    from pdb_cli.transfer.intake import Arrival

WHOLE = Ending(None, 1_600_000_000.0)
BROKEN = Ending(ConnectionFailedError("http://mirror", "reset"), None)


class Desk:
    """An intake and what it delivers."""

    def __init__(self, folder: Path, workers: int | None = None) -> None:
        self.folder = folder
        self.mailbox: Mailbox[Verdict] = Mailbox()
        self.intake = Intake(self.mailbox.put, workers)

    def close(self) -> None:
        self.intake.close()
        self.mailbox.close()

    def open(self, path: str, folder: str = "") -> Arrival:
        item = item_for(path, self.folder / folder, "http://mirror")
        item.destination.parent.mkdir(parents=True, exist_ok=True)
        part = PartialFile.open(item.destination)
        assert part is not None
        return self.intake.open(part, item.expectation, subject=item.sources[0].url)

    def verdict(self) -> Verdict:
        (verdict,) = wait_until(self.mailbox.collect, what="a verdict")
        return verdict


def give(arrival: Arrival, data: bytes, ending: Ending | None = WHOLE, piece: int = 4000) -> None:
    """Hand over a body, two pieces at a time."""
    arrival.begin(BodyStart())
    for start in range(0, len(data), 2 * piece):
        both = data[start : start + 2 * piece]
        arrival.take([both[:piece], both[piece:]], len(both))
    if ending is not None:
        arrival.end(ending)


def defect_of(verdict: Verdict) -> Defect:
    """Return what is wrong with a body."""
    assert isinstance(verdict.error, VerificationError)
    return verdict.error.defect


def test_good_is_published_and_bad_is_discarded(tmp_path: Path) -> None:
    with closing(Desk(tmp_path)) as desk:
        good, bad = desk.open(SMALL), desk.open(OTHER)
        give(good, real_paths()[SMALL])
        verdict = desk.verdict()
        assert (verdict.arrival, verdict.error) == (good, None)
        assert verdict.verified is not None
        assert verdict.verified.size_bytes == good.size_bytes == len(real_paths()[SMALL])
        give(bad, real_paths()[SMALL])
        assert defect_of(desk.verdict()) is Defect.WRONG_ENTRY
    assert list(files_below(tmp_path).values()) == [real_paths()[SMALL]]
    assert good.part.destination.stat().st_mtime == 1_600_000_000.0


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>" + bytes(2000), b"PK" + bytes(2000)])
def test_what_is_no_good_is_known_before_it_ends(body: bytes, tmp_path: Path) -> None:
    with closing(Desk(tmp_path)) as desk:
        arrival = desk.open(SMALL)
        give(arrival, body, None)
        assert defect_of(desk.verdict()) in {Defect.WRONG_KIND, Defect.NOT_GZIP}
        assert files_below(tmp_path) == {}
        give(arrival, body)  # what comes later is dropped: there is one verdict only
        desk.intake.drain()
        assert desk.mailbox.collect() == []


def test_many_files_at_once_keep_their_bytes_apart(tmp_path: Path) -> None:
    with closing(Desk(tmp_path, workers=4)) as desk:
        arrivals = [desk.open(SMALL, str(n)) for n in range(20)]
        data = real_paths()[SMALL]
        for arrival in arrivals:
            arrival.begin(BodyStart())
        for start in range(0, len(data), 500):
            for arrival in arrivals:
                piece = data[start : start + 500]
                arrival.take([piece], len(piece))
        for arrival in arrivals:
            arrival.end(WHOLE)
        desk.intake.drain()
        assert {verdict.error for verdict in desk.mailbox.collect()} == {None}
    assert list(files_below(tmp_path).values()) == [data] * 20


def version(data: bytes) -> ResumePoint:
    """Return what a server says of a file."""
    return ResumePoint("http://mirror/x", '"tag"', None, len(data))


def test_broken_body_is_kept_if_it_can_be_continued(tmp_path: Path) -> None:
    data = large_file()
    with closing(Desk(tmp_path)) as desk:
        first = desk.open(SMALL)
        first.begin(BodyStart(0, version(data)))
        first.take([data[:1_200_000]], 1_200_000)
        first.end(BROKEN)
        assert desk.verdict().error is BROKEN.error
        second = desk.open(SMALL)
        assert second.part.resume == version(data)
        second.begin(BodyStart(1_200_000, version(data)))
        second.take([data[1_200_000:]], len(data) - 1_200_000)
        second.end(WHOLE)
        assert desk.verdict().error is None
        assert second.resumed
    assert list(files_below(tmp_path).values()) == [data]


@pytest.mark.parametrize("ending", [BROKEN, Ending(PdbCliError("refused"), None)])
def test_broken_body_of_a_small_file_is_not_kept(ending: Ending, tmp_path: Path) -> None:
    with closing(Desk(tmp_path)) as desk:
        give(desk.open(SMALL), real_paths()[SMALL][:9000], ending)
        assert desk.verdict().error is ending.error
    assert files_below(tmp_path) == {}


class HeldPart(PartialFile):
    """Its publication waits to be let go."""

    __slots__ = ()
    entered = threading.Semaphore(0)
    let_go = threading.Event()

    def publish(self, *, mtime_s: float | None, guard: Guard = no_guard) -> None:
        self.entered.release()
        assert self.let_go.wait(10)
        super().publish(mtime_s=mtime_s, guard=guard)


def test_closing_ends_what_was_begun_and_leaves_the_rest_to_the_caller(tmp_path: Path) -> None:
    desk = Desk(tmp_path, workers=4)
    begun = [desk.open(SMALL, str(n)) for n in range(4)]
    for arrival in begun:
        arrival.part.__class__ = HeldPart
        give(arrival, real_paths()[SMALL])
    for _ in begun:
        assert HeldPart.entered.acquire(timeout=10)
    queued = [desk.open(SMALL, str(n)) for n in range(4, 8)]
    for arrival in queued:
        give(arrival, real_paths()[SMALL])
    closer = threading.Thread(target=desk.intake.close)
    closer.start()
    wait_until(desk.intake._closing.is_set, what="the beginning of the end")
    HeldPart.let_go.set()
    closer.join(timeout=10)
    for arrival in queued:
        assert not arrival.is_over
        arrival.part.put_aside()
    assert sorted(name.partition("/")[0] for name in files_below(tmp_path)) == list("0123")


def test_backlog_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, workers=4)
    held = desk.open(SMALL)
    held.part.__class__ = HeldPart
    HeldPart.let_go.clear()
    give(held, real_paths()[SMALL])
    assert HeldPart.entered.acquire(timeout=10)
    before = desk.intake.has_room
    held.take([bytes(1024)], 100 * 1024**2)
    assert (before, desk.intake.has_room) == (True, False)
    HeldPart.let_go.set()
    wait_until(lambda: desk.intake.has_room, what="the worker to catch up")
    desk.close()


def test_surprise_in_a_worker_is_raised_to_the_caller(tmp_path: Path) -> None:
    with closing(Desk(tmp_path)) as desk:
        arrival = desk.open(SMALL)
        arrival.part.discard()  # so that writing to it is a mistake of ours
        give(arrival, real_paths()[SMALL])
        with pytest.raises(ValueError, match="published or discarded"):
            wait_until(desk.mailbox.collect, what="the surprise")
