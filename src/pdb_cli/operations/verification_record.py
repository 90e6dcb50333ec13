"""From what a transfer or a look at a file found to what the catalogue keeps of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from pdb_cli.index.model import Check, Level, Record
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.transfer.model import FetchResult

_COARSEST_S: Final = 2.0
"""FAT keeps times by so many seconds; others are exact."""
_SETTLED_NS: Final = 3_000_000_000
"""How old a file's time must be to tell it from a later version: clocks tick every 2 s at worst."""


def record_of_fetch(result: FetchResult) -> Record | None:
    """Return the record of a file that has just arrived.

    Parameters
    ----------
    result
        Of status ``FETCHED``.

    Returns
    -------
    Record | None
        None where what has the file's name now can not be shown to be what arrived: somebody else
        may have put another one there meanwhile.
    """
    verified, source = result.verified, result.source
    if verified is None or source is None:
        return None
    try:
        status = os.stat(result.item.destination)  # noqa: PTH116 - for each file
    except OSError:
        return None
    if status.st_size != verified.size_bytes:
        return None
    # As far as the file system can tell it.
    told_s = result.last_modified_s
    expected_s = None if told_s is None else result.item.time_of(told_s)
    if expected_s is not None and not 0 <= expected_s - status.st_mtime < _COARSEST_S:
        return None
    return Record(
        result.item.name,
        status.st_size,
        status.st_mtime_ns,
        Level.CONTENT,
        time.time(),
        verified.sha256,
        verified.crc32,
        without_credentials(source.url),
        result.etag,
        told_s,
        status.st_ctime_ns,
    )


def check_of_look(
    path: str, before: os.stat_result, after: os.stat_result, *, level: Level = Level.CONTENT
) -> Check | None:
    """Return the check of a file that was read to its end and found good.

    Parameters
    ----------
    path
        Relative to the collection, with ``/``.
    before, after
        What the system said of the file before it was opened and after it was read.
    level
        How thorough the look was.

    Returns
    -------
    Check | None
        None where the file changed meanwhile, or so lately that it could change again without a
        difference to be seen.
    """
    now_ns = time.time_ns()
    if file_identity(before) != file_identity(after) or before.st_mtime_ns > now_ns - _SETTLED_NS:
        return None
    return Check(path, before.st_size, before.st_mtime_ns, level, now_ns / 1e9, before.st_ctime_ns)


def stat_file(path: Path | str) -> os.stat_result | None:
    """Return what the system says of a file; None if that is nothing.

    Parameters
    ----------
    path
        The file; a link is followed.
    """
    try:
        return os.stat(path)  # noqa: PTH116 - for each file
    except OSError:
        return None


def file_identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file, and one state of it, from any other under the same name.

    Parameters
    ----------
    status
        What the system says of it.
    """
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
