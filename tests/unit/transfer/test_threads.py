"""Threads that an interrupt caught while they were being started."""

from __future__ import annotations

import threading

import pytest

from pdb_cli.transfer.threads import wait_for_end


def test_a_thread_that_was_never_started_is_not_waited_for() -> None:
    thread = threading.Thread(target=threading.Event().wait)
    with pytest.raises(RuntimeError):
        thread.join()
    wait_for_end(thread)


def test_a_thread_that_runs_is() -> None:
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(1))
    thread.start()
    wait_for_end(thread)
    assert (done, thread.is_alive()) == ([1], False)
