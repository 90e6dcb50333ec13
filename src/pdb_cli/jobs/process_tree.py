"""The processes of POSIX systems as trees: finding a whole one, ending it.

Everything a job started is a descendant of its supervisor, also what daemonised itself, because
the supervisor is a child subreaper (Linux). Elsewhere what daemonised itself is found by the
environment it was started with, as far as the system shows that (``ps.py``).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from pdb_cli.jobs.identity import is_alive
from pdb_cli.jobs.model import ProcessIdentity
from pdb_cli.jobs.process_posix import ZOMBIES, parse_stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25
_PAUSE_GROWTH = 1.3


def list_processes() -> list[tuple[int, ProcessIdentity]]:
    """Return every process of this machine with its parent's pid, zombies left out."""
    if sys.platform != "linux":
        from pdb_cli.jobs import ps  # noqa: PLC0415 - only on systems without /proc

        return ps.list_processes()
    table = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - no Path in a hot loop
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    stat = file.read()
            except OSError:
                continue
            state, parent, started = parse_stat(stat)
            if state not in ZOMBIES:
                table.append((parent, ProcessIdentity(int(name), started)))
    return table


def descendants(pid: int) -> list[ProcessIdentity]:
    """Return the living descendants of a process, parents before children.

    Parameters
    ----------
    pid
        The root; it is not in the result.
    """
    children: dict[int, list[ProcessIdentity]] = {}
    for parent, process in list_processes():
        children.setdefault(parent, []).append(process)
    found: list[ProcessIdentity] = []
    wave = [pid]
    while wave:
        next_wave = [child for parent in wave for child in children.get(parent, [])]
        found += next_wave
        wave = [process.pid for process in next_wave]
    return found


def started_with(name: str, value: str) -> list[ProcessIdentity]:
    """Return the living processes that were started with an environment variable set so.

    Finds what daemonised itself out of a tree. Only one's own processes can be seen; this process
    is never among them.

    Parameters
    ----------
    name, value
        The variable.
    """
    table = list_processes()
    if sys.platform == "linux":
        entry = os.fsencode(f"{name}={value}")
        pids = {process.pid for _, process in table if _environ_has(process.pid, entry)}
    else:
        from pdb_cli.jobs import ps  # noqa: PLC0415 - only on systems without /proc

        pids = ps.pids_started_with(name, value)
    pids.discard(os.getpid())
    found = [process for _, process in table if process.pid in pids]
    # The pid may have been used again between the two looks.
    return [process for process in found if is_alive(process)]


def orphans(
    members: Iterable[ProcessIdentity], *, mark: tuple[str, str]
) -> Callable[[], list[ProcessIdentity]]:
    """Return a function that finds what lives of a command without a supervisor.

    Once seen, a process stays known: when its parent ends it is nobody's descendant any more.

    Parameters
    ----------
    members
        What is known of it: parents first, so that a shell does not go on with its next command
        when its child has been told to end.
    mark
        An environment variable that all of it was started with, and its value.
    """
    known = dict.fromkeys(members)

    def living() -> list[ProcessIdentity]:
        for process in [item for item in known if is_alive(item)]:
            known.update(dict.fromkeys(descendants(process.pid)))
        known.update(dict.fromkeys(started_with(*mark)))
        return [item for item in known if is_alive(item)]

    return living


def end_tree(
    members: Callable[[], list[ProcessIdentity]],
    *,
    grace_s: Callable[[], float],
    tick: Callable[[], None],
) -> None:
    """Send TERM to all members, wait, and KILL what is left until nothing is.

    Parameters
    ----------
    members
        Returns the processes that still live; asked again and again, so that what is forked
        meanwhile is found too.
    grace_s
        Returns how long after TERM the rest is killed, in seconds; asked again and again, so that
        it can be shortened meanwhile.
    tick
        Called while waiting (the supervisor reaps its children here).
    """
    told: set[ProcessIdentity] = set()
    started_s = time.monotonic()
    pause_s = _FIRST_PAUSE_S
    while alive := _tick_and_list(tick, members):
        left_s = started_s + grace_s() - time.monotonic()
        for process in alive:
            if left_s <= 0:
                send_signal(process, signal.SIGKILL)
            elif process not in told:
                send_signal(process, signal.SIGTERM)
                told.add(process)
        # Looking at every process of a busy machine is work: less and less often.
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)
        time.sleep(min(pause_s, left_s) if left_s > 0 else pause_s)


def send_signal(process: ProcessIdentity, number: signal.Signals) -> None:
    """Send a signal to exactly this process, if it still lives and may be told.

    Parameters
    ----------
    process
        The process; what has its pid after it is spared.
    number
        The signal.
    """
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def _tick_and_list(
    tick: Callable[[], None], members: Callable[[], list[ProcessIdentity]]
) -> list[ProcessIdentity]:
    """Reap, then ask who is left."""
    tick()
    return members()


def _environ_has(pid: int, entry: bytes) -> bool:
    """Tell whether a process was started with an environment entry, as far as we may know."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return entry in file.read().split(b"\0")
    except OSError:
        return False
