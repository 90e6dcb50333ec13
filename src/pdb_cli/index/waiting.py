"""What was found and is not written yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.index.model import Occasion
from pdb_cli.index.tables import MARKS
from pdb_cli.index.verified import merged_check, put_checks, put_records

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from pdb_cli.index.model import Check, Mark, Record


class Waiting:
    """Records, checks and marks that wait for others, to be written with them."""

    def __init__(self) -> None:
        self.records: dict[str, list[tuple[Record, Occasion]]] = {}
        """By path, in the order they came."""
        self.checks: dict[str, Check] = {}
        self.marks: dict[str, Mark] = {}
        self.directories: set[Path] = set()
        """To be synced before records are written."""

    def __len__(self) -> int:
        return len(self.records) + len(self.checks) + len(self.marks)

    def add_records(self, records: Iterable[Record], occasion: Occasion) -> None:
        """Add records; an arrival leaves nothing of what was known of the file before."""
        for record in records:
            if occasion is Occasion.ARRIVAL:
                self.checks.pop(record.path, None)
                self.marks.pop(record.path, None)
            self.records.setdefault(record.path, []).append((record, occasion))

    def has_arrived(self, path: str) -> bool:
        """Tell whether a file has come, so that nothing holds any more that is written of it."""
        return any(occasion is Occasion.ARRIVAL for _, occasion in self.records.get(path, ()))

    def add_checks(self, checks: Iterable[Check]) -> None:
        """Add checks, over those of the same files."""
        for check in checks:
            self.checks[check.path] = merged_check(self.checks.get(check.path), check)

    def add_marks(self, marks: Iterable[Mark]) -> None:
        """Add marks, over those of the same files."""
        self.marks.update((mark.path, mark) for mark in marks)

    def drop(self, paths: Iterable[str]) -> None:
        """Take back all that is about some files."""
        for path in paths:
            self.records.pop(path, None)
            self.checks.pop(path, None)
            self.marks.pop(path, None)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write all of it, in the caller's transaction."""
        put_records(connection, [fact for facts in self.records.values() for fact in facts])
        put_checks(connection, self.checks)
        # In the order of the table, so that neighbours are written together.
        MARKS.put(connection, (tuple(self.marks[path]) for path in sorted(self.marks)))
