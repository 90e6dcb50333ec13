"""``--notify``: tell somebody that a job has ended.

The target is a command for the shell, or an Apprise URL (``mailto://``, ``slack://`` and a
hundred more) where the optional package apprise is installed. It reaches the supervisor through
its request and is never written to disk, because such URLs hold passwords.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING

from pdb_cli.errors import UnsupportedError
from pdb_cli.jobs.launch import PYTHON
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.paths import JOB_DIR_VARIABLE
from pdb_cli.jobs.redact import REDACTED, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.paths import JobPaths
    from pdb_cli.jobs.process import Supervision

NOTIFY_LIMIT_S = 60.0
"""How long a notice may take; then it is ended."""
NOTICE_VARIABLE = "PDB_CLI_NOTICE"
"""What ``apprise_notice`` is to send: an environment can be read by its owner only."""
_LOOK_EVERY_S = 1.0
_GRACE_S = 2.0

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"


def check_target(target: str) -> None:
    """Make sure that a target can be told, before a job counts on it.

    Parameters
    ----------
    target
        A command, or an Apprise URL.

    Raises
    ------
    UnsupportedError
        It is a URL, and apprise is not installed.
    """
    if not _is_url(target):
        return
    from importlib.util import find_spec  # noqa: PLC0415 - only for URLs

    if find_spec("apprise") is None:
        reason = "URLs need the package apprise: pip install 'pdb-cli[apprise]'"
        raise UnsupportedError(f"--notify {hide_secrets(target)}", reason)


def hide_secrets(target: str) -> str:
    """Return a target as records and messages may show it.

    Examples
    --------
    >>> hide_secrets("slack://token/a/b"), hide_secrets("mail -s done ann")
    ('slack://***', 'mail -s done ann')
    """
    if _is_url(target):
        return target[: target.index("://") + 3] + REDACTED
    return redact(target)


def run_notice(
    target: str,
    job: Job,
    paths: JobPaths,
    *,
    supervision: Supervision,
    environ: Mapping[str, str],
    limit_s: float = NOTIFY_LIMIT_S,
) -> str | None:
    """Tell the target how a job ended, and wait until that is done.

    Parameters
    ----------
    target
        A command, run by ``/bin/sh`` in the job's directory, or an Apprise URL.
    job
        The final record.
    paths
        The job's paths; what the command prints goes to ``supervisor.log``.
    supervision
        Starts the command.
    environ
        The environment; ``JOB_ID``, ``STATUS``, ``EXIT_CODE`` (empty if not known), ``LOG`` and
        ``LABEL`` are added.
    limit_s
        How long it may take, in seconds; then it is ended, with all that it started.

    Returns
    -------
    str or None
        What went wrong; None if nothing did.
    """
    if _is_url(target):
        arguments = [*PYTHON, "-m", "pdb_cli.jobs.apprise_notice"]
        facts = {NOTICE_VARIABLE: _notice(target, job, paths)}
    else:
        arguments, facts = ["/bin/sh", "-c", target], _facts(job, paths)
    try:
        command = supervision.start(
            arguments,
            cwd=job.cwd if os.path.isdir(job.cwd) else os.sep,  # noqa: PTH112 - a text
            stdout=paths.supervisor_log,
            stderr=paths.supervisor_log,
            environ={**_outside_of_jobs(environ), **facts},
        )
    except OSError as error:
        return f"could not be started: {error.strerror}"
    deadline = time.monotonic() + limit_s
    while (finish := command.wait(timeout_s=_LOOK_EVERY_S)) is None:
        if time.monotonic() >= deadline:
            command.end(grace_s=lambda: _GRACE_S)
            return f"took more than {limit_s:g} s and was ended"
    return f"ended with exit code {finish.shell_code}" if finish.shell_code else None


def _outside_of_jobs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what makes ``pdb-cli`` write as jobs do."""
    return {name: value for name, value in environ.items() if name != JOB_DIR_VARIABLE}


def _is_url(target: str) -> bool:
    """Tell an Apprise URL from a command, which may hold URLs itself."""
    return re.fullmatch(_SCHEME + r"\S*", target) is not None


def _facts(job: Job, paths: JobPaths) -> dict[str, str]:
    """Return the variables a command gets."""
    return {
        "JOB_ID": job.id,
        "STATUS": str(job.status),
        "EXIT_CODE": "" if job.exit_code is None else str(job.exit_code),
        "LOG": str(paths.stderr),
        "LABEL": job.label or "",
    }


def _notice(url: str, job: Job, paths: JobPaths) -> str:
    """Return the request for ``apprise_notice``."""
    lines = [f"pdb-cli {job.command}", job.reason, f"host: {job.host}", f"log: {paths.stderr}"]
    name = f"{job.label} ({job.id})" if job.label else job.id
    notice = {
        "url": url,
        "title": f"pdb-cli {name} {job.status}",
        "body": "\n".join(line for line in lines if line),
        "good": job.status is JobStatus.COMPLETED,
    }
    return json.dumps(notice)
