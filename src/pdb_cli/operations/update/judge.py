"""Is a file the one the archive announces? The decision, from dates alone.

Two dates are the same or they are not; which of them is later is never a reason to call a file
current. It is one to ask the mirror: a file that is dated after the archive's may be a copy made by
hand, of any version.

Only the coordinates as mmCIF have a date of their own. For all other files an entry's date says
that they may have changed, not that they did, and they are asked for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pdb_cli.archive.dates import archive_second, second_of

_NS: Final = 1_000_000_000


class Verdict(StrEnum):
    """What dates alone tell."""

    CURRENT = "current"
    OUTDATED = "outdated"
    ASK = "ask"
    """Only the mirror can tell."""


def is_dated(mtime_ns: int, second: int | None) -> bool:
    """Tell whether a file carries the archive's date: then it needs no further look.

    Parameters
    ----------
    mtime_ns
        The file's time.
    second
        The moment the archive's date names; None if it names none.
    """
    return second is not None and mtime_ns // _NS == second


def judge(
    date: str, *, own: bool, mtime_ns: int, recorded_s: float | None, marked: str | None
) -> Verdict:
    """Compare what is known of a file with the archive's date.

    Parameters
    ----------
    date
        The archive's date, as published.
    own
        Whether it is the date of this very file, rather than that of its entry.
    mtime_ns
        The file's time, in nanoseconds since 1970.
    recorded_s
        The server's time of the file when it was fetched, if it was, and has not changed since.
    marked
        The date the file was last found to be current for, unless it has changed since.

    Returns
    -------
    Verdict
        ``CURRENT`` only if a date of the file, or the mark, is the archive's date. ``OUTDATED``
        only for an own date.

    Examples
    --------
    >>> friday = "2026-09-04T14:09:19+00:00"
    >>> seen = {"own": True, "recorded_s": None, "marked": None}
    >>> str(judge(friday, mtime_ns=1788530959 * 10**9, **seen))
    'current'
    >>> str(judge(friday, mtime_ns=1787926159 * 10**9, **seen))
    'outdated'
    >>> str(judge(friday, mtime_ns=1790000000123456789, **seen))
    'ask'
    """
    second = second_of(date)
    is_recorded = second is not None and recorded_s is not None and recorded_s // 1 == second
    if is_recorded or is_dated(mtime_ns, second):
        return Verdict.CURRENT
    if marked is not None:
        is_same = marked == date or (second is not None and second_of(marked) == second)
        return Verdict.CURRENT if is_same else _unequal(own=own)
    if second is None:
        return Verdict.ASK
    if recorded_s is not None:
        return _unequal(own=own and recorded_s < second)
    here = archive_second(mtime_ns)
    return _unequal(own=own and here is not None and here < second)


def _unequal(*, own: bool) -> Verdict:
    """Return what it means that a date is another one than that of the file."""
    return Verdict.OUTDATED if own else Verdict.ASK
