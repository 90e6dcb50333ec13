from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.identity import identify, is_alive
from pdb_cli.jobs.model import ProcessIdentity
from pdb_cli.jobs.process_tree import descendants, end_tree, started_with
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """Return a shell with two children, all in a session of their own."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & sleep 60; :"],
        start_new_session=True,
        env={**os.environ, "PDB_CLI_TEST_MARK": "a b"},
    )
    wait_until(lambda: len(descendants(shell.pid)) == 2)
    yield shell
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()


def test_descendants_are_found_without_the_root(family: subprocess.Popen[bytes]) -> None:
    found = descendants(family.pid)
    assert family.pid not in [process.pid for process in found]
    assert all(is_alive(process) for process in found)
    mine = descendants(os.getpid())
    assert {identify(family.pid), *found} <= set(mine)
    # Parents come before children.
    assert mine.index(identify(family.pid)) < mine.index(found[0])


@pytest.mark.usefixtures("family")
def test_a_family_is_found_by_its_environment() -> None:
    wait_until(lambda: len(started_with("PDB_CLI_TEST_MARK", "a b")) == 3)
    assert started_with("PDB_CLI_TEST_MARK", "a") == []


def test_this_process_is_never_among_what_was_started() -> None:
    code = (
        "from pdb_cli.jobs.process_tree import started_with; print(started_with('MARK_X', 'here'))"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", code], env={**os.environ, "MARK_X": "here"}
    )
    assert printed == b"[]\n"


def test_a_tree_is_ended_politely(family: subprocess.Popen[bytes]) -> None:
    root = identify(family.pid)

    def members() -> list[ProcessIdentity]:
        return [*filter(is_alive, [root]), *descendants(family.pid)]

    started_s = time.monotonic()
    end_tree(members, grace_s=lambda: 30, tick=lambda: None)
    assert time.monotonic() - started_s < 5
    assert family.wait() == -signal.SIGTERM


def test_a_process_is_told_once_and_killed_after_the_grace_time() -> None:
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    me = identify(process.pid)
    started_s = time.monotonic()
    end_tree(lambda: [me] if is_alive(me) else [], grace_s=lambda: 0.3, tick=lambda: None)
    assert 0.3 <= time.monotonic() - started_s < 5
    assert process.wait() == -signal.SIGKILL
    assert process.stdout.read() == "told\n"
    process.stdout.close()


def test_the_grace_time_can_be_shortened_meanwhile() -> None:
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    me = identify(process.pid)
    grace_s = iter([60.0, 60.0, 60.0])
    started_s = time.monotonic()
    end_tree(
        lambda: [me] if is_alive(me) else [],
        grace_s=lambda: next(grace_s, 0.0),
        tick=lambda: None,
    )
    assert time.monotonic() - started_s < 5
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


def test_what_has_the_pid_of_a_member_that_died_is_spared() -> None:
    lists = iter([[ProcessIdentity(os.getpid(), "1")], []])
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        end_tree(lambda: next(lists), grace_s=lambda: 0, tick=lambda: None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == []


def test_nothing_to_end_takes_no_time() -> None:
    started_s = time.monotonic()
    end_tree(list, grace_s=lambda: 10, tick=lambda: None)
    assert time.monotonic() - started_s < 1
