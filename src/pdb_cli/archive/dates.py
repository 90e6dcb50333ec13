"""The dates of the archive: what its lists say of when an entry changed last.

A date is compared with another for being the same moment, never for being later: the archive's
files carry Fridays, are published on Wednesdays, and are now and then put back to what they were.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from pdb_cli.archive.holdings import DAY, read_modified_dates
from pdb_cli.errors import HoldingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LARGEST_AT_ONCE_BYTES: Final = 64 * 1024 * 1024
"""What is read in one go; the list of an archive of a million entries has 50 MB."""

_ARCHIVE_BEGAN_S: Final = 946_684_800
"""The start of the year 2000: older times are those of tools that set a time without meaning."""
_NS: Final = 1_000_000_000

_ODD_ALLOWED: Final = 10
_ODD_SHARE: Final = 0.1
"""More of the dates than that, and so many, are no slips: then it is another kind of list."""

_CLASSIC_IDS = re.compile(r"(?:[0-9][0-9A-Za-z]{3}\n)*")
_EXTENDED_IDS = re.compile(r"(?:[Pp][Dd][Bb]_[0-9A-Za-z]{8}\n)*")


def read_date_table(chunks: Iterable[bytes], *, subject: str) -> dict[str, str]:
    """Read one of the ``..._last_modified_dates`` into a table, in a fraction of a second.

    The same as :func:`~pdb_cli.archive.holdings.read_modified_dates` tells, entry by entry, and as
    strict; but a list of the usual size is decoded in one go. Few dates may be odd: what they are
    about has to be asked for.

    Parameters
    ----------
    chunks
        Its text, inflated, in pieces of any length.
    subject
        What to call it in an error.

    Returns
    -------
    dict of str to str
        The date of each entry, as published, by the extended form of its id.

    Raises
    ------
    HoldingsError
        It is cut short, or not such a list, or its dates do not begin with a day.

    Examples
    --------
    >>> text = b'{"1ABC": "2023-11-17T14:09:19+00:00"}'
    >>> read_date_table([text], subject="example")
    {'pdb_00001abc': '2023-11-17T14:09:19+00:00'}
    """
    taken: list[bytes] = []
    size_bytes = 0
    rest = iter(chunks)
    for chunk in rest:
        taken.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > _LARGEST_AT_ONCE_BYTES:
            return _with_days(_read_slowly(chain(taken, rest), subject), subject)
    table = _read_at_once(b"".join(taken))
    # What is wrong with it, and where, the slow reader says.
    return _with_days(_read_slowly(taken, subject) if table is None else table, subject)


def second_of(text: str) -> int | None:
    """Return the moment a date of the archive names.

    Parameters
    ----------
    text
        As published.

    Returns
    -------
    int | None
        Whole seconds since 1970; None for a date that does not tell day, time and zone.

    Examples
    --------
    >>> second_of("2023-11-17T14:09:19+00:00"), second_of("2023-11-17"), second_of("2023-11-17T25")
    (1700230159, None, None)
    """
    try:
        moment = datetime.fromisoformat(text)
        # Without a zone it would be read as a time of this machine's.
        return None if moment.tzinfo is None else int(moment.timestamp() // 1)
    except (ValueError, OverflowError):
        return None


def earliest_second_of(text: str) -> int | None:
    """Return the earliest moment that a date may mean, whatever it leaves open.

    Parameters
    ----------
    text
        As published; it begins with a day.

    Returns
    -------
    int | None
        The moment itself where it is told; else the start of the day before, since the zone is not
        known. None for a day that does not exist.

    Examples
    --------
    >>> earliest_second_of("1970-01-03"), earliest_second_of("1970-01-03T00:00:07+00:00")
    (86400, 172807)
    """
    second = second_of(text)
    if second is not None:
        return second
    try:
        day = datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)
        return int(day.timestamp()) - 86_400
    except (ValueError, OverflowError):
        return None


def format_second(second: float) -> str:
    """Write a moment as the archive's lists do.

    Parameters
    ----------
    second
        Seconds since 1970.

    Examples
    --------
    >>> format_second(1700230159)
    '2023-11-17T14:09:19+00:00'
    """
    try:
        return datetime.fromtimestamp(second // 1, tz=UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"@{second:.0f}"


def _read_at_once(data: bytes) -> dict[str, str] | None:
    """Decode a list as a whole; None if anything about it is unusual."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if type(table) is not dict or not {str}.issuperset(map(type, table.values())):
        return None
    # A line for each, so that one pattern tells about all of them: a loop takes ten times as long.
    keys = "\n".join([*table, ""])
    if keys.count("\n") != len(table) or not keys.isascii():
        return None
    ids = keys.lower().split("\n")
    del ids[-1]
    if _CLASSIC_IDS.fullmatch(keys):
        ids = ["pdb_0000" + entry for entry in ids]
    elif not _EXTENDED_IDS.fullmatch(keys):
        return None
    return dict(zip(ids, table.values(), strict=True))


def _with_days(table: dict[str, str], subject: str) -> dict[str, str]:
    """Return a table, unless its dates are no dates: by those, nothing would ever be out of date.

    Raises
    ------
    HoldingsError
        They are not.
    """
    odd = [text for text in table.values() if not DAY.match(text)]
    if len(odd) > max(_ODD_ALLOWED, _ODD_SHARE * len(table)):
        reason = f"{len(odd)} of {len(table)} dates are none, such as {odd[0][:24]!r}"
        raise HoldingsError(subject, reason)
    return table


def _read_slowly(chunks: Iterable[bytes], subject: str) -> dict[str, str]:
    """Read a list entry by entry."""
    entries = read_modified_dates(chunks, subject=subject)
    return {entry.extended: modified for entry, modified in entries}


def archive_second(mtime_ns: int) -> int | None:
    """Return the time of a file if it looks like one of the archive.

    rsync and tar set whole seconds, as the archive has them; a copy by hand has the time of day.

    Parameters
    ----------
    mtime_ns
        The file's time, in nanoseconds since 1970.

    Returns
    -------
    int | None
        In seconds since 1970; None for a time that says nothing.

    Examples
    --------
    >>> archive_second(1788530959 * 10**9), archive_second(1790000000123456789)
    (1788530959, None)
    """
    second, rest = divmod(mtime_ns, _NS)
    return second if rest == 0 and second >= _ARCHIVE_BEGAN_S else None
