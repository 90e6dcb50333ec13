"""A collection that somebody else changes, and runs that must not change it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pdb_cli.errors.base import PdbCliError

if TYPE_CHECKING:
    from pathlib import Path


class CollectionBusyError(PdbCliError):
    """Somebody else is changing the collection."""

    def __init__(  # noqa: PLR0917 - the facts of a holder
        self,
        collection: Path,
        host: str,
        pid: int,
        command: str,
        job: str | None = None,
        started_at: str = "",
        last_seen_s: float | None = None,
    ) -> None:
        super().__init__(collection, host, pid, command, job, started_at, last_seen_s)
        self.collection = collection
        self.host = host
        self.pid = pid
        self.command = command
        """What it runs; empty when it has not said so."""
        self.job = job
        """The id of its job, if it is one."""
        self.started_at = started_at
        self.last_seen_s = last_seen_s
        """Its last sign of life, in seconds ago."""


class CollectionLostError(CollectionBusyError):
    """The lock's file was removed while we had the collection: somebody else may have it now."""

    def __init__(self, collection: Path) -> None:
        super().__init__(collection, "", 0, "")
        self.args = (collection,)


class ObsoleteLimitError(PdbCliError):
    """Of the entries held, more are obsolete than may go at once; nothing was changed."""

    def __init__(self, entries: int, held: int, limit: str) -> None:
        super().__init__(entries, held, limit)
        self.entries, self.held = entries, held
        self.limit = limit
        """As it was set: ``5%``, ``100``."""


class SyncError(PdbCliError):
    """A run of ``sync`` must not go on; nothing was transferred or deleted by it."""


class ListDoubt(StrEnum):
    """Why a mirror's list is not believed."""

    EMPTY = "empty"
    """It lists nothing, while files are here."""
    SHORT = "short"
    """It is much shorter than the last complete one."""
    OLDER = "older"
    """It is older than the last one."""
    BEHIND = "behind"
    """It is older than a file that is here, and that it would replace or remove."""
    FEW_BEHIND = "few behind"
    """The same of a few files, which stay as they are: nothing else is wrong with it."""


class ListDoubtError(SyncError):
    """A mirror's list looks wrong."""

    def __init__(self, tree: str, source: str, doubt: ListDoubt, found: str, before: str) -> None:
        super().__init__(tree, source, doubt, found, before)
        self.tree = tree
        self.source = source
        """The URL of what was listed, without credentials."""
        self.doubt = doubt
        self.found = found
        """What it says: a number of files, a date, or a file and its date."""
        self.before = before
        """What the last one said, or what is here."""


class DeleteLimitError(SyncError):
    """More files would be deleted than allowed."""

    def __init__(self, tree: str | None, deletions: int, local_files: int, limit: str) -> None:
        super().__init__(tree, deletions, local_files, limit)
        self.tree = tree
        """Whose files; None for all together."""
        self.deletions = deletions
        self.local_files = local_files
        self.limit = limit
        """As it was set: ``5%``, ``100``."""


class NoSpaceError(SyncError):
    """The disk has no room for what would be transferred."""

    def __init__(self, path: Path, needed: int, free: int, unit: str) -> None:
        super().__init__(path, needed, free, unit)
        self.path = path
        self.needed = needed
        self.free = free
        self.unit = unit
        """``bytes`` or ``files``."""


class UnsafeTreeError(SyncError):
    """A path of a plan, or a link in a tree, leads out of the collection."""

    def __init__(self, path: Path, reason: str, *, is_told: bool = False) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.is_told = is_told
        """Whether the mirror says so: another one may not. Else it is what is here."""


class NoTransportError(SyncError):
    """No way to any mirror: name, transport and what was found, for each that was tried."""

    def __init__(self, reasons: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__(reasons)
        self.reasons = reasons
