"""Start a supervisor process, before anything else of a ``--bg`` run.

Imports next to nothing: the sooner the supervisor's interpreter starts, the sooner it is ready for
the job that the command line hands to it (``spawn.py``).
"""

import sys
from collections.abc import Mapping

from pdb_cli.jobs.process import JOB_DIR_VARIABLE, WaitingSupervisor, system

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
        # A job that starts another one: that is a job of its own, no part of the first.
        own = {name: value for name, value in environ.items() if name != JOB_DIR_VARIABLE}
        return system().start_supervisor([*PYTHON, "-m", "pdb_cli.jobs.supervisor"], own)
    except OSError as error:
        from pdb_cli.errors import JobStartError  # noqa: PLC0415 - see the module's docstring

        raise JobStartError(None, f"no process could be started: {error.strerror}") from error
