"""``pdb-cli``: the entry point and its three paths that need no parser.

``--version``, ``--help`` and the plain list of jobs are what prompts, scripts and people ask for
most; they answer without importing click (which alone costs three interpreter starts). All else
goes through ``app.py``.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING

from pdb_cli._version import __version__
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.registry import COMPLETION_VARIABLE, PROGRAM, top_level_help

if TYPE_CHECKING:
    from pdb_cli.jobs.launch import WaitingSupervisor

_COLLECT_AFTER = 100_000
"""Objects made before the first garbage collection: start-up makes none (worth 7 % of it)."""

_PLAIN_JOBS_FLAGS = frozenset({"-a", "--all", "--running"})


def main(arguments: list[str] | None = None) -> int:
    """Run one command line.

    Parameters
    ----------
    arguments
        The arguments after the program's name; those of this process when left out.

    Returns
    -------
    int
        The exit code (``exit_codes.py``).
    """
    argv = sys.argv[1:] if arguments is None else arguments
    gc.set_threshold(_COLLECT_AFTER)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by the caller (>&-): there is nobody to tell.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - till the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path that is not valid UTF-8 is shown somehow, and stops nothing.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(argv)
        # The collection at exit would only look at what is about to be lost (10 % of a quick run).
        gc.freeze()
        sys.stdout.flush()
    except OSError as error:
        # Only standard output is left to fail here: errors of commands ended in app.py.
        return _give_up_output(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _give_up_output(error: OSError) -> int:
    """Leave nothing for the interpreter to complain about at exit; say what is worth a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        # The reader has gone: he knows.
        return ExitCode.BROKEN_PIPE
    sys.stderr.write(f"{PROGRAM}: can not write standard output: {error.strerror}\n")
    return ExitCode.FAILED


def _run(argv: list[str]) -> int:
    """Choose the path."""
    completing = COMPLETION_VARIABLE in os.environ
    code = None if completing else _answer_at_once(argv)
    if code is not None:
        return code
    supervisor = _start_supervisor() if "--bg" in argv and not completing else None
    from pdb_cli.cli.app import run  # noqa: PLC0415 - the parser is heavy

    return run(argv, os.environ, supervisor=supervisor)


def _answer_at_once(argv: list[str]) -> int | None:
    """Answer what needs no parser; None for all else."""
    if argv in (["--version"], ["-V"]):
        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        return ExitCode.DONE
    if argv in ([], ["--help"], ["-h"]):
        sys.stdout.write(top_level_help() + "\n")
        return ExitCode.DONE
    if argv[0] == "jobs" and len(argv) <= 2 and _PLAIN_JOBS_FLAGS.issuperset(argv[1:]):  # noqa: PLR2004 - jobs and one flag
        from pdb_cli.cli.job_table import list_plainly  # noqa: PLC0415 - only on this path

        return list_plainly(argv[1:], os.environ)
    return None


def _start_supervisor() -> WaitingSupervisor | None:
    """Let the supervisor's interpreter start while the arguments are checked (ADR 0006)."""
    from pdb_cli.jobs.launch import start_supervisor  # noqa: PLC0415 - only with --bg

    try:
        return start_supervisor(os.environ)
    except Exception as error:
        from pdb_cli.errors import JobStartError  # noqa: PLC0415 - only when it went wrong

        if not isinstance(error, JobStartError):
            raise
        # It is tried again, and the reason told, once the arguments are known to be right.
        return None
