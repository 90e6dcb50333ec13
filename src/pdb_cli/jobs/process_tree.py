"""Ending a whole tree of processes: polite first, then for certain.

Everything a job started is a descendant of its supervisor, also what daemonised itself, because
the supervisor is a child subreaper (Linux). Elsewhere a daemonised grandchild can escape; it is
then not ours to see.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from pdb_cli.jobs.identity import identify, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pdb_cli.jobs.model import ProcessIdentity

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.25
_PAUSE_GROWTH = 1.3


def descendants(pid: int) -> list[ProcessIdentity]:
    """Return the living descendants of a process, parents before children.

    Parameters
    ----------
    pid
        The root; it is not in the result.
    """
    children: dict[int, list[int]] = {}
    for parent, child in _parents():
        children.setdefault(parent, []).append(child)
    found: list[ProcessIdentity] = []
    wave = [pid]
    while wave:
        wave = [child for parent in wave for child in children.get(parent, [])]
        found += [identify(child) for child in wave]
    return [process for process in found if is_alive(process)]


def started_with(name: str, value: str) -> list[ProcessIdentity]:
    """Return the living processes that were started with an environment variable set so.

    Finds what daemonised itself out of a tree whose root is gone. Linux only, where the start
    environment of one's own processes can be read; this process is never among them.

    Parameters
    ----------
    name, value
        The variable.
    """
    wanted = os.fsencode(f"{name}={value}")
    found = []
    for _, pid in _parents():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
                matches = wanted in file.read().split(b"\0")
        except OSError:
            continue
        if matches and pid != os.getpid():
            found.append(identify(pid))
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


def _parents() -> list[tuple[int, int]]:
    """Return (parent, child) of every process on this machine."""
    if sys.platform != "linux":
        from pdb_cli.jobs import ps  # noqa: PLC0415 - only on systems without /proc

        return ps.parents()
    pairs = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - no Path in a hot loop
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    pairs.append((int(file.read().rpartition(b")")[2].split()[1]), int(name)))
            except OSError:
                continue
    return pairs
