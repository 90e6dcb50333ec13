"""Open what should be a regular file in a directory that other people may write to."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


READ_AT_ONCE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How to open a file for reading its bytes without ever waiting, as opening a FIFO would."""


def open_regular(path: Path) -> int:
    """Open a file for reading; never wait for it, as opening a FIFO would.

    Parameters
    ----------
    path
        The file; a link to one will do.

    Returns
    -------
    int
        Its descriptor, the caller's to close.

    Raises
    ------
    OSError
        It can not be opened; ``EINVAL`` if it is no regular file.
    """
    fd = os.open(path, READ_AT_ONCE)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_regular(path: Path) -> bytes:
    """Read a whole file; never wait for it.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    OSError
        As ``open_regular``, or it can not be read.
    """
    with open(open_regular(path), "rb") as file:
        return file.read()
