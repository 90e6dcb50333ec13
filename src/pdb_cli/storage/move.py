"""Move a file, also to another file system: it is never nowhere, and nothing is written over."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError

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
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place):
            return False
        try:
            os.rename(file, place)  # noqa: PTH104 - Path.rename is the same with an object more
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy_across(file, place)
            file.unlink()
    except OSError as error:
        raise FileAccessError.wrap("move", file, error) from error
    return True


def _copy_across(file: Path, place: Path) -> None:
    """Copy a file with its time; it has its name when it is on the disk."""
    new = place.with_name(f".{place.name}.{os.urandom(6).hex()}.tmp")
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
