"""What the headers of a response say, read from the raw lines libcurl hands over.

Values that can not be understood are left out rather than guessed: a wrong date from a server must
not keep a good file from arriving. The length of a body is libcurl's own business: one that ends
before Content-Length is an error there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# The three date forms of RFC 9110, section 5.6.7: the usual one, that of RFC 850, and asctime's.
_DATE_FORMS = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        r"\w{3}, (?P<day>\d\d) (?P<month>\w{3}) (?P<year>\d{4}) (?P<time>\d\d:\d\d:\d\d) GMT",
        r"\w+, (?P<day>\d\d)-(?P<month>\w{3})-(?P<year>\d\d) (?P<time>\d\d:\d\d:\d\d) GMT",
        r"\w{3} (?P<month>\w{3}) (?P<day>[ \d]\d) (?P<time>\d\d:\d\d:\d\d) (?P<year>\d{4})",
    )
)


_WANTED = frozenset(
    {b"last-modified", b"date", b"etag", b"retry-after", b"content-range", b"content-length"}
)
_LATEST_S = 7_258_118_400
"""The year 2200: a file with a later time was dated by mistake, and no index can hold it."""
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


class ContentRange(NamedTuple):
    """Which bytes of a file a response holds."""

    first: int
    """The offset of its first byte."""
    last: int
    """The offset of its last byte."""
    length_bytes: int
    """The length of the whole file."""


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    """The headers that matter for a file."""

    last_modified_s: float | None = None
    """The file's time at the server, in seconds since 1970. None also for what can not be that: the
    start of 1970 or before, centuries from now, or the second of the answer, as servers say that
    have none."""
    last_modified: str | None = None
    """As sent."""
    etag: str | None = None
    """The entity tag as sent, with its quotes."""
    retry_after_s: float | None = None
    """Seconds until the server wants to be asked again, not negative."""
    content_range: ContentRange | None = None
    """Which bytes of the file these are, in answers to a request for some of them."""
    length_bytes: int | None = field(default=None, compare=False)
    """The length of the body, or of the one that an answer to HEAD has not."""


def parse_headers(lines: Iterable[bytes], *, now_s: float) -> ResponseHeaders:
    """Read the headers of the last response.

    Parameters
    ----------
    lines
        Raw header lines in the order of arrival; each status line starts a new response (redirects
        and proxies make several).
    now_s
        The time, in seconds since 1970, that a Retry-After given as a date is measured from.

    Returns
    -------
    ResponseHeaders
        None for what is missing or can not be understood.

    Examples
    --------
    >>> lines = (b"HTTP/1.1 503 Service Unavailable", b"Retry-After: 2")
    >>> parse_headers(lines, now_s=0.0).retry_after_s
    2.0
    """
    values: dict[bytes, str] = {}
    for line in lines:
        if line.startswith(b"HTTP/"):
            values = {}
            continue
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        if colon and name in _WANTED:
            values[name] = value.decode("latin-1").strip()
    return ResponseHeaders(
        last_modified_s=_parse_last_modified(values),
        last_modified=values.get(b"last-modified"),
        etag=values.get(b"etag"),
        retry_after_s=_parse_retry_after(values.get(b"retry-after", ""), now_s),
        content_range=_parse_content_range(values.get(b"content-range", "")),
        length_bytes=_parse_count(values.get(b"content-length", "")),
    )


def parse_http_date(text: str) -> float | None:
    """Turn a date of HTTP into seconds since 1970.

    Parameters
    ----------
    text
        One of the three forms of RFC 9110, section 5.6.7.

    Returns
    -------
    float | None
        None if it is none of them.

    Examples
    --------
    >>> parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT")
    784111777.0
    """
    for form in _DATE_FORMS if text else ():
        match = form.fullmatch(text)
        if match and match["month"].lower() in _MONTHS:
            year = int(match["year"])
            if len(match["year"]) == 2:  # noqa: PLR2004 - RFC 850 has years of two digits
                year += 1900 if year >= 70 else 2000  # noqa: PLR2004 - Unix time starts in 1970
            month = _MONTHS.index(match["month"].lower()) + 1
            hour, minute, second = (int(part) for part in match["time"].split(":"))
            try:
                moment = datetime(year, month, int(match["day"]), hour, minute, second, tzinfo=UTC)
            except ValueError:  # a day or an hour that does not exist
                return None
            return moment.timestamp()
    return None


def format_http_date(moment_s: float) -> str:
    """Turn seconds since 1970 into a date of HTTP.

    Parameters
    ----------
    moment_s
        The moment.

    Examples
    --------
    >>> format_http_date(784111777.0)
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    from email.utils import formatdate  # its names do not depend on the locale

    return formatdate(moment_s, usegmt=True)


def _parse_last_modified(values: Mapping[bytes, str]) -> float | None:
    """Return the time of the file, if it is one."""
    text = values.get(b"last-modified", "")
    moment_s = None if text == values.get(b"date") else parse_http_date(text)
    return moment_s if moment_s is not None and 0 < moment_s < _LATEST_S else None


def _parse_count(text: str) -> int | None:
    """Turn decimal digits, not absurdly many, into a number."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _parse_content_range(text: str) -> ContentRange | None:
    """Read Content-Range of one part whose place and whole are told (RFC 9110, section 14.4)."""
    match = _CONTENT_RANGE.fullmatch(text)
    return ContentRange(*map(int, match.groups())) if match else None


def _parse_retry_after(text: str, now_s: float) -> float | None:
    """Read Retry-After: seconds, or a date (RFC 9110, section 10.2.3)."""
    seconds = _parse_count(text)
    if seconds is not None:
        return float(seconds)
    moment_s = parse_http_date(text)
    return None if moment_s is None else max(0.0, moment_s - now_s)
