"""Small JSON records beside data files, read without trusting them.

Anybody may have written to a directory that is shared, and a crash may have left anything. A record
is a help and never needed: one that is odd in any way counts as none.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, TypeGuard

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_RECORD_BYTES: Final = 64 * 1024
"""What is longer was not written here."""

_LONGEST_HEADER = 1024
"""Characters; servers refuse requests whose headers are very long."""


def read_record(
    path: Path, *, schema: int, largest_bytes: int = LARGEST_RECORD_BYTES
) -> dict[str, Any] | None:
    """Read a JSON object that says which schema it follows.

    Links are not followed, pipes are not waited for, and no more is read than a record may have.

    Parameters
    ----------
    path
        The file.
    schema
        What its member ``schema`` must be.
    largest_bytes
        The most bytes it may have.

    Returns
    -------
    dict of str to Any or None
        Its members, whose values the caller has yet to check; None if there is no such record.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            content = json.loads(os.read(descriptor, largest_bytes))
        finally:
            os.close(descriptor)
    except (OSError, ValueError, RecursionError):
        return None
    is_ours = isinstance(content, dict) and content.get("schema") == schema
    return content if is_ours else None


def is_header(value: object) -> TypeGuard[str | None]:
    """Tell whether a value may go into a request: none, or printable ASCII on one line.

    Parameters
    ----------
    value
        Of a record.

    Examples
    --------
    >>> is_header('"5f3a"'), is_header("5f3a" + chr(13) + chr(10) + "Host: other")
    (True, False)
    """
    if not isinstance(value, str):
        return value is None
    return len(value) <= _LONGEST_HEADER and value.isascii() and value.isprintable()
