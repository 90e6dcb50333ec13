"""Whether a directory is on a file system that other hosts may share.

SQLite's write-ahead log needs memory that all its users share, so it must not be used where other
hosts use the same files. What is not known to be local counts as shared.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOUNTS = Path("/proc/self/mountinfo")
_LOCAL_TYPES: Final = frozenset({
    "apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfs", "jfs",
    "msdos", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "udf", "ufs", "vfat", "xfs",
    "zfs",
})  # fmt: skip
_MOUNT_PROGRAM_S = 5.0


def is_shared(path: Path) -> bool:
    """Tell whether other hosts may use the same files: NFS, Lustre, SMB and whatever is not known.

    Parameters
    ----------
    path
        An existing directory.

    Examples
    --------
    >>> is_shared(Path("/nowhere/at/all"))
    True
    """
    real = os.path.realpath(path)
    if not os.path.isdir(real):  # noqa: PTH112 - a text already
        return True
    try:
        if _MOUNTS.exists():
            text = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
            return file_system_type(real, linux_mounts(text)) not in _LOCAL_TYPES
        listed = subprocess.run(
            ["mount"], capture_output=True, check=True, timeout=_MOUNT_PROGRAM_S
        ).stdout.decode(errors="surrogateescape")
        return file_system_type(real, bsd_mounts(listed)) != "local"
    except (OSError, subprocess.SubprocessError):
        return True


def file_system_type(path: str, mounts: Iterable[tuple[str, str]]) -> str | None:
    """Return the type of the file system that a path is on.

    Parameters
    ----------
    path
        Absolute, without links.
    mounts
        Mount points and types; of two at the same place, the later one counts.

    Returns
    -------
    str | None
        None if no mount point is above the path.

    Examples
    --------
    >>> file_system_type("/data/pdb", [("/", "ext4"), ("/data", "nfs4"), ("/da", "xfs")])
    'nfs4'
    """
    longest, found = -1, None
    for point, kind in mounts:
        is_above = path == point or path.startswith(point.rstrip("/") + "/")
        if is_above and len(point) >= longest:
            longest, found = len(point), kind
    return found


def linux_mounts(text: str) -> Iterator[tuple[str, str]]:
    """Read ``/proc/self/mountinfo`` (its format: proc(5)).

    Parameters
    ----------
    text
        Its text.

    Yields
    ------
    tuple of str and str
        Mount point and type.
    """
    for line in text.split("\n"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > 4 and kinds[0]:  # noqa: PLR2004 - the mount point is the fifth
            yield re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]), kinds[0]


def bsd_mounts(text: str) -> Iterator[tuple[str, str]]:
    """Read what ``mount`` prints on macOS and the BSDs: ``/dev/disk1 on / (apfs, local)``.

    Parameters
    ----------
    text
        Its output.

    Yields
    ------
    tuple of str and str
        Mount point, and ``local`` or the type.
    """
    for line in text.split("\n"):
        match = re.fullmatch(r".*? on (/.*) \(([^()]*)\)", line)
        if match:
            flags = match[2].split(", ")
            yield match[1], "local" if "local" in flags else flags[0]
