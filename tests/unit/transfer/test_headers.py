from __future__ import annotations

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.transfer.headers import ResponseHeaders, parse_headers, parse_http_date

SAMPLE_S = 784111777.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", SAMPLE_S),
        ("Sunday, 06-Nov-94 08:49:37 GMT", SAMPLE_S),
        ("Sun Nov  6 08:49:37 1994", SAMPLE_S),
        ("sun, 06 nov 1994 08:49:37 gmt", SAMPLE_S),
        ("Tuesday, 01-Jan-30 00:00:00 GMT", 1893456000.0),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 +0100", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: float | None) -> None:
    assert parse_http_date(text) == expected


@given(st.integers(0, 4_000_000_000))
def test_every_date_of_a_server_is_understood(moment_s: int) -> None:
    assert parse_http_date(email.utils.formatdate(moment_s, usegmt=True)) == moment_s


def test_headers_of_a_file() -> None:
    lines = [
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 12125\r\n",
        b"last-modified:Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        b'ETag: W/"5f11ff26-2f5d"\r\n',
        b"X-Broken\r\n",
        b"\r\n",
    ]
    assert parse_headers(lines, now_s=0.0) == ResponseHeaders(
        last_modified_s=SAMPLE_S,
        last_modified="Sun, 06 Nov 1994 08:49:37 GMT",
        etag='W/"5f11ff26-2f5d"',
    )


def test_only_the_last_response_counts() -> None:
    lines = [b"HTTP/1.1 302 Found", b"Retry-After: 1", b"ETag: a", b"HTTP/2 200", b"x: y"]
    assert parse_headers(lines, now_s=0.0) == ResponseHeaders()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sun, 06 Nov 1994 08:49:40 GMT", 3.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after(value: str, expected: float | None) -> None:
    lines = [f"Retry-After: {value}".encode()]
    assert parse_headers(lines, now_s=SAMPLE_S).retry_after_s == expected


def test_many_headers_are_read_quickly() -> None:
    lines = [b"X-Header-%d: value" % number for number in range(5000)]
    started_s = time.process_time()
    parse_headers(lines, now_s=0.0)
    assert time.process_time() - started_s < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Thu, 26 Nov 2026 17:00:00 GMT",
    ],
)
def test_a_time_that_no_file_can_have_is_none(text: str) -> None:
    lines = (b"HTTP/1.1 200 OK", b"Date: Thu, 26 Nov 2026 17:00:00 GMT")
    headers = parse_headers([*lines, f"Last-Modified: {text}".encode()], now_s=0.0)
    assert headers.last_modified_s is None
    assert headers.last_modified == text
