"""Move a file, also to another file system: it is never nowhere, and nothing is written over."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import sync_directory, sync_file

if TYPE_CHECKING:
    from pathlib import Path


def move_file(file: Path, place: Path) -> bool:
    """Move a file to where no other is.

    Missing directories are made. Who calls this keeps others from taking the place meanwhile.

    Parameters
    ----------
    file
        Where it is; a link is moved, not what it leads to.
    place
        Where it is to be.

    Returns
    -------
    bool
        False if something is there already; then nothing was done.

    Raises
    ------
    FileAccessError
        It could not be moved; then it is where it was.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file, place = Path(folder, "a"), Path(folder, "b", "a")
    ...     _ = file.write_text("text")
    ...     move_file(file, place), place.read_text(), file.exists()
    (True, 'text', False)
    """
    try:
        if os.path.lexists(place):
            return False
        rename_or_copy(file, place)
    except OSError as error:
        raise FileAccessError.wrap("move", file, error) from error
    return True


def rename_or_copy(file: Path, place: Path) -> None:
    """Give a file another name, which nobody has; on another file system if need be.

    Parameters
    ----------
    file
        The file; a link is moved, not what it leads to.
    place
        Where it is to be; directories are made.

    Raises
    ------
    OSError
        The file is where it was.
    """
    made = _make_directories(place.parent)
    try:
        os.rename(file, place)  # noqa: PTH104 - Path.rename is the same with an object more
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_across(file, place)
        # The copy must not lose its name in a power failure that comes after the original's end.
        for directory in (place.parent, *made):
            sync_directory(directory)
        file.unlink()


def _make_directories(directory: Path) -> list[Path]:
    """Make a directory and those above it; return the ones in which something was made."""
    missing: list[Path] = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return [each.parent for each in missing]


def _copy_across(file: Path, place: Path) -> None:
    """Copy a file with its time; it has its name when it is on the disk."""
    new = place.with_name(f".{place.name}.{os.urandom(6).hex()}.tmp")
    try:
        shutil.copy2(file, new, follow_symlinks=False)
        if not new.is_symlink():
            sync_file(new)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
