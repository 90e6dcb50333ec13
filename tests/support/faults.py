"""What a :class:`support.fault_server.FaultServer` can do wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """An error status with a small body."""

    code: int
    retry_after_s: int | None = None
    """Sent as Retry-After."""
    as_date: bool = False
    """Whether Retry-After is a date instead of seconds."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks (RST) in the middle of the body."""

    after_bytes: int = 1000


@dataclass(frozen=True, slots=True)
class ShortBody:
    """The connection ends before Content-Length is reached."""

    missing_bytes: int = 10


@dataclass(frozen=True, slots=True)
class TruncatedFile:
    """The file ends early, and Content-Length agrees with that."""

    missing_bytes: int = 10


@dataclass(frozen=True, slots=True)
class FlippedBit:
    """One bit of the file is wrong."""

    offset: int = -20
    """Which byte; negative numbers count from the end."""


@dataclass(frozen=True, slots=True)
class WebPage:
    """An HTML page with status 200."""


@dataclass(frozen=True, slots=True)
class OtherFile:
    """The bytes of another file."""

    path: str


@dataclass(frozen=True, slots=True)
class Body:
    """Any bytes with status 200."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Stall:
    """The body begins, then nothing comes any more."""

    after_bytes: int = 1000


@dataclass(frozen=True, slots=True)
class Drip:
    """The body comes slowly, in small pieces, but it comes."""

    pieces: int = 20
    pause_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect (302)."""

    location: str | None = None
    """Where to; None is the same place again, a loop."""


@dataclass(frozen=True, slots=True)
class Chunked:
    """The right bytes in chunks, without Content-Length."""


@dataclass(frozen=True, slots=True)
class WrongLength:
    """Content-Length is wrong; the whole file is sent and the connection stays open.

    What is too much stands before the answer to the next request.
    """

    missing_bytes: int = 10


@dataclass(frozen=True, slots=True)
class OddHeaders:
    """The right bytes with headers that say something odd beside the usual ones."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """Any bytes in place of an answer, headers included; then the connection ends."""

    data: bytes
    stays_open: bool = False
    """Rather than ending the connection, say nothing more."""


@dataclass(frozen=True, slots=True)
class Endless:
    """A body without a length and without an end, as fast as it is read."""

    code: int = 200


Fault = (
    WrongLength
    | OddHeaders
    | Raw
    | Endless
    | Status
    | Reset
    | ShortBody
    | TruncatedFile
    | FlippedBit
    | WebPage
    | OtherFile
    | Body
    | Stall
    | Drip
    | Redirect
    | Chunked
)
