"""What ``ps`` and ``sysctl`` know about processes, where there is no ``/proc`` (macOS)."""

from __future__ import annotations

import subprocess


def start_token(pid: int) -> str | None:
    """Return the start time of a process as ``ps`` prints it, or None if there is none.

    Parameters
    ----------
    pid
        The process to look at.
    """
    text = _output(["ps", "-o", "stat=,lstart=", "-p", str(pid)])
    if text is None or text.startswith("Z"):
        return None
    return text.partition(" ")[2].strip() or None


def boot_id() -> str | None:
    """Return what ``sysctl`` calls the session of this boot."""
    return _output(["sysctl", "-n", "kern.bootsessionuuid"])


def parents() -> list[tuple[int, int]]:
    """Return (parent, child) of every process on this machine."""
    text = _output(["ps", "-axo", "ppid=,pid="]) or ""
    rows = (line.split() for line in text.splitlines())
    return [(int(parent), int(pid)) for parent, pid in rows]


def _output(command: list[str]) -> str | None:
    """Return what a small system program prints, or None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
