"""Whole files or none: write beside the final name, then rename over it.

For small files whose bytes are in memory: job records, settings, indexes. Files that arrive over
the network go through :mod:`pdb_cli.storage.partial`. Imports little, because every start-up of
``pdb-cli jobs`` loads it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_STEM = 32
"""Characters of the final name kept in the temporary one, so that it never is too long."""


def write_atomic(path: Path, data: bytes | bytearray, *, mode: int = 0o666, durable: bool) -> None:
    """Give ``path`` the content ``data``: readers see the old file or the new one, never a mix.

    The temporary file has a unique name in the same directory and is removed again if anything
    goes wrong, ``KeyboardInterrupt`` included. The directory must exist. Where ``path`` is a
    symbolic link, the link is replaced, not the file it points to.

    Parameters
    ----------
    path
        The final name.
    data
        The whole content.
    mode
        Permissions of the new file, before the process's umask is applied.
    durable
        Whether the new content must also survive a power failure once this function returned:
        file and directory are then synced to the disk (some milliseconds).

    Raises
    ------
    FileAccessError
        The file could not be written; what was there before is unchanged.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "record.json"
    ...     write_atomic(path, b"{}", durable=False)
    ...     path.read_bytes()
    b'{}'
    """
    temporary = path.with_name(f".{path.name[:_LONGEST_STEM]}.{os.urandom(6).hex()}.tmp")
    try:
        _write_new(temporary, data, mode=mode, durable=durable)
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace is the same with an object more
        if durable:
            sync_directory(path.parent)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - as above
        if isinstance(error, OSError):
            raise FileAccessError.wrap("write", path, error) from error
        raise


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power failure.

    File systems that can not do it (some network ones) are left alone: there the rename is as
    durable as they make it.

    Parameters
    ----------
    path
        An existing directory.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Have the bytes of a file on the disk.

    Parameters
    ----------
    path
        An existing file.

    Raises
    ------
    OSError
        The system refused.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, data: bytes | bytearray, *, mode: int, durable: bool) -> None:
    """Create ``path``, which must not exist, with all of ``data`` in it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
