"""Keep the logs of a job from filling the disk.

A log that has grown too large is copied to ``NAME.1``, in place of the copy before, and begun
anew. The command keeps its open file, so what it writes between the end of the copying and the
cut, some microseconds, is lost; nothing that was in the log is.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20
_RESERVE_BYTES = 1 << 20
"""Room that a copy must leave on the disk."""
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
"""Windows has no such flag, and hardly any links."""


def kept_part(log: Path) -> Path:
    """Return where the part before the last cut of a log is kept.

    Examples
    --------
    >>> from pathlib import Path
    >>> kept_part(Path("job_abc123/stderr.log")).name
    'stderr.log.1'
    """
    return log.with_name(f"{log.name}.1")


def cap_log(log: Path, *, max_bytes: int) -> bool:
    """Cut a log that has become larger than allowed; what it held is kept as ``NAME.1``.

    A log that is not there, or is no regular file, is left alone.

    Parameters
    ----------
    log
        The file; its writers must have opened it to append.
    max_bytes
        The largest size that stays as it is; 0 for no limit.

    Returns
    -------
    bool
        Whether it was cut.

    Raises
    ------
    OSError
        The copy could not be made (a full disk); the log is as it was.
    """
    try:
        found = os.stat(log, follow_symlinks=False)  # noqa: PTH116 - asked every second
    except FileNotFoundError:
        return False
    if max_bytes == 0 or found.st_size <= max_bytes or not stat.S_ISREG(found.st_mode):
        return False
    _check_room(log, found.st_size)
    kept = kept_part(log)
    copy = kept.with_name(f".{kept.name}.tmp")
    try:
        _copy_and_cut(log, copy, kept, found.st_size)
    except BaseException:
        with suppress(OSError):
            os.unlink(copy)  # noqa: PTH108 - one object less
        raise
    return True


def _check_room(log: Path, size_bytes: int) -> None:
    """Leave room for what matters more than a copy of the log: the record of the end."""
    from shutil import disk_usage  # noqa: PLC0415 - only for a log that is too large

    if disk_usage(log.parent).free < size_bytes + _RESERVE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(log))


def _copy_and_cut(log: Path, copy: Path, kept: Path, size_bytes: int) -> None:
    """Copy, give the copy its name, and cut, with as little as possible in between."""
    with (
        open(log, "rb+", buffering=0, opener=_open_no_link) as source,
        open(copy, "wb", buffering=0, opener=_open_private) as target,
    ):
        left = 2 * size_bytes  # whoever writes as fast as we copy must not keep us for ever
        while left > 0 and (data := source.read(_CHUNK)):
            _write_all(target.fileno(), data)
            left -= len(data)
        os.replace(copy, kept)  # noqa: PTH105 - between the last read and the cut
        os.ftruncate(source.fileno(), 0)


def _open_no_link(path: str, flags: int) -> int:
    """Open a file, but not through a link."""
    return os.open(path, flags | _NO_LINK)


def _open_private(path: str, flags: int) -> int:
    """Open a file that only its owner may read."""
    return os.open(path, flags, 0o600)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all of some bytes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
