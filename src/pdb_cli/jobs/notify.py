"""``--notify``: tell somebody that a job has ended.

The target is a command for the shell, or one or more Apprise URLs (``mailto://``, ``slack://``
and a hundred more) where the optional package apprise is installed. It reaches the supervisor
through its request. A command is kept in the job's record too, as arguments are; URLs are not,
because they hold passwords.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING

from pdb_cli.errors import InvalidValueError, UnsupportedError
from pdb_cli.jobs.launch import PYTHON
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.process import system
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
        A command, or Apprise URLs with blanks between them.

    Raises
    ------
    UnsupportedError
        It is a URL, and apprise is not installed.
    InvalidValueError
        It is a URL that apprise does not know.
    """
    if not _is_url(target):
        return
    try:
        import apprise
    except ImportError as error:
        reason = "URLs need the package apprise: pip install 'pdb-cli[apprise]'"
        raise UnsupportedError(f"--notify {hide_secrets(target)}", reason) from error
    for url in target.split():
        if apprise.Apprise.instantiate(url) is None:
            expected = "a URL that Apprise knows, or a command"
            raise InvalidValueError("--notify", hide_secrets(url), expected)


def hide_secrets(target: str) -> str:
    """Return a target as records and messages may show it.

    Examples
    --------
    >>> hide_secrets("slack://token/a/b"), hide_secrets("mail -s done ann")
    ('slack://***', 'mail -s done ann')
    """
    if _is_url(target):
        schemes = [word.partition("://")[0] for word in target.split() if "://" in word]
        return " ".join(f"{scheme}://{REDACTED}" for scheme in schemes)
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
        A command, run by the shell where the job's command ran, or Apprise URLs.
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
        arguments, facts = system().shell_command(target), _facts(job, paths)
    try:
        command = supervision.start(
            arguments,
            cwd=job.cwd if os.path.isdir(job.cwd) else os.sep,  # noqa: PTH112 - a text
            stdout=paths.supervisor_log,
            stderr=paths.supervisor_log,
            environ={**environ, **facts},
        )
    except OSError as error:
        return f"could not be started: {error.strerror}"
    deadline = time.monotonic() + limit_s
    while (finish := command.wait(timeout_s=_LOOK_EVERY_S)) is None:
        if time.monotonic() >= deadline:
            command.end(grace_s=lambda: _GRACE_S, tick=lambda: None)
            return f"took more than {limit_s:g} s and was ended"
    return f"ended with exit code {finish.shell_code}" if finish.shell_code else None


def _is_url(target: str) -> bool:
    """Tell Apprise URLs from a command, which may hold URLs but does not begin with one."""
    return re.match(r"\s*" + _SCHEME, target) is not None


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
