"""What other programs wrote made to survive a power failure, all of a file system at once.

A program that is started writes its files, but does not wait until they are on the disk. One call
for thousands of them costs a fraction of what one for each would.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError

if TYPE_CHECKING:
    from pathlib import Path

_FAILED_WRITES: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})


def flush_file_system(directory: Path) -> None:
    """Wait until everything written to the file system of a directory is on its disk.

    With ``syncfs(2)``, where the C library has it; else with ``sync(2)``, which on some systems
    only begins to write.

    Parameters
    ----------
    directory
        An existing directory.

    Raises
    ------
    FileAccessError
        Something could not be written after all (Linux 5.8 and later tell).
    """
    # It takes milliseconds to import, and is needed at the end of long runs.
    import ctypes  # noqa: PLC0415

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FileAccessError.wrap("read", directory, error) from error
    try:
        if syncfs(descriptor) == 0:
            return
        number = ctypes.get_errno()
    finally:
        os.close(descriptor)
    if number in _FAILED_WRITES:
        raise FileAccessError("write", directory, os.strerror(number), number)
    os.sync()
