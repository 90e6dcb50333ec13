"""What ``validate`` is asked for, what it says about one file, and the sum of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.storage.guard import no_guard

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.datatypes import DataType, FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.errors import Defect, PdbCliError
    from pdb_cli.index.model import CatalogueFile, Check, Level, Record
    from pdb_cli.storage.guard import Guard
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy


class FileStatus(StrEnum):
    """What a look at a file came to."""

    OK = "ok"
    """It passed the level that was asked for."""
    NO_RECORD = "no record"
    """It passed what can be checked, but what was asked for needs a record, and it has none: or it
    has that of another file, which was replaced since."""
    DEFECT = "defect"
    FIXED = "fixed"
    """It had a defect; a new one, verified, is in its place."""
    GONE = "gone"
    """It was removed while the others were looked at."""
    SKIPPED = "skipped"
    """It was not looked at: it was verified lately enough."""


class ValidateRequest(NamedTuple):
    """Which files to look at, and how."""

    level: Level
    types: frozenset[DataType] | None = None
    """Only these; None for all."""
    formats: frozenset[FileFormat] | None = None
    """Only these; None for all."""
    entries: frozenset[EntryId] | None = None
    """Only these; None for all."""
    since_s: float | None = None
    """Files that passed the level at this time or later, POSIX seconds, are skipped."""
    records: bool = False
    """Whether files without a record get one."""
    workers: int = 1
    """Files looked at at the same time."""


class Repair(NamedTuple):
    """How to fetch what is bad."""

    mirrors: tuple[Mirror, ...]
    """In order of preference, which is the order of fail-over."""
    options: HttpOptions
    retry: RetryPolicy
    guard: Guard = no_guard
    """Asked before each change of a file, by any thread."""


class CollectedFile(NamedTuple):
    """One file of a collection, and what is known of it from before, whether that fits or not."""

    file: CatalogueFile
    """What its name says it is; size and time are those of when its directory was read."""
    path: Path
    record: Record | None = None
    """What it was when it arrived, or when its record was made."""
    check: Check | None = None
    """The last look it passed."""

    @property
    def is_recorded(self) -> bool:
        """Whether there is something to compare its bytes with."""
        return self.record is not None and self.record.sha256 is not None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one file came to."""

    collected: CollectedFile
    status: FileStatus
    level: Level | None
    """The highest level that it passed; None where that is none at all."""
    defect: Defect | None = None
    detail: str = ""
    """What is wrong, or why there is no more to say, for people."""
    size_bytes: int = 0
    """Bytes on disk, as they were looked at."""
    mtime_ns: int = 0
    """Its time then."""
    ctime_ns: int = 0
    """When the system last changed anything about it, then."""
    crc32: int | None = None
    """Of the text, where it was inflated."""
    sha256: str | None = None
    """Of the bytes on disk, where they were hashed."""
    is_replaced: bool = False
    """Whether its record is that of another file: it is sound, and both its bytes and its time are
    other ones."""
    is_from_before: bool = False
    """Whether it was looked at by the earlier run that this one goes on with."""
    is_new_record: bool = False
    """Whether it had no record, or that of another file, and one was made now."""
    error: PdbCliError | None = None
    """Why it could not be fetched again, where that was tried."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is known against the file now."""
        return self.status is not FileStatus.DEFECT


@dataclass(slots=True)
class ValidationResult:
    """The sum of a validation; fed by ``add``, one finding at a time."""

    counts: dict[FileStatus, int] = field(default_factory=lambda: dict.fromkeys(FileStatus, 0))
    looked_at_bytes: int = 0
    """Of the files looked at in this run."""
    from_before: int = 0
    """Files looked at by the run that this one went on with."""

    def add(self, finding: Finding) -> None:
        """Count one file."""
        self.counts[finding.status] += 1
        if finding.is_from_before:
            self.from_before += 1
        else:
            self.looked_at_bytes += finding.size_bytes

    @property
    def files(self) -> int:
        """Files of which something can be said: not those that are gone or were skipped."""
        counts = self.counts
        return sum(counts.values()) - counts[FileStatus.GONE] - counts[FileStatus.SKIPPED]

    @property
    def bad(self) -> int:
        """Files whose defects remain."""
        return self.counts[FileStatus.DEFECT]
