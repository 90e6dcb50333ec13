"""What ``update`` is asked for, and what it says of each file: values."""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pdb_cli.archive.absence import Absence
from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile, Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import PdbCliError


class FileState(StrEnum):
    """What a file of the collection is, compared with the archive."""

    UP_TO_DATE = "up-to-date"
    OUTDATED = "outdated"
    """The archive has another version."""
    DAMAGED = "damaged"
    """It is not what it should be; only looked for when asked to."""
    MISSING = "missing"
    """It was here, is not any more, and the archive has it."""
    OBSOLETE = "obsolete"
    """Its entry was removed from the archive."""
    UNKNOWN = "unknown"
    """The archive's lists do not tell, or no mirror answered: nothing is held against it."""


WANTED_STATES = frozenset({FileState.OUTDATED, FileState.DAMAGED, FileState.MISSING})
"""Files that are fetched."""


class ObsoleteAction(StrEnum):
    """What becomes of files whose entry was removed from the archive."""

    REPORT = "report"
    """They stay."""
    MOVE = "move"
    """They go to where the archive itself keeps obsolete entries."""
    DELETE = "delete"
    """They go to the trash of the collection."""


class UpdateRequest(NamedTuple):
    """What is to be compared with the archive, and how far to go."""

    root: Path
    """The root of the collection."""
    mirrors: tuple[Mirror, ...]
    """In order of preference, which is the order of fail-over."""
    holdings_dir: Path
    """Where the archive's lists are kept."""
    data_type_dirs: Mapping[DataType, Path] = {}
    """Data types that live elsewhere than below the root."""
    entries: frozenset[EntryId] | None = None
    """Only these; None is all that are here."""
    types: frozenset[DataType] | None = None
    formats: frozenset[FileFormat] | None = None
    verify: bool = False
    """Whether to read what is here to its end, too."""
    force: bool = False
    """Whether to fetch also what is up to date."""
    obsolete: ObsoleteAction = ObsoleteAction.REPORT
    max_delete: str = "5%"
    """Most entries of the collection that may be taken away as obsolete: a count, or percent."""
    follow: bool = False
    """Whether to fetch the successors of obsolete entries."""
    connections: int = 16
    """Threads that read files here; requests are limited by the options of HTTP."""


class JudgedFile(NamedTuple):
    """One file of the collection and what it is."""

    file: ArchiveFile
    layout: Layout
    """The one its name belongs to."""
    path: Path
    """Where it is, or was."""
    name: str
    """Its path in the collection, with ``/``."""
    state: FileState
    size_bytes: int | None = None
    """Of what is here."""
    local_date: str | None = None
    """The date of what is here, as the archive writes dates; None if it can not be trusted."""
    remote_date: str | None = None
    """The archive's, as published."""
    absence: Absence | None = None
    """What became of an obsolete entry."""
    reason: str | None = None
    """What else there is to say."""
    not_before_s: float | None = None
    """A version older than this is not the announced one, in seconds since 1970."""

    @property
    def successors(self) -> tuple[EntryId, ...]:
        """The entries that are there in place of an obsolete one, at the ends of the chains."""
        return self.absence.successors if self.absence is not None else ()


class UpdateResult(StrEnum):
    """How it went with one file that something was done about."""

    UPDATED = "updated"
    """The archive's version is here now."""
    FAILED = "failed"
    """It could not be had; what was here is still here."""
    NOT_FOUND = "not-found"
    """No mirror has it; what was here is still here."""
    MOVED = "moved"
    """It is among the obsolete entries now."""
    TRASHED = "trashed"
    """It is in the trash of the collection now."""
    KEPT = "kept"
    """It stays, and the reason says why."""
    FOLLOWED = "followed"
    """It is a successor, and is here now."""


class UpdatedFile(NamedTuple):
    """What was done about one file."""

    judged: JudgedFile
    """What it was before."""
    result: UpdateResult | None = None
    """None if nothing was to be done."""
    path: Path | None = None
    """Where it is now, if it was moved."""
    name: str | None = None
    """Its path in the collection now, if that is another one."""
    size_bytes: int = 0
    """Of what was fetched."""
    url: str | None = None
    """Where it came from, without credentials."""
    error: PdbCliError | None = None
    """Why it could not be had, or moved."""
    is_untried: bool = False
    """Whether no mirror was asked for it, for all were out of reach by then."""
    reason: str | None = None
    """What else there is to say."""

    @property
    def is_bad(self) -> bool:
        """Whether something that should have been done was not."""
        return self.result in {UpdateResult.FAILED, UpdateResult.NOT_FOUND}
