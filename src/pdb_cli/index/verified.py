"""Records, checks and marks: what is kept of files, and what of it a newer finding replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.index.model import Check, Level, Mark, Occasion, Record
from pdb_cli.index.tables import CHECKS, MARKS, RECORDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from pdb_cli.index.tables import Row


def record_row(record: Record) -> Row:
    """Return a record as a row of its table."""
    path, size_bytes, mtime_ns, level, verified_at_s, sha256, *others = record
    digest = bytes.fromhex(sha256) if sha256 is not None else None
    return (path, size_bytes, mtime_ns, int(level), verified_at_s, digest, *others)


def record_of(row: Row) -> Record:
    """Return the record that a row holds, which has proved itself."""
    path, size_bytes, mtime_ns, level, verified_at_s, digest, *others = row
    sha256 = digest.hex() if digest is not None else None
    return Record(path, size_bytes, mtime_ns, Level(level), verified_at_s, sha256, *others)


def check_of(row: Row) -> Check:
    """Return the check that a row holds, which has proved itself."""
    path, size_bytes, mtime_ns, level, *others = row
    return Check(path, size_bytes, mtime_ns, Level(level), *others)


def check_row(check: Check) -> Row:
    """Return a check as a row of its table."""
    path, size_bytes, mtime_ns, level, *others = check
    return (path, size_bytes, mtime_ns, int(level), *others)


def mark_of(row: Row) -> Mark:
    """Return the mark that a row holds, which has proved itself."""
    return Mark(*row)


def merged(old: Record | None, new: Record, occasion: Occasion) -> Record:
    """Return what is to be kept of what is recorded and what was found now.

    Parameters
    ----------
    old
        What is recorded, if anything.
    new
        What was found.
    occasion
        Why somebody looked.

    Examples
    --------
    >>> old = Record("a", 1, 2, Level.CONTENT, 3.0, sha256="00")
    >>> merged(old, old._replace(sha256="ff"), Occasion.CHECK) == old
    True
    """
    if old is None or occasion is Occasion.ARRIVAL:
        return new
    is_same = old.sha256 is not None and old.sha256 == new.sha256
    if not is_same and (
        (old.sha256 is not None and new.sha256 is not None)
        or not old.fits(new.size_bytes, new.mtime_ns)
    ):
        return old if old.sha256 is not None else new
    return old._replace(
        size_bytes=new.size_bytes,
        mtime_ns=new.mtime_ns,
        ctime_ns=new.ctime_ns,
        level=max(old.level, new.level),
        verified_at_s=max(old.verified_at_s, new.verified_at_s),
        sha256=old.sha256 or new.sha256,
        crc32=new.crc32 if old.crc32 is None else old.crc32,
    )


def merged_check(old: Check | None, new: Check) -> Check:
    """Return which of two looks at a file is to be kept: a weaker one does not absolve it.

    Parameters
    ----------
    old
        The earlier one, if any.
    new
        The later one.

    Examples
    --------
    >>> bad = Check("a", 1, 2, Level.HASH, 3.0, defect="wrong-hash")
    >>> merged_check(bad, Check("a", 1, 2, Level.CONTENT, 4.0)) == bad
    True
    """
    if old is None or old.defect is None or new.defect is not None:
        return new
    is_absolved = new.level >= old.level or not old.fits(new.size_bytes, new.mtime_ns)
    return new if is_absolved else old


def put_checks(connection: sqlite3.Connection, checks: Mapping[str, Check]) -> None:
    """Write checks."""
    kept = {row[0]: check_of(row) for row in CHECKS.rows(connection, checks)}
    # In the order of the table, so that neighbours are written together.
    found = (merged_check(kept.get(path), checks[path]) for path in sorted(checks))
    CHECKS.put(connection, map(check_row, found))


def put_records(connection: sqlite3.Connection, records: Sequence[tuple[Record, Occasion]]) -> None:
    """Write records; of an arrival, what was known of the file before goes."""
    paths = [record.path for record, _ in records]
    kept = {row[0]: record_of(row) for row in RECORDS.rows(connection, paths)}
    for record, occasion in records:
        kept[record.path] = merged(kept.get(record.path), record, occasion)
    # In the order of the table, so that neighbours are written together.
    RECORDS.put(connection, (record_row(kept[path]) for path in sorted(set(paths))))
    arrived = [record.path for record, occasion in records if occasion is Occasion.ARRIVAL]
    for table in (CHECKS, MARKS):
        table.drop(connection, arrived)


def drop_all(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Remove everything that is known of some files."""
    gone = sorted(set(paths))
    for table in (RECORDS, CHECKS, MARKS):
        table.drop(connection, gone)
