"""Items that are not known yet, and files that changed while an item waited."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.events import FilePresent, FilePublished
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.fetch import FetchStatus, fetch_files
from support.faults import Stall
from support.fetching import (
    OPTIONS,
    OTHER,
    RETRY,
    SMALL,
    fetch,
    fetch_one,
    files_below,
    item_for,
    real_paths,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.events import Event
    from pdb_cli.transfer.fetch import FetchItem, FetchResult
    from support.fault_server import FaultServer


@pytest.mark.parametrize("kind", ["garbage", "directory", "pipe"])
def test_file_that_changed_while_waiting_is_verified(
    kind: str, mirror: FaultServer, tmp_path: Path
) -> None:
    item = item_for(SMALL, tmp_path, mirror)
    item.destination.parent.mkdir(parents=True)
    held = PartialFile.open(item.destination)
    assert held is not None
    waiting = threading.Event()
    results: list[FetchResult] = []

    def items() -> Iterator[FetchItem | None]:
        yield item
        waiting.set()

    thread = threading.Thread(target=lambda: results.extend(fetch(items())[0]))
    with held:
        thread.start()
        assert waiting.wait(10)
        match kind:
            case "garbage":
                item.destination.write_bytes(b"what somebody left here")
            case "directory":
                item.destination.mkdir()
            case _:
                os.mkfifo(item.destination)
    thread.join(timeout=10)
    assert not thread.is_alive()
    (result,) = results
    if kind == "directory":
        assert result.status is FetchStatus.FAILED
    else:
        assert (result.status, result.attempts) == (FetchStatus.FETCHED, 1)
        assert files_below(tmp_path) == {item.name: real_paths()[SMALL]}


def test_transfers_finish_while_nothing_new_is_known(mirror: FaultServer, tmp_path: Path) -> None:
    asked = 0
    asked_when_published: list[int] = []
    never = threading.Event()

    def items() -> Iterator[FetchItem | None]:
        nonlocal asked
        yield item_for(SMALL, tmp_path, mirror)
        for asked in range(1, 51):  # noqa: B007 - read by the observer
            never.wait(0.02)  # stands for work: what the next item is takes time to find out
            yield None
        yield item_for(OTHER, tmp_path, mirror)

    def observe(event: Event) -> None:
        if isinstance(event, FilePublished):
            asked_when_published.append(asked)

    results = list(fetch_files(items(), options=OPTIONS, retry=RETRY, observe=observe))
    assert [result.status for result in results] == [FetchStatus.FETCHED] * 2
    assert asked_when_published[0] < 25
    assert asked_when_published[1] == 50


def test_nothing_to_fetch_yet_and_then_nothing_at_all() -> None:
    assert fetch([None, None]) == ([], [])


def test_waiting_for_items_does_not_spin(mirror: FaultServer, tmp_path: Path) -> None:
    asked = 0

    def items() -> Iterator[FetchItem | None]:
        nonlocal asked
        end_s = time.monotonic() + 0.3
        while time.monotonic() < end_s:
            asked += 1
            yield None
        yield item_for(SMALL, tmp_path, mirror)

    results, _ = fetch(items())
    assert [result.status for result in results] == [FetchStatus.FETCHED]
    assert asked < 100


def test_second_interrupt_during_the_clean_up_leaves_no_partial_file(
    mirror: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.inject(Stall())
    paths = list(real_paths())[:3]
    run = fetch_files(
        (item_for(path, tmp_path, mirror) for path in paths),
        options=OPTIONS,
        retry=RETRY,
        observe=_interrupt,
    )
    interrupted = False
    unlink = os.unlink

    def unlink_interrupted(path: Path) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        unlink(path)

    monkeypatch.setattr(os, "unlink", unlink_interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(run)
    assert interrupted
    assert files_below(tmp_path) == {}
    assert not [thread for thread in threading.enumerate() if "pdb-cli" in thread.name]


def _interrupt(event: Event) -> None:
    """Take any event for Ctrl-C."""
    raise KeyboardInterrupt(event)


def test_lack_of_descriptors_is_waited_out(
    mirror: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = 0
    real_open = os.open

    def open_refused(path: Path, flags: int, mode: int = 0o777) -> int:
        nonlocal refusals
        if str(path).endswith(".part") and refusals < 2:
            refusals += 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", open_refused)
    result = fetch_one(item_for(SMALL, tmp_path, mirror))
    assert (result.status, result.attempts, refusals) == (FetchStatus.FETCHED, 1, 2)


def test_file_that_another_process_fetched_is_present(mirror: FaultServer, tmp_path: Path) -> None:
    results, events = fetch(item_for(SMALL, tmp_path, mirror) for _ in range(2))
    assert sorted(result.status for result in results) == ["fetched", "present"]
    assert [type(event) for event in events].count(FilePresent) == 1
