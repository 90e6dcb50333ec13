from __future__ import annotations

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
old, new = (subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL) for _ in range(2))
watch.protect([old.pid])
watch.protect([new.pid])
print(old.pid, new.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    return any(one.pid == pid for one in processes.living())


def test_who_is_protected_last_ends_with_a_process_that_is_killed() -> None:
    result = subprocess.run(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False
    )
    assert result.returncode == -signal.SIGKILL
    old, new = map(int, result.stdout.split())
    wait_until(lambda: not lives(new), what="the watch to do its work")
    assert lives(old)
    subprocess.run(["kill", str(old)], check=True)


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
