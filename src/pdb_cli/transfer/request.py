"""What the HTTP engine is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pdb_cli.transfer.verify import LARGEST_FILE_BYTES

if TYPE_CHECKING:
    from pdb_cli.transfer.response import BodyStart, Wanted


class Sink(Protocol):
    """Where the bytes of a body go; it must not fail."""

    def begin(self, start: BodyStart) -> None:
        """Hear what the bytes to come are; once, before the first of them."""

    def take(self, pieces: list[bytes], size_bytes: int) -> None:
        """Take some bytes; the list is the sink's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One file to ask one server for, once; each instance is a request of its own."""

    url: str
    """``http://`` or ``https://``."""
    sink: Sink
    """Gets the body of an answer that brings the file, and of no other."""
    wanted: Wanted | None = None
    """Ask for the rest of the file only; the sink hears whether the server does so."""
    headers: tuple[str, ...] = ()
    """Further headers, such as ``If-None-Match: "..."``; then the answer may be status 304."""
    max_bytes: int = LARGEST_FILE_BYTES
    """The most bytes the file may have."""
    head_only: bool = False
    """Ask what the server would answer, and for nothing of the file (HEAD)."""
    tail_bytes: int | None = None
    """Ask only for so many bytes at its end; a server without ranges sends all of it."""
    not_before_s: float | None = None
    """Refuse a version that is older than this, by its Last-Modified: a mirror that lags behind."""
    is_dated: bool = False
    """Refuse a version whose time the server does not tell: it may be an older one."""
