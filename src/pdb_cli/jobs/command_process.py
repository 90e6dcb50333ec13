"""The command of a job as a process: how it is started, and its last words."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

from pdb_cli.jobs.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pdb_cli.jobs.paths import JobPaths

# Python ignores the first two, the caller's shell or nohup may have ignored the others.
_SIGNALS_TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT)
_TAIL_BYTES = 4096
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z ")


def start_command(
    command: Sequence[str], *, cwd: str, paths: JobPaths, environ: Mapping[str, str]
) -> int:
    """Start a job's command in a session of its own, writing to the job's logs.

    ``posix_spawn`` rather than ``subprocess``: nobody but the supervisor may wait for it, and
    the supervisor stays small. Meant for a process with one thread, whose directory is ``/``.

    Parameters
    ----------
    command
        Program (a path) and arguments.
    cwd
        The directory it runs in.
    paths
        The job's paths.
    environ
        Its environment; ``PDB_CLI_JOB_DIR`` is added.

    Returns
    -------
    int
        Its pid.

    Raises
    ------
    OSError
        The directory or the program is not there, or no process could be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.chdir(cwd)
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            {**environ, "PDB_CLI_JOB_DIR": str(paths.directory)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(paths.stdout), flags, 0o600),
                (os.POSIX_SPAWN_OPEN, 2, str(paths.stderr), flags, 0o600),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_SIGNALS_TO_DEFAULT,
        )
    finally:
        os.chdir("/")


def last_line(log: Path) -> str:
    """Return the last line of a log, without its time: the command's own reason.

    Parameters
    ----------
    log
        The file; an empty text is returned if it can not be read.
    """
    try:
        with open(open_regular(log), "rb") as file:  # noqa: PTH123 - a descriptor
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        text = "".join(item for item in line if item.isprintable()).strip()
        if text:
            return text[match.end() :] if (match := _TIME.match(text)) else text
    return ""
