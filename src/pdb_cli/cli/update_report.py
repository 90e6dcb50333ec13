"""The report of ``update --report``: Markdown that can be mailed, or JSON."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdb_cli.cli.output import OutputMode, json_text, printable
from pdb_cli.cli.update_rows import update_row
from pdb_cli.errors import HoldingsError
from pdb_cli.operations.delete_limit import SHORTEST_SHARE
from pdb_cli.operations.update.doubt import ALWAYS_ALLOWED
from pdb_cli.operations.update.model import WANTED_STATES, FileState
from pdb_cli.operations.update.report import (
    Snapshot,
    compare_snapshots,
    read_snapshot,
    snapshot_path,
    write_snapshot,
)
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from pdb_cli.archive.absence import Absence
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.update.check import CollectionCheck
    from pdb_cli.operations.update.model import UpdatedFile
    from pdb_cli.operations.update.report import ChangeReport

_SCHEMA = 1
_IDS_PER_LINE = 12


def write_report(
    path: Path,
    check: CollectionCheck,
    catalogue: Catalogue,
    updated: Sequence[UpdatedFile],
    states: Counter[FileState],
) -> None:
    """Write the report, and remember what it has told only then.

    Parameters
    ----------
    path
        Where; its ending says which form.
    check
        The comparison, which has ended.
    catalogue
        What is here.
    updated
        The files that are not simply up to date.
    states
        How many files are what.

    Raises
    ------
    FileAccessError
        The report, or what is remembered, can not be written.
    TransferError, HoldingsError
        It can not be told what was removed from the archive, or its lists are not believed.
    """
    collection = catalogue.collection
    held = frozenset(file.entry_id for file in catalogue.files())
    made_at = datetime.now(tz=UTC).isoformat(timespec="seconds")
    now = Snapshot(made_at, check.lists.structure_dates(), held)
    last = read_snapshot(collection.state_dir)
    report = compare_snapshots(last, now, absence_of=check.lists.absence_of)
    error = check.lists.removed_error or check.lists.doubt
    error = error or _shortening(last, now, check, snapshot_path(collection.state_dir))
    if error is not None:
        # Half a report would be the last that is ever told of the other half.
        raise error
    document = _document(report, collection.root, check.up_to_date, updated, states)
    if path.suffix.lower() == ".json":
        text = json_text(document, indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in _lines(report, document))
    # Through a link to the file itself, as everybody else would write it.
    write_atomic(Path(os.path.realpath(path)), text.encode(), durable=True)
    write_snapshot(collection.state_dir, now)


def _shortening(
    last: Snapshot | None, now: Snapshot, check: CollectionCheck, kept_in: Path
) -> HoldingsError | None:
    """Return what is wrong with a list that lacks much of what the last report knew."""
    before, count = len(now.dates if last is None else last.dates), len(now.dates)
    if before - count <= ALWAYS_ALLOWED or count >= SHORTEST_SHARE * before:
        return None
    kept = check.lists.structures
    way_on = f"if that is right, remove {kept_in}"
    reason = f"{count} entries, and {before} at the last report ({way_on})"
    return HoldingsError("the archive" if kept is None else kept.url, reason)


def _document(
    report: ChangeReport,
    root: Path,
    up_to_date: int,
    updated: Sequence[UpdatedFile],
    states: Counter[FileState],
) -> dict[str, Any]:
    """Return the report as plain values."""
    counts = {str(state): states[state] for state in FileState}
    counts[str(FileState.UP_TO_DATE)] = up_to_date
    open_files = [
        update_row(one, OutputMode.JSON) for one in updated if one.judged.state in WANTED_STATES
    ]
    return {
        "schema": _SCHEMA,
        "collection": str(root),
        "made_at": report.made_at,
        "since": report.since,
        "archive_entries": report.archive_entries,
        "held_entries": report.held_entries,
        "added": [str(entry) for entry in report.added],
        "new_here": [str(entry) for entry in report.arrived],
        "revised": [
            {"id": str(one.entry), "before": one.before, "now": one.now} for one in report.revised
        ],
        "revised_elsewhere": report.revised_elsewhere,
        "obsolete": [_obsolete_row(one) for one in report.obsolete],
        "files": counts,
        "not_up_to_date": open_files,
    }


def _obsolete_row(absence: Absence) -> dict[str, Any]:
    """Return what became of an entry."""
    return {
        "id": str(absence.entry),
        "since": absence.since,
        "kind": str(absence.kind),
        "successors": [str(entry) for entry in absence.successors],
        "reason": str(absence),
    }


def _lines(report: ChangeReport, document: dict[str, Any]) -> Iterator[str]:
    """Yield the report as Markdown."""
    counts = document["files"]
    yield f"# Changes of the Protein Data Bank, {report.made_at[:10]}"
    yield ""
    since = f"Since the report of {report.since}" if report.since else "The first report"
    yield f"{since}, for the collection `{printable(document['collection'])}`."
    yield ""
    yield f"- New in the archive: {len(report.added)} (of {report.archive_entries} entries)"
    yield f"- New in this collection: {len(report.arrived)}"
    elsewhere = f"{report.revised_elsewhere} elsewhere"
    yield f"- Revised in this collection: {len(report.revised)}; {elsewhere}"
    yield f"- Obsolete in this collection: {len(report.obsolete)}"
    shown = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    yield f"- Files here ({report.held_entries} entries): {shown or 'none'}"
    if report.since is None:
        yield ""
        yield "There was no report before this one: what is new or revised, the next one will tell."
    yield from _sections(report)
    if document["not_up_to_date"]:
        yield from ("", "## Files that are not up to date", "")
        yield "| entry | type | state | here | archive | result |"
        yield "|---|---|---|---|---|---|"
        for row in document["not_up_to_date"]:
            cells = ("id", "type", "state", "local_date", "remote_date", "result")
            yield "| " + " | ".join(_cell(row[name]) for name in cells) + " |"
        yield ""
        yield "`pdb-cli update` fetches them."


def _sections(report: ChangeReport) -> Iterator[str]:
    """Yield what has changed, as far as anything has."""
    if report.revised:
        yield from ("", "## Revised", "", "| entry | before | now |", "|---|---|---|")
        for one in report.revised:
            yield f"| {one.entry} | {_cell(one.before)} | {_cell(one.now)} |"
    if report.obsolete:
        yield from ("", "## Obsolete", "", "| entry | since | what became of it |", "|---|---|---|")
        for absence in report.obsolete:
            yield f"| {absence.entry} | {absence.since or ''} | {_cell(str(absence))} |"
    for title, entries in (("archive", report.added), ("collection", report.arrived)):
        names = [str(entry) for entry in entries]
        if names:
            yield from ("", f"## New in the {title}", "")
        for start in range(0, len(names), _IDS_PER_LINE):
            yield " ".join(names[start : start + _IDS_PER_LINE])


def _cell(value: object) -> str:
    """Return a value as a cell of a table; what comes from a list must not break it."""
    return printable(value).replace("|", "\\|")
