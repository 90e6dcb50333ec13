"""What :mod:`pdb_cli.transfer.fetch` is given and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.errors import FileAccessError

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.verify import Expectation, VerifiedFile


@dataclass(frozen=True, slots=True)
class Source:
    """One place to get a file from."""

    mirror: str
    """The mirror's name."""
    url: str
    """The file's URL there; the only field that may hold credentials."""
    not_before_s: float | None = None
    """Seconds since 1970: from here, a file that is older is not taken, nor one whose time is not
    told."""


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One file to fetch."""

    name: str
    """Its path in the collection, for events."""
    sources: tuple[Source, ...]
    """Where to get it, in order of preference; at least one."""
    destination: Path
    """Its final name."""
    expectation: Expectation
    """What it should turn out to be."""
    tag: Any = None
    """The caller's own, handed back untouched."""
    is_missing: bool = False
    """Whether the caller has just seen that there is nothing under the final name."""
    not_before_s: float | None = None
    """Seconds since 1970: a mirror whose file is older lags behind, and the next one is asked."""
    mtime_s: float | None = None
    """Seconds since 1970: the time it gets where the server does not tell it; None for that of its
    arrival."""
    latest_s: float | None = None
    """Seconds since 1970: the time that it gets where the server tells a later one, which is when
    it got the file itself."""
    unless_since_s: float | None = None
    """Seconds since 1970: a mirror whose file has not changed since then need not send it. Those
    with a ``not_before_s`` of their own are not told: they have to say what they have."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError(f"no source for {self.name}")

    def time_of(self, told_s: float | None) -> float | None:
        """Return the time that the file gets; None for that of its arrival.

        Parameters
        ----------
        told_s
            What the server says, if it does.
        """
        if told_s is None:
            return self.mtime_s
        return told_s if self.latest_s is None else min(told_s, self.latest_s)


class Passed(NamedTuple):
    """Something that needs no transfer: it comes out again, in between the results."""

    tag: Any


class FetchStatus(StrEnum):
    """How it went."""

    FETCHED = "fetched"
    """It arrived, was verified, and has its final name."""
    PRESENT = "present"
    """Another process fetched it meanwhile."""
    UNCHANGED = "unchanged"
    """It has not changed since ``unless_since_s``, says the mirror."""
    NOT_FOUND = "not-found"
    """Every mirror says it has no such file (404 or 410)."""
    FAILED = "failed"
    """It could not be had; what was there before is still there."""


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What became of one item."""

    item: FetchItem
    status: FetchStatus
    size_bytes: int
    """Bytes under the final name; 0 unless fetched or present."""
    source: Source | None
    """Where it came from, or who says that it is unchanged; else None."""
    attempts: int
    """Requests made, those that failed included."""
    duration_s: float
    """Seconds from the first look at the item to its result, waits included."""
    error: PdbCliError | None
    """Why not, for what was not found or failed; the last thing that happened."""
    verified: VerifiedFile | None = None
    """The figures of what is under the final name; None unless fetched or present."""
    etag: str | None = None
    """The server's entity tag of what was fetched, as sent."""
    last_modified_s: float | None = None
    """The server's time of what was fetched, in seconds since 1970; the file has it too. None where
    it told none."""

    @property
    def is_untried(self) -> bool:
        """Whether no mirror was asked for it: all that were left were out of reach."""
        is_ours = isinstance(self.error, FileAccessError)
        return self.status is FetchStatus.FAILED and not (self.attempts or is_ours)
