"""How much may go at once: the limit of deletions, and when a list is too short to be believed."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pdb_cli.errors import InvalidValueError

_LIMIT: Final = re.compile(r"(?P<files>[0-9]{1,9})|(?P<percent>[0-9]{1,3}(?:\.[0-9]+)?)\s*%")
_ALL_PERCENT: Final = 100.0
SHORTEST_SHARE: Final = 0.9
"""A list with less than that of the last complete one looks cut short."""


class DeleteLimit(NamedTuple):
    """The most files a run may delete."""

    files: int | None = None
    percent: float | None = None
    """Of the local files of a tree, before the run."""


def parse_delete_limit(text: str, *, name: str = "--max-delete") -> DeleteLimit:
    """Read a number of files, or percent of the local files.

    Parameters
    ----------
    text
        As the user wrote it.
    name
        What to call it in an error.

    Returns
    -------
    DeleteLimit
        The limit.

    Raises
    ------
    InvalidValueError
        It is neither.

    Examples
    --------
    >>> parse_delete_limit("5%"), parse_delete_limit("20")
    (DeleteLimit(files=None, percent=5.0), DeleteLimit(files=20, percent=None))
    """
    match = _LIMIT.fullmatch(text.strip())
    if match is None or (match["percent"] and float(match["percent"]) > _ALL_PERCENT):
        raise InvalidValueError(
            name, text, 'a number of files such as 100, or percent such as "5%"'
        )
    if match["files"]:
        return DeleteLimit(files=int(match["files"]))
    return DeleteLimit(percent=float(match["percent"]))


def limit_text(limit: DeleteLimit) -> str:
    """Return a limit as it is written.

    Parameters
    ----------
    limit
        The limit.

    Examples
    --------
    >>> limit_text(DeleteLimit(percent=5.0)), limit_text(DeleteLimit(files=3))
    ('5%', '3')
    """
    return f"{limit.percent:g}%" if limit.percent is not None else str(limit.files)
