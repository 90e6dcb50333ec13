"""What a download plans and what comes of it: values, fed into one sum."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pdb_cli.errors import ConnectionFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.absence import Absence
    from pdb_cli.archive.datatypes import FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.errors import PdbCliError
    from pdb_cli.index.model import Check, Record


class Action(StrEnum):
    """What a plan says about one file."""

    FETCH = "fetch"
    KEEP = "keep"


class Outcome(StrEnum):
    """How it went with one file."""

    DOWNLOADED = "downloaded"
    UP_TO_DATE = "up-to-date"
    NOT_FOUND = "not-found"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One line of a plan."""

    action: Action
    file: ArchiveFile
    path: Path
    reason: str
    """Why it is fetched: ``missing``, ``wanted again``, ``outdated``, or its defect; why it is
    kept."""
    size_bytes: int | None
    """The size of what is there now, if anything is."""
    sha256: str | None = None
    """Of what is kept, where it was asked for."""
    name: str = ""
    """Its path in the collection, for events."""
    check: Record | Check | None = None
    """What reading it has just shown, where that is worth to be remembered."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """How it went with one file."""

    outcome: Outcome
    file: ArchiveFile
    path: Path
    size_bytes: int = 0
    url: str | None = None
    mirror: str | None = None
    attempts: int = 0
    duration_s: float = 0.0
    error: PdbCliError | None = None
    replaces_format: FileFormat | None = None
    """The format that was asked for, when another was fetched instead."""
    replaces_entries: tuple[EntryId, ...] = ()
    """The obsolete entries that were asked for, when their successor was fetched instead."""
    absence: Absence | None = None
    """Why there is no such entry, for what was not found."""
    sha256: str | None = None
    """Of the bytes under ``path``, in hexadecimal, where it is known."""
    received_bytes: int | None = None
    """Bytes of the archive's file that was downloaded; None if they are those under ``path``."""
    is_repeated: bool = False
    """Whether the file came out before: it was asked for itself, and stands for others, too."""
    is_untried: bool = False
    """Whether no mirror was asked for it, for all were out of reach by then."""

    @property
    def is_good(self) -> bool:
        """Whether the file is there and valid now."""
        return self.outcome in {Outcome.DOWNLOADED, Outcome.UP_TO_DATE}


@dataclass(slots=True)
class DownloadResult:
    """The sum of a download; fed by ``add``, one outcome at a time."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    received_bytes: int = 0
    unreachable: int = 0
    """Files that failed because there was no connection, or a broken one."""
    untried: int = 0
    """Files that count as failed and that no mirror was asked for."""

    def add(self, outcome: FileOutcome) -> None:
        """Count one file; each only once."""
        if outcome.is_repeated:
            return
        self.counts[outcome.outcome] += 1
        self.untried += outcome.is_untried
        self.unreachable += isinstance(outcome.error, ConnectionFailedError)
        if outcome.outcome is Outcome.DOWNLOADED:
            received_bytes = outcome.received_bytes
            self.received_bytes += outcome.size_bytes if received_bytes is None else received_bytes

    @property
    def good(self) -> int:
        """Files that are present and valid now."""
        return self.counts[Outcome.DOWNLOADED] + self.counts[Outcome.UP_TO_DATE]

    @property
    def bad(self) -> int:
        """Files that are not."""
        return self.counts[Outcome.NOT_FOUND] + self.counts[Outcome.FAILED]
