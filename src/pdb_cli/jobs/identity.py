"""Who a process is: host, boot, pid namespace, pid and start time together.

A pid alone says nothing: it is used again after the process died, and means another process on
another host, after a reboot, or in another container.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
import os
import sys
from typing import NamedTuple

from pdb_cli.jobs.model import ProcessIdentity


class Place(NamedTuple):
    """Where pids mean what they mean here."""

    host: str
    boot_id: str | None
    """Changes with every boot; None where the system does not tell."""
    pid_namespace: str | None
    """Differs between containers; None where there are no namespaces."""


def this_place() -> Place:
    """Return the place this process runs in."""
    return Place(host=os.uname().nodename, boot_id=_boot_id(), pid_namespace=_pid_namespace())


def start_token(pid: int) -> str | None:
    """Return when a process started, as a text to compare, or None if there is none.

    On Linux this is field 22 of ``/proc/PID/stat`` (clock ticks after boot, proc(5)); a zombie
    counts as gone. Elsewhere it is the start time that ``ps`` prints.

    Parameters
    ----------
    pid
        The process to look at.
    """
    if sys.platform != "linux":
        return _ps_start(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no Path in a hot loop
            # The command name, in parentheses, may hold blanks and parentheses itself.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in b"ZX" else started.decode("ascii")


def identify(pid: int) -> ProcessIdentity:
    """Return the identity of a process that was alive a moment ago."""
    return ProcessIdentity(pid, start_token(pid) or "gone")


def is_alive(process: ProcessIdentity | None) -> bool:
    """Tell whether exactly this process still runs (here; compare places first)."""
    return process is not None and start_token(process.pid) == process.start_token


def _boot_id() -> str | None:
    """Return the kernel's id of this boot."""
    if sys.platform != "linux":
        return _sysctl("kern.bootsessionuuid")
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:  # noqa: PTH123
            return file.read().decode().strip()
    except OSError:
        return None


def _pid_namespace() -> str | None:
    """Return the name of this process's pid namespace."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no Path at start-up
    except OSError:
        return None


def _sysctl(name: str) -> str | None:
    """Ask ``sysctl`` (macOS)."""
    return _output(["sysctl", "-n", name])


def _ps_start(pid: int) -> str | None:
    """Ask ``ps`` for the state and start time of a process (macOS)."""
    text = _output(["ps", "-o", "stat=,lstart=", "-p", str(pid)])
    if text is None or text.startswith("Z"):
        return None
    return text.partition(" ")[2].strip() or None


def _output(command: list[str]) -> str | None:
    """Return what a small system program prints, or None if it fails."""
    import subprocess  # noqa: PLC0415 - only on systems without /proc

    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
