"""Where a list of the archive that is kept came from: a folder for each mirror, and a record."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import is_header, read_record
from pdb_cli.transfer.headers import format_http_date
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.mirrors import Mirror

_SCHEMA = 1
_LATEST_S = 253_402_300_800
"""The year 10000, where dates of HTTP end."""


class Origin(NamedTuple):
    """Where the list that is kept came from, and which file it is."""

    url: str
    """Without credentials."""
    etag: str | None
    last_modified_s: float | None
    """Seconds since 1970."""
    size_bytes: int
    mtime_ns: int

    def conditions(self) -> tuple[str, ...]:
        """Return the request headers that ask for the list only if it is another one."""
        if self.etag is not None:
            return (f"If-None-Match: {self.etag}",)
        if self.last_modified_s is not None:
            return (f"If-Modified-Since: {format_http_date(self.last_modified_s)}",)
        return ()


def mirror_folder(folder: Path, mirror: Mirror) -> Path:
    """Return where the lists of one mirror are kept: what it sends is no other one's word.

    Parameters
    ----------
    folder
        Of all lists.
    mirror
        The mirror.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pdb_cli.archive.layouts import Layout
    >>> from pdb_cli.archive.mirrors import Mirror
    >>> lab = Mirror("lab", "http://me:secret@Lab.example:8080/pub/pdb", (), Layout.CLASSIC)
    >>> mirror_folder(Path("holdings"), lab).as_posix()
    'holdings/lab.example-8080-e8b8ac8f'
    """
    root = without_credentials(mirror.https or "")
    host = root.partition("://")[2].partition("/")[0].lower()
    shown = re.sub(r"[^0-9a-z.-]", "-", host)[:100]
    return folder / f"{shown}-{hashlib.sha256(root.encode()).hexdigest()[:8]}"


def read_origin(record: Path, kept: Path) -> Origin | None:
    """Read where a list came from.

    Parameters
    ----------
    record
        The record.
    kept
        The list.

    Returns
    -------
    Origin | None
        None unless the record makes sense in all its parts and is about the very file there is.
    """
    content = read_record(record, schema=_SCHEMA)
    if content is None:
        return None
    url, etag, last_modified_s, size_bytes, mtime_ns = map(content.get, Origin._fields)
    if not isinstance(url, str) or not is_header(etag):
        return None
    if last_modified_s is not None and (
        type(last_modified_s) not in {int, float} or not 0 <= last_modified_s < _LATEST_S
    ):
        return None
    try:
        status = kept.stat()
    except OSError:
        return None
    if (size_bytes, mtime_ns) != (status.st_size, status.st_mtime_ns):
        return None
    return Origin(url, etag, last_modified_s, status.st_size, status.st_mtime_ns)


def write_origin(
    record: Path, kept: Path, *, url: str, etag: str | None, last_modified_s: float | None
) -> None:
    """Record where a list that has just been published came from.

    Parameters
    ----------
    record
        The file to write.
    kept
        The list.
    url
        Where it came from, without credentials.
    etag, last_modified_s
        What the server said of it.

    Raises
    ------
    FileAccessError
        The list can not be looked at, or the record not be written.
    """
    try:
        status = kept.stat()
    except OSError as error:
        raise FileAccessError.wrap("read", kept, error) from error
    origin = Origin(url, etag, last_modified_s, status.st_size, status.st_mtime_ns)
    text = json.dumps({"schema": _SCHEMA, **origin._asdict()}, indent=2)
    write_atomic(record, text.encode() + b"\n", durable=False)
