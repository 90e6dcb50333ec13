from __future__ import annotations

import os
import signal
import subprocess
import sys

from pdb_cli.transfer.death_watch import DeathWatch
from support import processes
from support.wait import wait_until

KILLED = """
import os, signal, subprocess, sys
from pdb_cli.transfer.death_watch import DeathWatch

watch = DeathWatch()
# Deaf to TERM, and with a child of their own, as rsync has one.
command = ["sh", "-c", "trap '' TERM; sleep 60 & wait"]
old, new = (
    subprocess.Popen(command, process_group=0, stdout=subprocess.DEVNULL) for _ in range(2)
)
watch.protect([old.pid])
watch.protect([new.pid])
print(old.pid, new.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    return any(one.pid == pid for one in processes.living())


def group_of(leader: int) -> list[int]:
    """Return the processes of a group that live."""
    return [one.pid for one in processes.living() if os_group(one.pid) == leader]


def os_group(pid: int) -> int | None:
    """Return the group of a process; None if it has ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_who_is_protected_last_ends_with_a_process_that_is_killed() -> None:
    result = subprocess.run(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False
    )
    assert result.returncode == -signal.SIGKILL
    old, new = map(int, result.stdout.split())
    wait_until(lambda: not group_of(new), what="the watch to do its work")
    assert lives(old)
    os.killpg(old, signal.SIGKILL)


def test_a_watch_that_is_closed_ends_nobody() -> None:
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    watch = DeathWatch()
    watch.protect([child.pid])
    watch.close()
    assert child.poll() is None
    child.communicate()
    assert child.returncode == 0


def test_a_watch_that_was_ended_harms_nobody() -> None:
    watch = DeathWatch()
    assert watch._shell is not None
    watch._shell.kill()
    watch._shell.wait()
    watch.protect([1])
    watch.close()
    assert watch._shell.returncode == -signal.SIGKILL
