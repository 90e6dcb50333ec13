"""What is in a bucket of a tree on the disk: names, times and sizes; no file is opened."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, UnsafeTreeError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
_HASH_LENGTH = 2


LocalFile = tuple[int, int]
"""A file's time in nanoseconds since 1970, and its size in bytes: a bare pair, for millions."""


def list_buckets(root: str) -> Iterator[str]:
    """Yield the names of the directories of a tree that are called as a hash is.

    Parameters
    ----------
    root
        Where the tree is; it need not exist.

    Raises
    ------
    FileAccessError
        It can not be read.
    """
    try:
        with os.scandir(root) as found:
            for entry in found:
                name = entry.name
                if len(name) == _HASH_LENGTH and name.isalnum() and name.isascii():
                    yield name
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise FileAccessError.wrap("read", Path(root), error) from error


def list_files(bucket: str, depth: int) -> dict[str, LocalFile]:
    """Return the files of a bucket by their names below it.

    Names that begin with a dot are nobody's, and what is no regular file is not there: a link among
    them is replaced by the file it should have been.

    Parameters
    ----------
    bucket
        The directory; it need not exist.
    depth
        How many directories lie between it and a file.

    Raises
    ------
    FileAccessError
        It can not be read.
    UnsafeTreeError
        It, or a directory below it, is a link: what lies behind may be outside the collection.
    """
    found: dict[str, LocalFile] = {}
    _add_files(found, bucket.rstrip("/"), "", depth)
    return found


def _add_files(found: dict[str, LocalFile], directory: str, start: str, depth: int) -> None:
    """Add the files of a directory and of those below it."""
    try:
        with os.scandir(directory) as entries:
            # After it was opened: what it is now is what was read.
            if start and os.path.islink(directory):  # noqa: PTH114 - for each of many directories
                raise _link_error(directory)
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                if depth:
                    if entry.is_dir():
                        _add_files(found, f"{directory}/{name}", f"{start}{name}/", depth - 1)
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found[start + name] = status.st_mtime_ns, status.st_size
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise FileAccessError.wrap("read", Path(directory), error) from error


def check_no_link(directory: str) -> None:
    """Make sure that a directory of a tree is none that somebody else's link leads to.

    Parameters
    ----------
    directory
        Below the root of a tree; it need not exist.

    Raises
    ------
    UnsafeTreeError
        It is a link.
    """
    if os.path.islink(directory.rstrip("/")):  # noqa: PTH114 - for each bucket
        raise _link_error(directory)


def _link_error(directory: str) -> UnsafeTreeError:
    """Return the error about a link in place of a directory."""
    reason = "links in a tree are not followed; put a directory in its place"
    return UnsafeTreeError(Path(directory.rstrip("/")), reason)
