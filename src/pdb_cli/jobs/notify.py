"""``--notify``: tell somebody that a job has ended.

The target is a command for the shell, or an Apprise URL (``mailto://``, ``slack://`` and a
hundred more) where the optional package apprise is installed. It reaches the supervisor through
its request and is never written to disk, because such URLs hold passwords.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from pdb_cli.errors import UnsupportedError
from pdb_cli.jobs.launch import PYTHON
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.redact import REDACTED, redact

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.paths import JobPaths

NOTIFY_LIMIT_S = 60.0
"""How long a notice may take; then it is ended."""

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


def start_notice(
    target: str, job: Job, paths: JobPaths, *, environ: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start telling the target how a job ended, in a session of its own; do not wait.

    Parameters
    ----------
    target
        A command, run by ``/bin/sh``, or an Apprise URL.
    job
        The final record.
    paths
        The job's paths; what the command prints goes to ``supervisor.log``.
    environ
        The environment; ``JOB_ID``, ``STATUS``, ``EXIT_CODE`` (empty if not known), ``LOG`` and
        ``LABEL`` are added.

    Raises
    ------
    OSError
        It could not be started.
    """
    import subprocess  # noqa: PLC0415 - only when somebody is to be told

    url = _is_url(target)
    command = [*PYTHON, "-m", "pdb_cli.jobs.apprise_notice"] if url else ["/bin/sh", "-c", target]
    with open(paths.supervisor_log, "ab") as log:  # noqa: PTH123 - a stream
        process = subprocess.Popen(
            command,
            cwd=job.cwd if os.path.isdir(job.cwd) else "/",  # noqa: PTH112 - a text
            env={**environ, **_facts(job, paths)},
            stdin=subprocess.PIPE if url else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    if process.stdin is not None:
        with process.stdin as pipe:
            pipe.write(_notice(target, job, paths))
    return process


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


def _notice(url: str, job: Job, paths: JobPaths) -> bytes:
    """Return the request for ``apprise_notice``."""
    lines = [f"pdb-cli {job.command}", job.reason, f"host: {job.host}", f"log: {paths.stderr}"]
    name = f"{job.label} ({job.id})" if job.label else job.id
    notice = {
        "url": url,
        "title": f"pdb-cli {name} {job.status}",
        "body": "\n".join(line for line in lines if line),
        "good": job.status is JobStatus.COMPLETED,
    }
    return json.dumps(notice).encode()
