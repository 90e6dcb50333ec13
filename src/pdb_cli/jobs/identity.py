"""Who a process is: host, boot, pid namespace, pid and start time together.

A pid alone says nothing: it is used again after the process died, and means another process on
another host, after a reboot, or in another container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.jobs.model import ProcessIdentity
from pdb_cli.jobs.process import system

if TYPE_CHECKING:
    from pdb_cli.jobs.process import Place


def this_place() -> Place:
    """Return the place this process runs in."""
    return system().this_place()


def user_name() -> str:
    """Return the name of this process's owner."""
    return system().user_name()


def start_token(pid: int) -> str | None:
    """Return when a process started, as a text to compare, or None if there is none.

    A process that has ended and was not waited for counts as none.

    Parameters
    ----------
    pid
        The process to look at.
    """
    return system().start_token(pid)


def identify(pid: int) -> ProcessIdentity:
    """Return the identity of a process that was alive a moment ago."""
    return ProcessIdentity(pid, start_token(pid) or "gone")


def is_alive(process: ProcessIdentity | None) -> bool:
    """Tell whether exactly this process still runs (here; compare places first)."""
    return process is not None and start_token(process.pid) == process.start_token
