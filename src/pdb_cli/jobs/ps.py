"""What ``ps`` and ``sysctl`` know about processes, where there is no ``/proc`` (macOS).

Not yet run on macOS: what the two print there is parsed by pure functions, with tests of their own.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from pdb_cli.jobs.model import ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable

# Start times are compared as texts: they must not depend on who looks.
_ENVIRON = {"PATH": "/bin:/usr/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC0"}
_ROW_FIELDS = 4


def start_token(pid: int) -> str | None:
    """Return the start time of a process (UTC, whole seconds), or None if there is none.

    Parameters
    ----------
    pid
        The process to look at.
    """
    text = _output(["ps", "-o", "pid=,ppid=,stat=,lstart=", "-p", str(pid)])
    return next((process.start_token for _, process in parse_table(text)), None)


def list_processes() -> list[tuple[int, ProcessIdentity]]:
    """Return every process of this machine with its parent's pid, zombies left out."""
    return parse_table(_output(["ps", "-axo", "pid=,ppid=,stat=,lstart="]))


def pids_started_with(name: str, value: str) -> set[int]:
    """Return the pids of what was started with an environment variable set so.

    The system shows the environment of one's own processes only, and of its own programs
    (``/bin/sh``, ``/usr/bin/rsync``) not even that.

    Parameters
    ----------
    name, value
        The variable.
    """
    # -E adds the environment to the command without a mark between the two.
    plain = _output(["ps", "-axww", "-o", "pid=,command="])
    extended = _output(["ps", "-axwwE", "-o", "pid=,command="])
    return parse_started_with(plain, extended, f"{name}={value}")


def boot_id() -> str | None:
    """Return what ``sysctl`` calls the session of this boot."""
    return _output(["sysctl", "-n", "kern.bootsessionuuid"]).strip() or None


def parse_table(text: str) -> list[tuple[int, ProcessIdentity]]:
    r"""Return (parent's pid, process) of each line ``pid ppid stat lstart``, zombies left out.

    Parameters
    ----------
    text
        What ``ps`` printed.

    Examples
    --------
    >>> parse_table("  42     1 Ss   Mon Jan  5 10:00:00 2026    \n  43    42 Z    -\n")
    [(1, ProcessIdentity(pid=42, start_token='Mon Jan  5 10:00:00 2026'))]
    """
    table = []
    for line in text.split("\n"):
        row = line.split(maxsplit=_ROW_FIELDS - 1)
        if len(row) == _ROW_FIELDS and not row[2].startswith("Z"):
            pid, parent, _, started = row
            table.append((int(parent), ProcessIdentity(int(pid), started.strip())))
    return table


def parse_started_with(plain: str, extended: str, entry: str) -> set[int]:
    r"""Return the pids in whose environment an entry is.

    What is only among a process's arguments does not count: somebody may be searching for it.

    Parameters
    ----------
    plain, extended
        Lines ``pid command``, without and with the environment after the command.
    entry
        ``NAME=value``; the value must not be the beginning of another one up to a blank.

    Examples
    --------
    >>> parse_started_with("1 sh\n2 grep A=b", "1 sh A=b C=d\n2 grep A=b C=d", "A=b")
    {1}
    """
    commands = dict(_numbered(plain))
    found = set()
    for pid, text in _numbered(extended):
        # A process that has become another program between the two looks is left out.
        command = commands.get(pid)
        if command is not None and text.startswith(command):
            environment = f"{text[len(command) :]} "
            if f" {entry} " in environment:
                found.add(pid)
    return found


def _numbered(text: str) -> Iterable[tuple[int, str]]:
    """Split lines into a pid and the rest."""
    for line in text.split("\n"):
        pid, _, rest = line.strip().partition(" ")
        if pid.isdecimal():
            yield int(pid), rest.strip()


def _output(command: list[str]) -> str:
    """Return what a small system program prints; nothing if it fails."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=_ENVIRON,
            # Arguments of other people's processes may hold any bytes.
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
