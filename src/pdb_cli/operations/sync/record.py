"""The records of runs of ``sync``: two lines of JSON each in ``.pdb-cli/runs/sync.jsonl``.

The first is written when a run begins and has no ``finished_at``, the second when it ends: that a
run was killed, or lost its power, is seen by the second one not being there.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from pdb_cli.errors import FileAccessError
from pdb_cli.operations.collection_plan import group_row
from pdb_cli.operations.sync.patience import reason_in_short
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.state_dir import RUNS_NAME, STATE_DIR

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.operations.sync.result import SyncResult, TreeResult

_NAME: Final = "sync.jsonl"
RUN_SCHEMA: Final = 1
"""Of records that this version writes, and reads."""
_LARGEST_BYTES: Final = 4 * 1024 * 1024
"""A record is one or two thousand bytes: decades of weekly runs."""


def result_row(result: SyncResult) -> dict[str, Any]:
    """Return what came of a run, as plain values for JSON.

    Parameters
    ----------
    result
        The result, also of a run that did not end well.
    """
    return {
        "transferred": result.transferred._asdict(),
        "removed": result.removed._asdict(),
        "failed_files": result.failed_files,
        "retries": result.retries,
        "trees": [_tree_row(tree) for tree in result.trees.values()],
    }


def append_run(collection: Path, record: dict[str, Any]) -> None:
    """Add a record of a run.

    Parameters
    ----------
    collection
        The root of the collection, which is held.
    record
        Plain values; ``target`` says which run it was, ``finished_at`` whether it has ended.

    Raises
    ------
    FileAccessError
        It could not be written.
    """
    path = _path(collection)
    line = json.dumps({"schema": RUN_SCHEMA, **record}, default=str).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size + len(line) > _LARGEST_BYTES:
            kept = path.read_bytes()[-_LARGEST_BYTES // 2 :].partition(b"\n")[2]
            write_atomic(path, kept, durable=False)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            end = os.fstat(descriptor).st_size
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                line = (
                    b"\n" + line
                )  # the last record was cut short: it must not take this one along
            _write_all(descriptor, line, end)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileAccessError.wrap("write", path, error) from error


def last_run(collection: Path, target: str | None) -> dict[str, Any] | None:
    """Read what there is of the last run: how it ended, or else that it began.

    Parameters
    ----------
    collection
        The root of the collection.
    target
        Of which target; None for any.

    Returns
    -------
    dict of str to Any or None
        None if there was none. Lines that are not whole are passed over.

    Raises
    ------
    FileAccessError
        The records are there and can not be read.
    """
    path = _path(collection)
    try:
        with path.open("rb") as file:
            lines = file.read(_LARGEST_BYTES + 1).splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error
    for line in reversed(lines):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or record.get("schema") != RUN_SCHEMA:
            continue
        if target is None or record.get("target") == target:
            return record
    return None


def _write_all(descriptor: int, line: bytes, end: int) -> None:
    """Write a line, or nothing of it."""
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _path(collection: Path) -> Path:
    """Return the file of the records."""
    return collection / STATE_DIR / RUNS_NAME / _NAME


def _tree_row(tree: TreeResult) -> dict[str, Any]:
    """Return what came of one tree."""
    error = tree.reason
    mirror, transport = tree.asked or (None, None)
    if tree.plan is not None:
        mirror, transport = tree.plan.listing.mirror, tree.plan.listing.transport
    return {
        "name": tree.tree.name,
        "mirror": mirror,
        "transport": transport,
        "done": tree.is_done,
        "state": tree.state,
        "planned": None if tree.plan is None else group_row(tree.plan),
        "transferred": tree.transferred._asdict(),
        "up_to_date": tree.kept_files,
        "unchanged": tree.unchanged,
        "vanished": tree.vanished,
        "absent": tree.absent,
        "failed_files": tree.failed_files,
        "removed": tree.removed._asdict(),
        "error": None if error is None else reason_in_short(error),
    }
