"""Files that go, go here first: ``.pdb-cli/trash/<date>/`` under the paths they had.

Nothing is ever written over, nothing outside the trash is removed before it is safe in it.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.state_dir import STATE_DIR, TRASH_NAME

if TYPE_CHECKING:
    from pathlib import Path

KEEP_DAYS: Final = 30
"""How long a file stays in the trash."""

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
        wanted.parent.mkdir(parents=True, exist_ok=True)
        place = wanted
        number = 0
        # The collection's lock keeps others from taking the name in between.
        while os.path.lexists(place):
            number += 1
            place = wanted.with_name(f"{wanted.name}.{number}")
        try:
            os.rename(file, place)  # noqa: PTH104 - Path.rename is the same with an object more
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _move_across(file, place)
    except OSError as error:
        raise FileAccessError.wrap("move to the trash", file, error) from error
    return place


def empty_trash(collection: Path, today: date, *, keep_days: int = KEEP_DAYS) -> int:
    """Remove what has been in the trash for long enough.

    Only directories that are named by a date are looked at; links are not followed.

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
        if name < last:
            shutil.rmtree(trash_dir(collection) / name, ignore_errors=True)
            removed += 1
    return removed


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


def _move_across(file: Path, place: Path) -> None:
    """Move between file systems: the original goes when the copy is on the disk."""
    new = place.with_name(f".{place.name}.new")
    try:
        shutil.copy2(file, new, follow_symlinks=False)
        if not new.is_symlink():
            descriptor = os.open(new, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    file.unlink()
