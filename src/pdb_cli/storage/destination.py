"""Can files be written there? Asked before anything is fetched."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pdb_cli.errors import FileAccessError

CHECK_ACTION = "write files to"
"""The action of the errors raised here."""

CLAIM_ACTION = "write to"
"""The action of an error about a partial file's name that something else has."""


def check_writable(root: Path) -> None:
    """Make sure files can be made in a directory, or the directory itself.

    A file is made in the nearest directory that exists, and removed again: permissions alone do
    not tell (root, read-only and network file systems).

    Parameters
    ----------
    root
        The directory files will go into or below; it need not exist.

    Raises
    ------
    FileAccessError
        It, or the nearest directory above it that exists, can not be written, or is none.
    """
    place = Path(os.path.abspath(root))  # noqa: PTH100 - links stay as they are
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise FileAccessError(CHECK_ACTION, root, f"{place} is not a directory", errno.ENOTDIR)
    probe = place / f".pdb-cli-probe.{os.urandom(6).hex()}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        probe.unlink()
    except OSError as error:
        raise FileAccessError.wrap(CHECK_ACTION, root, error) from error
