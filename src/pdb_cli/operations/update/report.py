"""What has changed since the last report on a collection: new, revised and obsolete entries.

What the archive announced at the last report, and which entries were here then, is kept in the
collection (``.pdb-cli/last-report.json.gz``). It moves on only when a report has been written: one
that is lost is made again by the next run.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pdb_cli.archive.absence import Absence

_NAME: Final = "last-report.json.gz"
_SCHEMA: Final = 1
_LARGEST_BYTES: Final = 256 * 1024 * 1024


class Snapshot(NamedTuple):
    """The archive and the collection at the time of a report."""

    made_at: str
    """UTC, ISO 8601."""
    dates: Mapping[str, str]
    """The archive's date of every entry, by the extended form of its id."""
    held: frozenset[str]
    """The entries with files in the collection, by the extended form of their ids."""


class Revision(NamedTuple):
    """An entry that has changed."""

    entry: EntryId
    before: str
    """The archive's dates, as published."""
    now: str


class ChangeReport(NamedTuple):
    """What has changed between two snapshots."""

    made_at: str
    since: str | None
    """When the last report was made; None if this is the first one: there is nothing to compare
    with, and only obsolete entries are told."""
    archive_entries: int
    """Entries in the archive."""
    held_entries: int
    """Entries with files in the collection."""
    added: tuple[EntryId, ...]
    """New in the archive."""
    arrived: tuple[EntryId, ...]
    """New in the collection."""
    revised: tuple[Revision, ...]
    """Of the collection."""
    revised_elsewhere: int
    """Revised entries that are not in the collection."""
    obsolete: tuple[Absence, ...]
    """Of the collection, then or now, and removed from the archive since."""


def compare_snapshots(
    last: Snapshot | None, now: Snapshot, *, absence_of: Callable[[str], Absence | None]
) -> ChangeReport:
    """Say what has changed.

    Parameters
    ----------
    last
        As of the last report; None if there was none.
    now
        As of now.
    absence_of
        Tells what became of an entry, by the extended form of its id.

    Examples
    --------
    >>> entry = "pdb_00001abc"
    >>> last = Snapshot("2026-09-02T00:00:00Z", {entry: "2026-08-28"}, frozenset({entry}))
    >>> now = Snapshot("2026-09-09T00:00:00Z", {entry: "2026-09-04"}, frozenset({entry}))
    >>> report = compare_snapshots(last, now, absence_of=lambda _: None)
    >>> [(str(one.entry), one.now) for one in report.revised]
    [('1abc', '2026-09-04')]
    """
    then = now if last is None else last
    added = [entry for entry in now.dates if entry not in then.dates]
    changed = [entry for entry, date in then.dates.items() if now.dates.get(entry, date) != date]
    held = now.held | then.held
    # In the first report also those that were removed long ago.
    gone = [
        entry for entry in held if entry not in now.dates and (last is None or entry in then.dates)
    ]
    absences = (absence_of(entry) for entry in sorted(gone))
    revised = [entry for entry in changed if entry in now.held]
    return ChangeReport(
        made_at=now.made_at,
        since=None if last is None else last.made_at,
        archive_entries=len(now.dates),
        held_entries=len(now.held),
        added=tuple(map(EntryId, sorted(added))),
        arrived=tuple(map(EntryId, sorted(now.held - then.held))),
        revised=tuple(
            Revision(EntryId(entry), then.dates[entry], now.dates[entry])
            for entry in sorted(revised)
        ),
        revised_elsewhere=len(changed) - len(revised),
        obsolete=tuple(absence for absence in absences if absence is not None),
    )


def snapshot_path(state_dir: Path) -> Path:
    """Return where it is kept what was told; without that file the next report is the first.

    Parameters
    ----------
    state_dir
        Where a collection keeps its state.
    """
    return state_dir / _NAME


def read_snapshot(state_dir: Path) -> Snapshot | None:
    """Read what was kept at the last report.

    Parameters
    ----------
    state_dir
        Where a collection keeps its state.

    Returns
    -------
    Snapshot | None
        None if there is none that makes sense.
    """
    try:
        with gzip.open(snapshot_path(state_dir)) as file:
            data = file.read(_LARGEST_BYTES)
        content: Any = json.loads(data)
        if content["schema"] != _SCHEMA:
            return None
        made_at, dates, held = content["made_at"], content["dates"], content["held"]
    except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError, zlib.error):
        return None
    if not isinstance(made_at, str) or not isinstance(dates, dict) or not isinstance(held, list):
        return None
    if not {str}.issuperset(map(type, (*dates.values(), *held))):
        return None
    return Snapshot(made_at, dates, frozenset(held))


def write_snapshot(state_dir: Path, snapshot: Snapshot) -> None:
    """Keep what the next report is compared with; only when this one has been written.

    Parameters
    ----------
    state_dir
        Where a collection keeps its state; made if it is not there.
    snapshot
        As of now.

    Raises
    ------
    FileAccessError
        It can not be written; the last one is still there.
    """
    content = {
        "schema": _SCHEMA,
        "made_at": snapshot.made_at,
        "dates": dict(snapshot.dates),
        "held": sorted(snapshot.held),
    }
    data = gzip.compress(json.dumps(content).encode(), compresslevel=1)
    path = snapshot_path(state_dir)
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError.wrap("create", state_dir, error) from error
    write_atomic(path, data, durable=True)
