"""What the last complete list of each tree was like, so that a cut or an old one is noticed.

One small record per tree and selection in ``.pdb-cli/lists/``. Without it, lists are believed once.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record
from pdb_cli.storage.state_dir import LISTS_NAME, STATE_DIR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync_model import SyncSelection

_SCHEMA: Final = 1


class SeenList(NamedTuple):
    """What is remembered of a list."""

    files: int
    newest_s: Mapping[str, float]
    """By transport, since each measures it its own way."""

    def newer(self, newest_s: Mapping[str, float]) -> SeenList:
        """Return the same, with times that are known for some transports.

        Parameters
        ----------
        newest_s
            By transport.
        """
        return self._replace(newest_s={**self.newest_s, **newest_s})


def read_seen_list(collection: Path, name: str, selection: SyncSelection) -> SeenList | None:
    """Read what the last complete list was like.

    Parameters
    ----------
    collection
        The root of the collection.
    name
        The name of the tree.
    selection
        Which entries were listed.

    Returns
    -------
    SeenList or None
        None if there was none, or its record is not readable.
    """
    record = read_record(_path(collection, name, selection), schema=_SCHEMA)
    if record is None:
        return None
    files, newest = record.get("files"), record.get("newest_s")
    if not isinstance(files, int) or not isinstance(newest, dict):
        return None
    return SeenList(
        files,
        {key: float(value) for key, value in newest.items() if isinstance(value, int | float)},
    )


def remember_list(collection: Path, plan: GroupPlan, selection: SyncSelection) -> None:
    """Remember a list that has proved true, if it is complete.

    To be called when all that it names is here: a list with files that the mirror does not have
    would make every true one look cut short.

    Parameters
    ----------
    collection
        The root of the collection.
    plan
        What came of it.
    selection
        Which entries were listed.

    Raises
    ------
    FileAccessError
        It could not be written.
    """
    listing = plan.listing
    if not listing.complete:
        return
    seen = read_seen_list(collection, plan.name, selection)
    newest = dict(seen.newest_s) if seen is not None else {}
    if listing.newest_s is not None:
        newest[listing.transport] = listing.newest_s
    path = _path(collection, plan.name, selection)
    record = {
        "schema": _SCHEMA,
        "name": plan.name,
        "files": listing.files,
        "newest_s": newest,
        "source": listing.source,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError.wrap("create", path.parent, error) from error
    write_atomic(path, json.dumps(record).encode(), durable=False)


def _path(collection: Path, name: str, selection: SyncSelection) -> Path:
    """Return the record of a tree and a selection."""
    safe = re.sub(r"[^A-Za-z0-9-]", "_", name)
    key = "all"
    if not selection.is_all:
        text = json.dumps([sorted(selection.prefixes), sorted(map(str, selection.entries or ()))])
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return collection / STATE_DIR / LISTS_NAME / f"{safe}.{key}.json"
