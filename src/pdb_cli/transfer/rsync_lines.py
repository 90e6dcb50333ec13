r"""What rsync prints, line by line: itemised files, the sums at the end, progress.

Sources: rsync(1), ``--itemize-changes``, ``--out-format`` and the log format of rsyncd.conf(5);
names are escaped as its section on ``--8-bit-output`` says: ``\#ooo`` is a byte.
"""

from __future__ import annotations

import calendar
import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

_ROW = re.compile(
    rb"=(?:(?P<update>[<>ch.])(?P<kind>[fdLDS])(?P<marks>[.+? a-zA-Z]{9})|(?P<gone>\*deleting  ))"
    rb" (?P<size>[0-9]+) (?P<third>[^ ]+) (?P<name>.+)",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\#([0-7]{3})")
_TIME = re.compile(rb"(\d{4})/(\d\d)/(\d\d)-(\d\d):(\d\d):(\d\d)")
_PROGRESS = re.compile(rb" *([0-9]+) +[0-9]+% ")
_FILES = re.compile(rb"Number of files: ([0-9]+)(?: \((.*)\))?")
_REGULAR = re.compile(rb"\breg: ([0-9]+)")
_ALL_NEW = b"+" * 9


class RowKind(Enum):
    """What a row is about."""

    FILE = "f"
    DIRECTORY = "d"
    OTHER = "o"


class Change(Enum):
    """What a row says."""

    NONE = "none"
    NEW = "new"
    CHANGED = "changed"
    """Its bytes are, or have been, transferred."""
    ATTRIBUTES = "attributes"
    """Only its time or permissions differ."""
    GONE = "gone"


class Row(NamedTuple):
    """One itemised file."""

    change: Change
    kind: RowKind
    name: bytes
    """As it is on disk, without the slash of directories."""
    size_bytes: int
    third: bytes
    """The third field, as the format asked for: a time or a number of bytes."""
    marks: bytes
    """What differs: ``s`` size, ``t`` time, ``p`` permissions, ... in the places of rsync(1)."""


def read_row(line: bytes) -> Row | None:
    r"""Read one itemised line, without its line end.

    Parameters
    ----------
    line
        In one of the formats of :mod:`pdb_cli.transfer.rsync_arguments`.

    Returns
    -------
    Row or None
        None for a line that is none.

    Examples
    --------
    >>> row = read_row(b"=>f.st...... 120 2026/09/02-00:00:00 ab/we\\#012ird")
    >>> row.change, row.name, row.size_bytes
    (<Change.CHANGED: 'changed'>, b'ab/we\nird', 120)
    >>> read_row(b"receiving file list ... done") is None
    True
    """
    match = _ROW.fullmatch(line)
    if match is None:
        return None
    name = match["name"]
    if b"\\#" in name:
        name = _ESCAPE.sub(lambda found: bytes((int(found[1], 8) & 0xFF,)), name)
    if match["gone"]:
        kind = RowKind.DIRECTORY if name.endswith(b"/") else RowKind.FILE
        return Row(Change.GONE, kind, name.rstrip(b"/"), 0, b"", b"")
    marks, letter = match["marks"], match["kind"]
    kind = {b"f": RowKind.FILE, b"d": RowKind.DIRECTORY}.get(letter, RowKind.OTHER)
    if kind is RowKind.DIRECTORY:
        name = name.rstrip(b"/")
    return Row(
        _change(match["update"], marks), kind, name, int(match["size"]), match["third"], marks
    )


def read_time(text: bytes) -> int | None:
    """Read a time as rsync prints it, in UTC; POSIX seconds, None for anything else.

    Parameters
    ----------
    text
        The time.

    Examples
    --------
    >>> read_time(b"2026/09/02-00:00:01")
    1788307201
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[4]), int(match[5]), int(match[6])
    return _midnight(int(match[1]), int(match[2]), int(match[3])) + (
        hours * 3600 + minutes * 60 + seconds
    )


def read_progress(line: bytes) -> int | None:
    """Read how many bytes of files are done, out of a line of ``--info=progress2``.

    Parameters
    ----------
    line
        What stands between two line ends or carriage returns.

    Examples
    --------
    >>> read_progress(b"         400000  99%  381.47MB/s    0:00:00 (xfr#2, to-chk=6/9)")
    400000
    """
    match = _PROGRESS.match(line)
    return None if match is None else int(match[1])


def read_regular_files(line: bytes) -> int | None:
    """Read how many regular files the sums at the end speak of.

    Parameters
    ----------
    line
        Any line.

    Returns
    -------
    int or None
        None if it is another line.

    Examples
    --------
    >>> read_regular_files(b"Number of files: 4,123 (reg: 4000, dir: 123)"), read_regular_files(b"")
    (None, None)
    >>> read_regular_files(b"Number of files: 4123 (reg: 4000, dir: 123)")
    4000
    """
    match = _FILES.fullmatch(line)
    if match is None:
        return None
    found = _REGULAR.search(match[2] or b"")
    # It names only kinds there are any of.
    return int(found[1]) if found else 0


def _change(update: bytes, marks: bytes) -> Change:
    """Return what the first and the last nine of the eleven characters say."""
    if marks == _ALL_NEW:
        return Change.NEW
    if update != b".":
        return Change.CHANGED
    return Change.ATTRIBUTES if marks.strip(b". ") else Change.NONE


@lru_cache(maxsize=4096)
def _midnight(year: int, month: int, day: int) -> int:
    """Return the POSIX seconds of a day's beginning; the archive has few different days."""
    return calendar.timegm((year, month, day, 0, 0, 0))
