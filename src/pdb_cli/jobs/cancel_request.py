"""``cancel.json``: who wants a job to end. Written by anybody, read by the supervisor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdb_cli.errors import FileAccessError
from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.model import to_json, utc_now
from pdb_cli.jobs.regular_file import read_regular
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


def leave_request(
    path: Path, *, user: str, reason: str | None = None, grace_s: float | None = None
) -> dict[str, Any]:
    """Ask for the end of a job: its supervisor looks every second.

    Parameters
    ----------
    path
        Where the request goes.
    user
        Who asks.
    reason
        Why, if there is more to say.
    grace_s
        Seconds between TERM and KILL; None for what the job's record says. A later request may
        shorten an earlier one's while the job is being ended.

    Returns
    -------
    dict
        The request.

    Raises
    ------
    FileAccessError
        Not even an empty file could be made.
    """
    request: dict[str, Any] = {
        "user": user,
        "host": this_place().host,
        "requested_at": utc_now(),
    }
    if reason is not None:
        request["reason"] = reason
    if grace_s is not None:
        request["grace_s"] = grace_s
    try:
        write_atomic(path, to_json(request), mode=0o600, durable=True)
    except FileAccessError:
        # A full disk has room for a name, and the name alone is a request: the job that filled
        # the disk must be one that can be cancelled.
        try:
            path.touch(mode=0o600)
        except OSError as error:
            raise FileAccessError.wrap("write", path, error) from error
    return request


def read_request(path: Path) -> dict[str, Any] | None:
    """Return the request for the end of a job, or None if there is none.

    A file that can not be understood is a request without details.

    Parameters
    ----------
    path
        Where a request would be.
    """
    try:
        request = json.loads(read_regular(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}
