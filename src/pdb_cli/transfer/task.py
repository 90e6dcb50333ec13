"""A file in hand: what :mod:`pdb_cli.transfer.fetch` remembers of it between its attempts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.headers import format_http_date
from pdb_cli.transfer.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.transfer.headers import ResponseHeaders
    from pdb_cli.transfer.model import FetchItem
    from pdb_cli.transfer.request import Sink
    from pdb_cli.transfer.response import Wanted
    from pdb_cli.transfer.retry import RetryPolicy


class FileIdentity(NamedTuple):
    """A file is the same as long as all of these are."""

    device: int
    inode: int
    mtime_ns: int
    size_bytes: int


class Task:
    """A file in hand.

    Parameters
    ----------
    item
        The file.
    retry
        How often and how late to try again.
    now_s
        The time, on the monotonic clock.
    """

    __slots__ = (
        "answer",
        "before",
        "busy_s",
        "choice",
        "item",
        "lacks",
        "noted",
        "requests",
        "started_s",
    )

    def __init__(self, item: FetchItem, retry: RetryPolicy, now_s: float) -> None:
        self.item = item
        self.choice = MirrorChoice(item.sources, retry)
        self.started_s = now_s
        self.before = None if item.is_missing else identity_of(item.destination)
        """What is under the final name and is not what is wanted."""
        self.requests = 0
        self.answer: ResponseHeaders | None = None
        """What came before the bytes that came last."""
        self.busy_s: float | None = None
        """Since when another process has the file."""
        self.noted = False
        """Whether that was said."""
        self.lacks = 0
        """How often there was no descriptor for it."""

    def request_for(self, sink: Sink, wanted: Wanted | None) -> Request:
        """Return the request to be made of the mirror that is to be asked now.

        Parameters
        ----------
        sink
            Gets the bytes.
        wanted
            The rest that is missing, where an earlier try has the beginning.
        """
        since_s = self.item.unless_since_s
        headers: tuple[str, ...] = ()
        source = self.choice.source
        # What another try has the beginning of, has changed.
        if since_s is not None and wanted is None and source.not_before_s is None:
            headers = (f"If-Modified-Since: {format_http_date(since_s)}",)
        bounds_s = [
            bound_s
            for bound_s in (self.item.not_before_s, source.not_before_s)
            if bound_s is not None
        ]
        return Request(
            source.url,
            sink,
            wanted,
            headers=headers,
            max_bytes=self.item.expectation.max_bytes,
            not_before_s=max(bounds_s, default=None),
            is_dated=source.not_before_s is not None,
        )


def identity_of(path: Path) -> FileIdentity | None:
    """Return what tells a file from any other under the same name; None if there is none.

    Parameters
    ----------
    path
        The file.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - for each attempt of each file
    except OSError:
        return None
    return FileIdentity(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
