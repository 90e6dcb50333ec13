"""What ``validate`` is asked for, what it says about one file, and the sum of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.errors import Defect


class Level(StrEnum):
    """How closely a file is looked at; each level includes those before it."""

    SIZE = "size"
    """Not empty, and as long as its record says. Nothing is read."""
    GZIP = "gzip"
    """Inflates to its end, with the right checksum and length: one member, nothing behind it."""
    CONTENT = "content"
    """Of the right kind and entry, and complete."""
    HASH = "hash"
    """The very bytes that were there when its record was made."""

    @property
    def rank(self) -> int:
        """Its place among the levels, from 0."""
        return _RANKS[self]

    def includes(self, other: Level) -> bool:
        """Whether a file that passed this level passed another one as well.

        Parameters
        ----------
        other
            The other level.

        Examples
        --------
        >>> Level.HASH.includes(Level.SIZE), Level.GZIP.includes(Level.CONTENT)
        (True, False)
        """
        return self.rank >= other.rank


_RANKS = {level: rank for rank, level in enumerate(Level)}


class FileStatus(StrEnum):
    """What a look at a file came to."""

    OK = "ok"
    """It passed the level that was asked for."""
    NO_RECORD = "no record"
    """It passed what can be checked, but what was asked for needs a record, and it has none."""
    DEFECT = "defect"
    FIXED = "fixed"
    """It had a defect; a new one, verified, is in its place."""
    GONE = "gone"
    """It was removed while the others were looked at."""


class FileRecord(NamedTuple):
    """What is known of a file from when it was last verified, whether or not it still holds."""

    size_bytes: int
    mtime_ns: int
    sha256: str | None
    verified_at_s: float
    """POSIX seconds."""


class CollectedFile(NamedTuple):
    """One file of a collection."""

    file: ArchiveFile
    """What its name says it is."""
    path: Path
    key: str
    """What the catalogue calls it."""
    size_bytes: int
    """When its directory was read; it only decides how work is divided."""
    record: FileRecord | None = None


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
    crc32: int | None = None
    """Of the text, where it was inflated."""
    sha256: str | None = None
    """Of the bytes on disk, where they were hashed."""
    is_from_before: bool = False
    """Whether it was looked at by the earlier run that this one goes on with."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is known against the file now."""
        return self.status is not FileStatus.DEFECT


@dataclass(slots=True)
class ValidationResult:
    """The sum of a validation; fed by ``add``, one finding at a time."""

    counts: dict[FileStatus, int] = field(default_factory=lambda: dict.fromkeys(FileStatus, 0))
    read_bytes: int = 0
    """Of the files looked at in this run."""
    from_before: int = 0
    """Files looked at by the run that this one went on with."""
    skipped: int = 0
    """Files not looked at because they were verified lately enough."""
    recorded: int = 0
    """Records made."""

    def add(self, finding: Finding) -> None:
        """Count one file."""
        self.counts[finding.status] += 1
        if finding.is_from_before:
            self.from_before += 1
        else:
            self.read_bytes += finding.size_bytes

    @property
    def files(self) -> int:
        """Files with a finding, those that are gone not counted."""
        return sum(self.counts.values()) - self.counts[FileStatus.GONE]

    @property
    def bad(self) -> int:
        """Files whose defects remain."""
        return self.counts[FileStatus.DEFECT]
