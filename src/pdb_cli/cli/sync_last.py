"""``sync --last``: what the last run did."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from pdb_cli.archive.sync_targets import DEFAULT_TARGET
from pdb_cli.cli.collection import check_free
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import OutputMode, human_size, printable, text_table, write_document
from pdb_cli.cli.sync_request import collection_root, read_words
from pdb_cli.errors import CollectionBusyError
from pdb_cli.operations.sync.record import last_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pdb_cli.cli.session import Session


_STATES: Final = {
    "running": "running",
    "did not end": "did not end: it was killed, or the power failed; run the same command again",
}


def show_last(session: Session, options: dict[str, Any]) -> int:
    """Show the record of the last run of a target, or of any.

    Parameters
    ----------
    session
        This run.
    options
        The parameters of the command.

    Returns
    -------
    int
        0, or 1 when there is none.
    """
    settings = session.settings()
    target, _ = read_words(options["words"], settings)
    root = collection_root(settings, options["dest"])
    record = last_run(root, target.name if options["words"] else None)
    if record is None:
        what = f"of target {target.name} " if options["words"] else ""
        session.complain(f"pdb-cli: no run of sync {what}has left a record in {root}")
        return ExitCode.FAILED
    record["state"] = _state(record, root)
    if options["mode"] is OutputMode.JSON:
        write_document(record)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(record)))
    return ExitCode.DONE


def _state(record: Mapping[str, Any], root: Path) -> str:
    """Return whether the run has ended, in a word or two."""
    if record.get("finished_at") is not None:
        return "ended"
    try:
        check_free(root)
    except CollectionBusyError as busy:
        if (busy.host, busy.pid) == (record.get("host"), record.get("pid")):
            return "running"
    return "did not end"


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield a record in lines for people."""
    transferred, removed = _tally(record, "transferred"), _tally(record, "removed")
    state = record["state"]
    rows = {
        "target": record.get("target", DEFAULT_TARGET),
        "command": record.get("command"),
        "host": record.get("host"),
        "job": record.get("job"),
        "started": record.get("started_at"),
        "finished": record.get("finished_at"),
        "state": _STATES.get(state),
        "exit code": record.get("exit_code"),
        "reason": record.get("reason"),
        "transferred": f"{_counted(transferred[0])}, {human_size(transferred[1])}",
        "removed": _counted(removed[0]),
        "failed": _counted(record.get("failed_files", 0)),
    }
    if state != "ended":
        for name in ("transferred", "removed", "failed"):
            del rows[name]
    for name, value in rows.items():
        if value not in (None, ""):
            yield f"{name + ':':<13}{printable(value)}"
    trees = record.get("trees")
    if isinstance(trees, list) and trees:
        yield ""
        columns = {
            "name": "TREE",
            "state": "STATE",
            "mirror": "MIRROR",
            "transport": "TRANSPORT",
            "listed": "LISTED",
            "transferred": "TRANSFERRED",
            "removed": "REMOVED",
            "error": "ERROR",
        }
        yield from text_table([_tree(tree) for tree in trees if isinstance(tree, dict)], columns)


def _counted(files: object) -> str:
    """Return a number of files in words."""
    return "1 file" if files == 1 else f"{files} files"


def _tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of one tree."""
    planned = tree.get("planned")
    listing = planned.get("listing", {}) if isinstance(planned, dict) else {}
    return {
        "name": tree.get("name"),
        "state": tree.get("state") or ("done" if tree.get("done") else "not done"),
        "mirror": tree.get("mirror") or listing.get("mirror"),
        "transport": tree.get("transport") or listing.get("transport"),
        "listed": listing.get("files"),
        "transferred": _tally(tree, "transferred")[0],
        "removed": _tally(tree, "removed")[0],
        "error": tree.get("error"),
    }


def _tally(record: Mapping[str, Any], key: str) -> tuple[int, int]:
    """Return the files and bytes of a record's sum, whatever it says."""
    value = record.get(key)
    if not isinstance(value, dict):
        return 0, 0
    files, size_bytes = value.get("files"), value.get("size_bytes")
    return (
        files if isinstance(files, int) else 0,
        size_bytes if isinstance(size_bytes, int) else 0,
    )
