"""One directory as the catalogue keeps it: its times, and what is in it, packed.

There is one row per directory, not per file: 260,000 files are 1,100 rows, which are read and
written in no time. What a file is, its path tells; so names, sizes and times are all that is kept.
"""

from __future__ import annotations

import os
import sys
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.index.tables import Row

UNSETTLED: Final = -1
"""Instead of a time: the directory is to be read again, whatever its times are."""

_COUNT_BYTES = 4
_HEAD_BYTES = 2 * _COUNT_BYTES
_LARGEST = 2**63 - 1
_NUMBER_BYTES = 8


class Listed(NamedTuple):
    """A file in a directory."""

    name: str
    size_bytes: int
    """Below zero for a file that is gone: see :meth:`as_gone`."""
    mtime_ns: int

    @property
    def is_gone(self) -> bool:
        """Whether it is remembered only because it was here."""
        return self.size_bytes < 0

    def as_gone(self) -> Listed:
        """Return what is remembered of it once it is gone."""
        return self if self.is_gone else self._replace(size_bytes=-1 - self.size_bytes)


class Directory(NamedTuple):
    """What the catalogue keeps of a directory."""

    mtime_ns: int
    """When something in it was last named or removed; or ``UNSETTLED``."""
    ctime_ns: int
    directories: tuple[str, ...]
    """The directories in it; those reached by a link have a ``/`` at their end."""
    packed: bytes
    """The files in it: see :func:`pack`."""

    def files(self) -> Iterator[Listed]:
        """Yield the files, those that are gone included, in order of their names."""
        return map(Listed._make, zip(*unpack(self.packed), strict=True))

    @property
    def files_present(self) -> int:
        """How many files are there."""
        return _count(self.packed, 0) - _count(self.packed, 1)

    @property
    def has_gone(self) -> bool:
        """Whether files are listed that are gone."""
        return _count(self.packed, 1) > 0

    def as_row(self, place: bytes) -> Row:
        """Return it as a row of the table."""
        directories = os.fsencode("\0".join(self.directories))
        return (place, self.mtime_ns, self.ctime_ns, directories, self.packed)

    @classmethod
    def from_row(cls, row: Row) -> Directory:
        """Return it from a row of the table, which has proved itself."""
        _, mtime_ns, ctime_ns, directories, packed = row
        names = os.fsdecode(directories)
        return cls(mtime_ns, ctime_ns, tuple(names.split("\0")) if names else (), packed)


def pack(files: Iterable[Listed]) -> bytes:
    """Pack files: how many there are, how many are gone, all sizes, all times, all names.

    Parameters
    ----------
    files
        In order of their names.

    Examples
    --------
    >>> unpack(pack([Listed("1abc.cif.gz", 3, 5), Listed("2abc.cif.gz", 4, 6)]))
    (['1abc.cif.gz', '2abc.cif.gz'], [3, 4], [5, 6])
    """
    columns = list(zip(*files, strict=True))
    if not columns:
        return bytes(_HEAD_BYTES)
    names, sizes, times = columns
    try:
        numbers = array("q", sizes + times)
    except OverflowError:
        # A time after 2262, which some file systems can have: no other file's is that.
        numbers = array("q", (min(number, _LARGEST) for number in sizes + times))
    if sys.byteorder == "big":
        numbers.byteswap()
    counts = (len(names), sum(size < 0 for size in sizes) if min(sizes) < 0 else 0)
    head = b"".join(count.to_bytes(_COUNT_BYTES, "little") for count in counts)
    return head + numbers.tobytes() + os.fsencode("\0".join(names))


def unpack(packed: bytes) -> tuple[list[str], list[int], list[int]]:
    """Return names, sizes and times of what :func:`pack` packed.

    Parameters
    ----------
    packed
        The bytes, which have proved themselves.
    """
    count = _count(packed, 0)
    if not count:
        return [], [], []
    end = _HEAD_BYTES + 2 * count * _NUMBER_BYTES
    numbers = array("q")
    numbers.frombytes(packed[_HEAD_BYTES:end])
    if sys.byteorder == "big":
        numbers.byteswap()
    values = numbers.tolist()
    return os.fsdecode(packed[end:]).split("\0"), values[:count], values[count:]


def _count(packed: bytes, number: int) -> int:
    """Return one of the counts at the beginning."""
    start = number * _COUNT_BYTES
    return int.from_bytes(packed[start : start + _COUNT_BYTES], "little")
