from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.locks import JobLock, LockState, probe
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_lock_is_exclusive_until_it_is_let_go(path: Path) -> None:
    with JobLock(path) as first:
        assert first.acquire()
        assert first.excludes_others()
        assert probe(path) is LockState.HELD
        with JobLock(path) as second:
            assert not second.acquire()
            assert not second.claim()
    assert probe(path) is LockState.FREE
    with JobLock(path) as second:
        assert second.claim()


def test_a_lock_that_is_not_taken_excludes_nobody(path: Path) -> None:
    with JobLock(path) as lock:
        assert not lock.excludes_others()


def test_without_a_file_nothing_is_known(path: Path) -> None:
    assert probe(path) is LockState.UNKNOWN
    assert not path.exists()


def test_readers_do_not_disturb_each_other(path: Path) -> None:
    import fcntl

    path.touch()
    with path.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert probe(path) is LockState.FREE


def test_waiting_for_a_lock_ends_when_it_is_free(path: Path) -> None:
    first = JobLock(path)
    assert first.acquire()
    timer = threading.Timer(0.1, first.release)
    timer.start()
    with JobLock(path) as second:
        started_s = time.monotonic()
        assert second.acquire(wait_s=10)
        assert 0.05 < time.monotonic() - started_s < 5
    timer.join()


def test_waiting_for_a_lock_ends_in_the_end(path: Path) -> None:
    with JobLock(path) as first, JobLock(path) as second:
        assert first.acquire()
        started_s = time.monotonic()
        assert not second.acquire(wait_s=0.1)
        assert time.monotonic() - started_s < 5


def test_the_kernel_lets_the_lock_of_a_killed_process_go(path: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom pdb_cli.jobs.locks import JobLock\n"
        "lock = JobLock(pathlib.Path(sys.argv[1]))\nlock.acquire()\ntime.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)])
    wait_until(lambda: probe(path) is LockState.HELD)
    holder.kill()
    holder.wait()
    assert probe(path) is LockState.FREE


def test_a_lock_that_is_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    assert probe(tmp_path / "lock") in set(LockState)
