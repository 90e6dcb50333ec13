"""What a partial file must remember so that a later try can go on where an earlier one stopped.

``.1abc.cif.gz.part`` has a small JSON file beside it, ``.1abc.cif.gz.part.json``, that says of what
its bytes are the beginning. It is written before the first of those bytes and removed before the
partial file is, and only by the holder of the partial file's lock. Neither file is trusted: the
server is asked whether the file is still the same, and the whole is verified in the end.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.record import is_header, read_record

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = 1


class ResumePoint(NamedTuple):
    """A version of a file at a server."""

    url: str
    """Where it is, without credentials."""
    etag: str | None
    """Its entity tag as sent."""
    last_modified: str | None
    """Its time as sent, to be sent back as it is."""
    length_bytes: int
    """Its whole length."""

    @property
    def validator(self) -> str | None:
        """What ``If-Range`` may hold: the entity tag if it is a strong one, else the time."""
        if self.etag is not None and self.etag.startswith('"'):
            return self.etag
        return self.last_modified


def write_resume_point(path: Path, point: ResumePoint) -> None:
    """Write what belongs to a partial file, over what was there before.

    Parameters
    ----------
    path
        The file to write; the caller holds the lock of the partial file.
    point
        What to write.

    Raises
    ------
    FileAccessError
        The system refused.
    """
    data = json.dumps({"schema": _SCHEMA, **point._asdict()}).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o666)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileAccessError.wrap("write", path, error) from error


def read_resume_point(path: Path) -> ResumePoint | None:
    """Read what :func:`write_resume_point` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ResumePoint | None
        None if there is none, or none that makes sense.
    """
    content = read_record(path, schema=_SCHEMA)
    if content is None:
        return None
    url, length_bytes = content.get("url"), content.get("length_bytes")
    etag, last_modified = content.get("etag"), content.get("last_modified")
    if not isinstance(url, str) or type(length_bytes) is not int or length_bytes <= 0:
        return None
    if not (is_header(etag) and is_header(last_modified)):
        return None
    point = ResumePoint(url, etag, last_modified, length_bytes)
    return point if point.validator is not None else None
