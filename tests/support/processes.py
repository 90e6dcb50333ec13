"""Look at running processes through /proc.

Linux only. Where there is no /proc (macOS), ``ps -axEww -o pid,ppid,command`` shows the same;
``available`` tells whether the answers of this module mean anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is alive (zombies are not)."""

    pid: int
    parent_pid: int
    command: str


def available() -> bool:
    """Tell whether processes can be looked at here."""
    return (_PROC / "self" / "stat").exists()


def living() -> list[Process]:
    """Return all living processes."""
    found = []
    for folder in _PROC.glob("[0-9]*"):
        try:
            # pid (comm) state ppid ...; comm may hold blanks and brackets.
            status = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue  # it has just ended
        state, parent_pid = status[:2]
        if state not in {"Z", "X"}:
            text = command.decode(errors="replace").strip()
            found.append(Process(int(folder.name), int(parent_pid), text))
    return found


def descendants(pid: int) -> list[Process]:
    """Return the living children of a process, their children, and so on."""
    processes = living()
    found: list[Process] = []
    parents = {pid}
    while parents:
        children = [process for process in processes if process.parent_pid in parents]
        found += children
        parents = {process.pid for process in children}
    return found


def with_environment(name: str, value: str) -> list[Process]:
    """Return the living processes that were started with an environment variable set so."""
    wanted = f"{name}={value}".encode()
    found = []
    for process in living():
        try:
            environment = (_PROC / str(process.pid) / "environ").read_bytes()
        except OSError:
            continue  # it has just ended, or belongs to somebody else
        if wanted in environment.split(b"\0"):
            found.append(process)
    return found
