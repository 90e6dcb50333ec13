"""Can files be written there? Asked before anything is fetched."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pdb_cli.errors import FileAccessError


def check_writable(root: Path) -> None:
    """Make sure a directory can be written, or be made; make nothing yet.

    Parameters
    ----------
    root
        The directory files will go into or below.

    Raises
    ------
    FileAccessError
        It, or the nearest directory above it that exists, can not be written, or is none.
    """
    place = Path(os.path.abspath(root))  # noqa: PTH100 - links stay as they are
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise FileAccessError("write", root, f"{place} is not a directory", errno.ENOTDIR)
    if not os.access(place, os.W_OK | os.X_OK):
        reason = os.strerror(errno.EACCES)
        try:
            # Root may write anywhere but on a read-only file system.
            if os.statvfs(place).f_flag & os.ST_RDONLY:
                reason = os.strerror(errno.EROFS)
        except OSError:
            pass
        raise FileAccessError("write", root, reason, errno.EACCES)
