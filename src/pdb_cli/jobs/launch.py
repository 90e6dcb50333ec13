"""Start a supervisor process, before anything else of a ``--bg`` run.

Imports next to nothing: the sooner the supervisor's interpreter starts, the sooner it is ready for
the job that the command line hands to it (``spawn.py``).
"""

import sys
from collections.abc import Mapping

from pdb_cli.jobs.process import WaitingSupervisor, system

__all__ = ["PYTHON", "WaitingSupervisor", "start_supervisor"]

# -P: a json.py in the current directory must not become ours.
PYTHON = (sys.executable, "-P")
"""How pdb-cli starts interpreters."""


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
    try:
        return system().start_supervisor([*PYTHON, "-m", "pdb_cli.jobs.supervisor"], environ)
    except OSError as error:
        from pdb_cli.errors import JobStartError  # noqa: PLC0415 - see the module's docstring

        raise JobStartError(None, f"no process could be started: {error.strerror}") from error
