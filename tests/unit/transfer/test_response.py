from __future__ import annotations

import pytest

from pdb_cli.errors import ResumeError
from pdb_cli.storage.resume import ResumePoint
from pdb_cli.transfer.headers import ContentRange, ResponseHeaders, parse_headers
from pdb_cli.transfer.response import BodyStart, Wanted, read_rest, read_whole

URL = "http://me:secret@mirror/file"
VERSION = ResumePoint("http://mirror/file", '"tag"', "Sun, 06 Nov 1994 08:49:37 GMT", 100)
WANTED = Wanted(VERSION, 40)


def test_whole_file_tells_its_version_without_credentials() -> None:
    headers = ResponseHeaders(etag=VERSION.etag, last_modified=VERSION.last_modified)
    assert read_whole(headers, 100, URL) == BodyStart(0, VERSION)
    assert read_whole(headers, -1, URL) == BodyStart()
    assert read_whole(ResponseHeaders(), 100, URL) == BodyStart()


def test_rest_goes_on_where_it_should() -> None:
    headers = ResponseHeaders(content_range=ContentRange(40, 99, 100))
    assert read_rest(headers, WANTED, URL) == BodyStart(40, VERSION)


@pytest.mark.parametrize(
    ("content_range", "etag"),
    [
        (None, None),
        ("bytes 41-99/100", None),
        ("bytes 0-99/100", None),
        ("bytes 40-98/100", None),
        ("bytes 40-99/101", None),
        ("bytes 40-99/*", None),
        ("bytes */100", None),
        ("lines 40-99/100", None),
        ("bytes 40-99/100 ", '"other"'),
        ("bytes 40-99/100", 'W/"tag"'),
    ],
)
def test_anything_else_is_refused(content_range: str | None, etag: str | None) -> None:
    lines = [b"HTTP/1.1 206 Partial Content"]
    if content_range is not None:
        lines.append(f"Content-Range: {content_range}".encode())
    if etag is not None:
        lines.append(f"ETag: {etag}".encode())
    with pytest.raises(ResumeError) as caught:
        read_rest(parse_headers(lines, now_s=0.0), WANTED, URL)
    assert caught.value.url == "http://mirror/file"
