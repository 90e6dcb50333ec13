"""Start a supervisor process, before anything else of a ``--bg`` run.

Imports next to nothing: the sooner the supervisor's interpreter starts, the sooner it is ready for
the job that the command line hands to it (``spawn.py``).
"""

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

# -P: a json.py in the current directory must not become ours.
PYTHON = (sys.executable, "-P")
"""How pdb-cli starts interpreters."""


class WaitingSupervisor(NamedTuple):
    """A supervisor process that waits for a job on its standard input."""

    pid: int
    request_fd: int
    answer_fd: int

    def dismiss(self) -> None:
        """Send it home: no job will come."""
        os.close(self.request_fd)
        os.close(self.answer_fd)


def start_supervisor(environ: Mapping[str, str]) -> WaitingSupervisor:
    """Start a supervisor process in a session of its own; return at once.

    Parameters
    ----------
    environ
        The environment it and its command get.

    Raises
    ------
    JobStartError
        The system could not start a process.
    """
    ends: list[int] = []
    try:
        ends += os.pipe()
        ends += os.pipe()
        request_read, request_write, answer_read, answer_write = ends
        # posix_spawn, since importing subprocess would cost as much as starting the process.
        pid = os.posix_spawn(
            sys.executable,
            [*PYTHON, "-m", "pdb_cli.jobs.supervisor"],
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, request_read, 0),
                (os.POSIX_SPAWN_DUP2, answer_write, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            # A caller that has blocked TERM must not make a job that can not be told to stop.
            setsigmask=(),
        )
    except OSError as error:
        from pdb_cli.errors import JobStartError  # noqa: PLC0415 - see the module's docstring

        for end in ends:
            os.close(end)
        raise JobStartError(None, f"no process could be started: {error.strerror}") from error
    os.close(request_read)
    os.close(answer_write)
    return WaitingSupervisor(pid, request_write, answer_read)
