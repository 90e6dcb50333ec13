"""For how long an answer of a mirror counts: the one rule for ``update`` and ``sync`` over https.

What a mirror said of a file is kept as a *mark*: that the file was found to be current for a date
of the archive. But a mirror may have the lists of today and the files of yesterday. So the answer
counts for good only if the file there is not older than the date, or the date so old that mirrors
have caught up with it; else it counts for this week, and the file is asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pdb_cli.archive.dates import earliest_second_of

if TYPE_CHECKING:
    from pdb_cli.index.model import Mark

_WEEK_S: Final = 7 * 86_400
_SETTLED_AFTER_S: Final = 2 * _WEEK_S
_UNTIL: Final = " until week "


def is_recent(second: int, now_s: float) -> bool:
    """Tell whether mirrors may not have caught up yet with a date of the archive.

    Parameters
    ----------
    second
        The date, in seconds since 1970.
    now_s
        The time now, in seconds since 1970.
    """
    return now_s - second < _SETTLED_AFTER_S


def lasting(date: str, there_s: float | None, now_s: float, *, second: int | None = None) -> str:
    """Return what a mark says of a file that is the one a mirror has.

    Parameters
    ----------
    date
        The archive's, as published.
    there_s
        The mirror's time of the file, in seconds since 1970; None if it was not told.
    now_s
        The time now.
    second
        The date in seconds since 1970; None to read it.

    Returns
    -------
    str
        The date, or the date with the week until whose end the answer counts.

    Examples
    --------
    >>> friday, friday_s = "2026-09-04T14:09:19+00:00", 1788530959.0
    >>> lasting(friday, friday_s, now_s=friday_s + 9)
    '2026-09-04T14:09:19+00:00'
    >>> lasting(friday, friday_s - 604800, now_s=friday_s + 9)
    '2026-09-04T14:09:19+00:00 until week 2958'
    >>> lasting(friday, friday_s - 604800, now_s=friday_s + 1209600)
    '2026-09-04T14:09:19+00:00'
    """
    second = earliest_second_of(date) if second is None else second
    is_of_it = second is not None and there_s is not None and there_s >= second
    if is_of_it or (second is not None and not is_recent(second, now_s)):
        return date
    return this_week(date, now_s)


def this_week(date: str, now_s: float) -> str:
    """Return what a mark says that counts until the next release.

    Parameters
    ----------
    date
        The archive's, as published.
    now_s
        The time now.
    """
    return f"{date}{_UNTIL}{_week_after(now_s)}"


def settled_date(mark: Mark, now_s: float) -> str | None:
    """Return the date that a mark says a file is current for.

    Parameters
    ----------
    mark
        The mark; whether it fits the file is another question.
    now_s
        The time now.

    Returns
    -------
    str | None
        As published; None if the file was outdated then, or the answer counts no more.
    """
    if mark.is_outdated:
        return None
    date, limited, week = mark.against.partition(_UNTIL)
    return None if limited and week != str(_week_after(now_s)) else date


def _week_after(now_s: float) -> int:
    """Return the number of the next week."""
    # Weeks of Unix time begin on a Thursday, a day after the archive's release.
    return int(now_s // _WEEK_S) + 1
