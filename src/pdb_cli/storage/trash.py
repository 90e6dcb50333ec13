"""Files that go, go here first: ``.pdb-cli/trash/<date>/`` under the paths they had.

Nothing is ever written over, nothing outside the trash is removed before it is safe in it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.move import rename_or_copy
from pdb_cli.storage.state_dir import STATE_DIR, TRASH_NAME

if TYPE_CHECKING:
    from pathlib import Path

KEEP_DAYS: Final = 30
"""How long a file stays in the trash."""

_FIRST: Final = "2026-01-01"
"""Before this day nothing was put into a trash of this kind."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def trash_dir(collection: Path) -> Path:
    """Return the trash of a collection."""
    return collection / STATE_DIR / TRASH_NAME


def move_to_trash(collection: Path, file: Path, path: str, day: date) -> Path:
    """Move a file to the trash.

    Parameters
    ----------
    collection
        The root of the collection.
    file
        Where the file is; a link is moved, not what it leads to.
    path
        Its path in the collection, with ``/``; the caller has made sure that it leads nowhere else.
    day
        The date to put it under, by UTC.

    Returns
    -------
    Path
        Where it is now. When that day's trash has such a file already, a number is added.

    Raises
    ------
    FileAccessError
        It could not be moved; then it is where it was.
    """
    wanted = trash_dir(collection) / day.isoformat() / path
    try:
        place = wanted
        number = 0
        # The collection's lock keeps others from taking the name in between.
        while os.path.lexists(place):
            number += 1
            place = wanted.with_name(f"{wanted.name}.{number}")
        rename_or_copy(file, place)
    except OSError as error:
        raise FileAccessError.wrap("move to the trash", file, error) from error
    return place


def empty_trash(collection: Path, today: date, *, keep_days: int = KEEP_DAYS) -> int:
    """Remove what has been in the trash for long enough.

    Only directories that are named by a date are looked at; links are not followed. The name tells
    what the clock said, which may have been wrong: a directory is as old as its name says, and the
    system, which ever of the two is later. What is dated in the future stays; what is dated before
    there was such a trash is dated anew.

    Parameters
    ----------
    collection
        The root of the collection.
    today
        The date, by UTC.
    keep_days
        How many days a file stays.

    Returns
    -------
    int
        How many days' directories were removed.
    """
    removed = 0
    last = (today - timedelta(days=keep_days)).isoformat()
    try:
        days = [entry.name for entry in os.scandir(trash_dir(collection)) if _is_day(entry)]
    except OSError:
        return 0
    for name in days:
        if name < last and _last_changed(trash_dir(collection) / name) < last:
            shutil.rmtree(trash_dir(collection) / name, ignore_errors=True)
            removed += 1
    return removed


def _last_changed(directory: Path) -> str:
    """Return the date when a directory was last changed, as its name would be; or no such date."""
    never = date.max.isoformat()
    try:
        day = date(*time.gmtime(_changed_at_s(directory))[:3]).isoformat()
        if day < _FIRST:
            # The clock was wrong, so nobody knows for how long it has been here: it is from now.
            os.utime(directory)
            return never
    except (OSError, OverflowError, ValueError):
        return never
    return day


def _changed_at_s(directory: Path) -> float:
    """Return when the system last changed a directory, in seconds since 1970."""
    return directory.lstat().st_ctime


def remove_empty_directories(top: Path, directory: Path) -> None:
    """Remove a directory that has become empty, and those above it, below ``top``.

    Parameters
    ----------
    top
        Where to stop; it stays.
    directory
        Where a file has gone.
    """
    while directory != top and top in directory.parents:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent


def _is_day(entry: os.DirEntry[str]) -> bool:
    """Tell whether something in the trash is the directory of a day."""
    return _DAY.fullmatch(entry.name) is not None and entry.is_dir(follow_symlinks=False)
