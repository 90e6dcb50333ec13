"""Other places on this machine: containers, hosts and boots of their own, made by unshare(1)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

import pytest

from support.programs import require_program

if TYPE_CHECKING:
    from pdb_cli.jobs.store import JobStore

CONTAINER = ("--pid", "--fork", "--kill-child", "--mount-proc")
"""Processes have other pids here, and die with the first of them."""
_CHOOSE_PID = Path("/proc/sys/kernel/ns_last_pid")
_RENAME = """
import os, socket, sys

socket.sethostname(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
"""
_REBOOT = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'


def container() -> list[str]:
    """Return the words before a command that runs it in a pid namespace of its own."""
    return _unshare(*CONTAINER)


def container_that_chooses_pids() -> list[str]:
    """Return the same, where a process can be given the pid one wants (ns_last_pid, proc(5))."""
    if not _CHOOSE_PID.exists():
        _refuse(f"this kernel has no {_CHOOSE_PID}")
    return container()


def host(name: str) -> list[str]:
    """Return the words before a command that runs it on a host of another name."""
    # Renaming goes by way of the new namespace only: otherwise it would rename this machine.
    return [*_unshare("--uts"), sys.executable, "-c", _RENAME, name]


def boot(boot_id: Path) -> list[str]:
    """Return the words before a command that runs it under the boot id a file holds."""
    return [*_unshare("--mount"), "/bin/sh", "-c", _REBOOT, str(boot_id)]


class Elsewhere:
    """A program in another place that starts jobs and looks at jobs there.

    Leaving the context ends the program; in a container that ends everything in it.

    Parameters
    ----------
    place
        What ``container``, ``host`` or ``boot`` returned.
    store
        The jobs directory, which all places share.
    """

    def __init__(self, place: list[str], store: JobStore) -> None:
        self._command = [
            *place, sys.executable, "-m", "support.elsewhere_program", str(store.jobs_dir),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)

    def start(self, *command: str) -> str:
        """Start a job there and return its id."""
        return str(self._ask("start", *command))

    def see(self, job_id: str) -> tuple[str, str, str]:
        """Return status, doubt and reason of a job as they look from there."""
        status, doubt, reason = list(self._ask("see", job_id))
        return status, doubt, reason

    def _ask(self, *request: str) -> list[str] | str:
        """Hand over one request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: list[str] | str = json.loads(self._process.stdout.readline())
        return answer


def _unshare(*options: str) -> list[str]:
    """Return unshare with options that work here, or skip the test.

    Only root may make namespaces: other users skip.
    """
    command = [require_program("unshare", package="util-linux"), *options, "--"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        _refuse(f"no namespace could be made: {tried.stderr.strip()}")
    return command


def _refuse(reason: str) -> NoReturn:
    """Skip the test; with CI=true root is expected to have what it needs, and the test fails."""
    if os.geteuid() == 0 and os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
