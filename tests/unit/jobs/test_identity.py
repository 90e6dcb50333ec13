from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pdb_cli.jobs.identity import identify, is_alive, start_token, this_place
from pdb_cli.jobs.model import ProcessIdentity
from support.wait import wait_until

NO_PID = 2**22 + 1
"""Higher than Linux counts."""


def test_this_process_is_alive_and_keeps_its_token() -> None:
    me = identify(os.getpid())
    assert is_alive(me)
    assert identify(os.getpid()) == me


def test_another_process_has_another_token() -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        assert start_token(child.pid) not in {None, start_token(os.getpid())}
    finally:
        child.kill()
        child.wait()


def test_j02_a_pid_alone_is_not_an_identity() -> None:
    assert not is_alive(ProcessIdentity(os.getpid(), "1"))
    assert not is_alive(None)


def test_j02_a_zombie_is_gone() -> None:
    child = subprocess.Popen(["/bin/true"])
    me = identify(child.pid)
    wait_until(lambda: start_token(child.pid) is None, what="the child to end")
    assert Path(f"/proc/{child.pid}").exists()
    assert not is_alive(me)
    child.wait()


def test_j02_what_never_lived_is_not_alive() -> None:
    for pid in (NO_PID, 0, -1):
        assert start_token(pid) is None
        assert not is_alive(identify(pid))


def test_a_process_may_have_any_name() -> None:
    # Field 22 comes after the name in /proc/PID/stat.
    code = (
        "import ctypes\nctypes.CDLL(None).prctl(15, b') Z 1 (', 0, 0, 0)\n"
        "print(1, flush=True)\ninput()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    before = start_token(child.pid)
    assert child.stdout.readline() == b"1\n"
    assert before is not None
    assert start_token(child.pid) == before
    child.communicate(b"\n")


def test_the_place_is_the_same_for_all_processes_here() -> None:
    code = "from pdb_cli.jobs.identity import this_place; print(this_place())"
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.strip() == repr(this_place())
    assert this_place().boot_id
    assert (this_place().pid_namespace or "").startswith("pid:[")
