"""One writer per collection, by locks where there are some and by signs of life where not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import CollectionBusyError, CollectionLostError, FileAccessError
from pdb_cli.events import Event, Note
from pdb_cli.storage import collection_lock
from pdb_cli.storage.collection_lock import CollectionLock, Holder, check_not_held
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

US = Holder("here", os.getpid(), "pdb-cli sync", None, "2026-11-26T00:00:00Z")
OTHER = Holder("here", 4711, "pdb-cli update", "job_abc123", "2026-11-25T00:00:00Z")
HOLD = """
import sys, time
from pathlib import Path
from pdb_cli.storage.collection_lock import CollectionLock, Holder
lock = CollectionLock.acquire(Path(sys.argv[1]), Holder("here", 1, "pdb-cli sync"), wait=False)
print("held", flush=True)
time.sleep(60)
"""


def _file(collection: Path) -> Path:
    return collection / ".pdb-cli" / "write.lock"


def _leave(collection: Path, holder: Holder, *, age_s: float) -> None:
    """Write what a holder that did not let go has left."""
    path = _file(collection)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"schema": 1, **holder._asdict()}
    path.write_text(json.dumps(record))
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def _no_locks(descriptor: int, kind: int) -> bool | None:  # noqa: ARG001 - as the real one
    return None


def test_second_writer_is_told_who_has_the_collection(tmp_path: Path) -> None:
    with (
        CollectionLock.acquire(tmp_path, OTHER, wait=False),
        pytest.raises(CollectionBusyError) as refusal,
    ):
        CollectionLock.acquire(tmp_path, US, wait=False)
    error = refusal.value
    assert (error.host, error.pid, error.command, error.job) == OTHER[:4]
    CollectionLock.acquire(tmp_path, US, wait=False).release()


def test_look_before_a_job_takes_nothing(tmp_path: Path) -> None:
    check_not_held(tmp_path, host="here")
    assert not _file(tmp_path).exists()
    with CollectionLock.acquire(tmp_path, OTHER, wait=False), pytest.raises(CollectionBusyError):
        check_not_held(tmp_path, host="here")
    check_not_held(tmp_path, host="here")


def test_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(CollectionBusyError):
            CollectionLock.acquire(tmp_path, US, wait=False)
        process.kill()
        process.wait()
        CollectionLock.acquire(tmp_path, US, wait=False).release()


def test_wait_ends_when_the_holder_lets_go(tmp_path: Path) -> None:
    events: list[Event] = []
    held = CollectionLock.acquire(tmp_path, OTHER, wait=False)
    got: list[CollectionLock] = []
    waiter = threading.Thread(
        target=lambda: got.append(
            CollectionLock.acquire(tmp_path, US, wait=True, observe=events.append)
        )
    )
    waiter.start()
    wait_until(lambda: bool(events), what="the waiter to say whom it waits for")
    held.release()
    waiter.join(10)
    assert events == [Note("waiting for job job_abc123 (pdb-cli update, process 4711 on here)")]
    got[0].release()


@pytest.mark.parametrize(
    ("host", "age_s", "locks", "is_free"),
    [
        ("here", 1, True, True),  # a free lock is proof on its own host
        ("there", 1, True, False),  # the file system may keep locks to each host
        ("there", 3600, True, True),
        ("there", -3600, True, True),  # the clock there was wrong
        ("here", 1, False, False),
        ("here", 3600, False, True),
        ("there", 3600, False, False),  # nothing here can tell
    ],
)
def test_what_an_unreleased_lock_means(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    host: str,
    age_s: float,
    locks: bool,
    is_free: bool,
) -> None:
    _leave(tmp_path, OTHER._replace(host=host), age_s=age_s)
    monkeypatch.setattr(collection_lock, "_SIGN_EVERY_S", 0.01)
    if not locks:
        monkeypatch.setattr(collection_lock, "_try_lock", _no_locks)
    if is_free:
        check_not_held(tmp_path, host="here")
        CollectionLock.acquire(tmp_path, US, wait=False).release()
        return
    with pytest.raises(CollectionBusyError) as refusal:
        CollectionLock.acquire(tmp_path, US, wait=False)
    assert refusal.value.last_seen_s == pytest.approx(age_s, abs=30)
    with pytest.raises(CollectionBusyError):
        check_not_held(tmp_path, host="here")


def test_a_holder_whose_clock_is_ahead_lives_while_it_gives_signs(tmp_path: Path) -> None:
    _leave(tmp_path, OTHER._replace(host="there"), age_s=-3600)
    ended = threading.Event()

    def give_signs() -> None:
        """Be a host whose clock is an hour ahead, on a file system that believes it."""
        while not ended.wait(0.01):
            os.utime(_file(tmp_path), (time.time() + 3600,) * 2)

    signs = threading.Thread(target=give_signs)
    signs.start()
    try:
        with pytest.raises(CollectionBusyError) as refusal:
            CollectionLock.acquire(tmp_path, US, wait=False)
        with pytest.raises(CollectionBusyError):
            check_not_held(tmp_path, host="here")
    finally:
        ended.set()
        signs.join()
    assert refusal.value.host == "there"


@pytest.mark.parametrize("content", ["", "{", '{"schema": 1, "host": 3}', "\0" * 100])
def test_torn_record_of_a_dead_holder_is_nobody(tmp_path: Path, content: str) -> None:
    _file(tmp_path).parent.mkdir()
    _file(tmp_path).write_text(content)
    with CollectionLock.acquire(tmp_path, US, wait=False):
        assert json.loads(_file(tmp_path).read_text())["command"] == US.command
    assert _file(tmp_path).read_text() == ""


def test_signs_of_life_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_lock, "_SIGN_EVERY_S", 0.01)
    with CollectionLock.acquire(tmp_path, US, wait=False):
        os.utime(_file(tmp_path), (1, 1))
        wait_until(lambda: _file(tmp_path).stat().st_mtime > 1, what="a sign of life")


def test_who_lost_the_lock_stops_and_leaves_the_next_holder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_lock, "_SIGN_EVERY_S", 0.01)
    monkeypatch.setattr(collection_lock, "_LOOK_EVERY_S", 0.0)
    lock = CollectionLock.acquire(tmp_path, US, wait=False)
    lock.check()
    # As if we had been suspended for more than a minute, seen from another host.
    _leave(tmp_path, OTHER, age_s=0)
    taken = _file(tmp_path).read_bytes()
    with pytest.raises(CollectionBusyError) as refusal:
        lock.check()
    assert refusal.value.command == OTHER.command
    lock.release()
    assert _file(tmp_path).read_bytes() == taken


def test_nothing_above_the_root_is_made(tmp_path: Path) -> None:
    """A disk that is not mounted is not replaced by directories."""
    with pytest.raises(FileAccessError) as refusal:
        CollectionLock.acquire(tmp_path / "disk" / "pdb", US, wait=False)
    assert str(tmp_path / "disk") in refusal.value.reason
    assert not list(tmp_path.iterdir())
    CollectionLock.acquire(tmp_path / "pdb", US, wait=False).release()


def test_who_has_a_lock_whose_file_was_removed_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_lock, "_LOOK_EVERY_S", 0.0)
    with CollectionLock.acquire(tmp_path, OTHER, wait=False) as first:
        first.check()
        _file(tmp_path).unlink()
        with pytest.raises(CollectionLostError):
            first.check()
        # The next one has another file of that name.
        with CollectionLock.acquire(tmp_path, US, wait=False) as second:
            with pytest.raises(CollectionLostError):
                first.check()
            second.check()
            first.release()
            second.check()
