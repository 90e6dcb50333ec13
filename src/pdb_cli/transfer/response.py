"""What the beginning of a response means for the file: all of it, the rest of it, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import ResumeError
from pdb_cli.storage.resume import ResumePoint
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from pdb_cli.transfer.headers import ResponseHeaders

OK = 200
PARTIAL_CONTENT = 206
NOT_MODIFIED = 304
RANGE_NOT_SATISFIABLE = 416


class Wanted(NamedTuple):
    """The rest of a file, of which an earlier try has the beginning."""

    version: ResumePoint
    """The file as it was then."""
    offset_bytes: int
    """How much of it is there."""


class BodyStart(NamedTuple):
    """Where in the file the bytes to come belong, and of what they are."""

    offset_bytes: int = 0
    """Bytes of an earlier try that the server goes on from."""
    version: ResumePoint | None = None
    """The server's file, if it said enough to go on with it another time."""


def read_whole(headers: ResponseHeaders, length_bytes: int, url: str) -> BodyStart:
    """Read the beginning of a response with the whole file (status 200).

    Parameters
    ----------
    headers
        Of the response.
    length_bytes
        Its Content-Length; negative if there is none.
    url
        What was asked for.
    """
    if length_bytes <= 0 or (headers.etag is None and headers.last_modified is None):
        return BodyStart()
    shown = without_credentials(url)
    return BodyStart(0, ResumePoint(shown, headers.etag, headers.last_modified, length_bytes))


def read_rest(headers: ResponseHeaders, wanted: Wanted, url: str) -> BodyStart:
    """Read the beginning of a response with the rest of a file (status 206).

    Parameters
    ----------
    headers
        Of the response.
    wanted
        What was asked for.
    url
        Where it was asked for.

    Raises
    ------
    ResumeError
        It is not the rest of the same file.
    """
    shown = without_credentials(url)
    version, sent = wanted.version, headers.content_range
    length_bytes = version.length_bytes
    if sent != (wanted.offset_bytes, length_bytes - 1, length_bytes):
        raise ResumeError(shown, "the server sent other bytes than the missing ones")
    if None not in {version.etag, headers.etag} and version.etag != headers.etag:
        raise ResumeError(shown, "the server went on with another version of the file")
    return BodyStart(wanted.offset_bytes, version)
