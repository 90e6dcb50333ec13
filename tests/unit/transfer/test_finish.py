from __future__ import annotations

import select
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import Defect, VerificationError
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.finish import Arrival, Finisher
from support.fetching import OTHER, SMALL, files_below, item_for, real_paths
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def arrive(path: str, data: bytes, folder: Path) -> Arrival:
    """Return a body that has arrived for a path."""
    item = item_for(path, folder, "http://mirror")
    item.destination.parent.mkdir(parents=True, exist_ok=True)
    part = PartialFile.open(item.destination)
    assert part is not None
    part.write(data)
    return Arrival(part, item.expectation, item.sources[0].url, 1_600_000_000.0)


def test_good_is_published_and_bad_is_discarded(tmp_path: Path) -> None:
    good = arrive(SMALL, real_paths()[SMALL], tmp_path)
    bad = arrive(OTHER, real_paths()[SMALL], tmp_path)
    with closing(Finisher()) as finisher:
        finisher.submit(good)
        finisher.submit(bad)
        assert finisher.pending == 2
        readable, _, _ = select.select([finisher.wake_fd], [], [], 10)
        assert readable
        verdicts = {verdict.arrival: verdict.error for verdict in finisher.drain()}
        assert finisher.pending == 0
    assert verdicts[good] is None
    error = verdicts[bad]
    assert isinstance(error, VerificationError)
    assert (error.defect, error.subject) == (Defect.WRONG_ENTRY, bad.subject)
    assert list(files_below(tmp_path).values()) == [real_paths()[SMALL]]
    assert good.part.destination.stat().st_mtime == 1_600_000_000.0


def test_collecting_does_not_wait(tmp_path: Path) -> None:
    with closing(Finisher(workers=1)) as finisher:
        assert finisher.collect() == []
        finisher.submit(arrive(SMALL, real_paths()[SMALL], tmp_path))
        (verdict,) = wait_until(finisher.collect, what="the verdict")
        assert verdict.error is None
        assert not select.select([finisher.wake_fd], [], [], 0)[0]


def test_closing_leaves_no_partial_file(tmp_path: Path) -> None:
    finisher = Finisher(workers=1)
    arrivals = [arrive(SMALL, real_paths()[SMALL], tmp_path / str(n)) for n in range(20)]
    for arrival in arrivals:
        finisher.submit(arrival)
    finisher.close()
    finisher.close()
    assert all(not name.endswith(".part") for name in files_below(tmp_path))
    assert set(files_below(tmp_path).values()) <= {real_paths()[SMALL]}


class HeldPart(PartialFile):
    """Its publication waits to be let go."""

    __slots__ = ()
    entered = threading.Semaphore(0)
    let_go = threading.Event()

    def publish(self, *, mtime_s: float | None) -> None:
        self.entered.release()
        assert self.let_go.wait(10)
        super().publish(mtime_s=mtime_s)


def test_closing_ends_what_was_begun_and_drops_what_is_queued(tmp_path: Path) -> None:
    finisher = Finisher(workers=2)
    for number in range(2):
        arrival = arrive(SMALL, real_paths()[SMALL], tmp_path / str(number))
        arrival.part.__class__ = HeldPart
        finisher.submit(arrival)
    for _ in range(2):
        assert HeldPart.entered.acquire(timeout=10)
    for number in range(2, 6):
        finisher.submit(arrive(SMALL, real_paths()[SMALL], tmp_path / str(number)))
    closer = threading.Thread(target=finisher.close)
    closer.start()
    wait_until(finisher._closing.is_set, what="the beginning of the end")
    HeldPart.let_go.set()
    closer.join(timeout=10)
    assert sorted(name.partition("/")[0] for name in files_below(tmp_path)) == ["0", "1"]


def test_room_is_limited(tmp_path: Path) -> None:
    with closing(Finisher(workers=2)) as finisher:
        for number in range(8):
            assert finisher.has_room
            finisher.submit(arrive(SMALL, real_paths()[SMALL], tmp_path / str(number)))
        assert not finisher.has_room
        finisher.drain()
        assert finisher.has_room


def test_surprise_in_a_worker_is_raised_to_the_caller(tmp_path: Path) -> None:
    arrival = arrive(SMALL, real_paths()[SMALL], tmp_path)
    arrival.part.discard()  # so that publishing it is a mistake of ours
    arrival.part.path.write_bytes(real_paths()[SMALL])
    with closing(Finisher()) as finisher:
        finisher.submit(arrival)
        with pytest.raises(ValueError, match="published or discarded"):
            finisher.drain()
