"""What an operation reports while it runs: frozen values, handed to an observer.

The library never draws; the command line turns these into a progress bar, log lines or
``progress.json``. An observer is any callable that takes one event; it is called from the thread
that runs the operation, never from a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """Another part of the work begins."""

    phase: str
    """What is done in it, in one word: ``planning``, ``downloading``."""


@dataclass(frozen=True, slots=True)
class PlanMade:
    """It is known what is wanted; nothing has been transferred yet."""

    files_total: int
    """Files asked for, those already there included."""
    entries_total: int = 0
    """Entries these files are of; 0 where the work is not counted in entries."""


@dataclass(frozen=True, slots=True)
class BytesReceived:
    """Some more bytes of some file arrived."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class FilePublished:
    """A file arrived, was verified, and has its final name."""

    name: str
    """The file's path in the collection."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FilePresent:
    """A file needed no transfer: it is there and valid."""

    name: str


@dataclass(frozen=True, slots=True)
class FilesChecked:
    """Some more files that are there were looked at."""

    good: int
    bad: int
    size_bytes: int
    """Of all of them, on disk."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """One attempt failed and another will be made."""

    name: str
    reason: str
    delay_s: float
    """Seconds until the next attempt."""
    next_url: str
    """Where the next attempt goes; another mirror, perhaps."""
    holds_up: bool = False
    """Whether nothing else happens until then, for the first time: a person should be told."""


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file could not be fetched; what was there before is still there."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MoreFilesFailed:
    """As many more could not be fetched, too many to name them."""

    count: int
    """Beside those that were named."""


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A file that the archive has no more left its place, for the trash or for good."""

    name: str
    """The file's path in the collection."""


@dataclass(frozen=True, slots=True)
class EntrySettled:
    """Every wanted file of an entry is settled: there, or given up."""

    entry: str
    """The entry's id."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know, in one line, such as a fall-back."""

    text: str


Event = (
    PhaseBegan
    | PlanMade
    | BytesReceived
    | FilePublished
    | FilePresent
    | FilesChecked
    | AttemptFailed
    | FileFailed
    | MoreFilesFailed
    | FileRemoved
    | EntrySettled
    | Note
)
Observer = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """Observe nothing: the default observer, so that library users pay nothing."""
