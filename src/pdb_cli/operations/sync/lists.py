"""What the last complete list of each tree was like, so that a cut or an old one is noticed.

One small record per tree and selection in ``.pdb-cli/lists/``. Without it, lists are believed once.
A list is noted when it is believed, before the first file comes by it (*accepted*), and once more
when all that it names is here (*proved*): the next list is measured by the stricter of the two.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record
from pdb_cli.storage.state_dir import LISTS_NAME, STATE_DIR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pdb_cli.operations.collection_plan import GroupPlan, Listing
    from pdb_cli.operations.sync.model import SyncSelection

_SCHEMA: Final = 1


class SeenList(NamedTuple):
    """What is remembered of a list."""

    files: int
    """Of the last one that has proved true; 0 if none has."""
    newest_s: Mapping[str, float]
    """By transport and what it measures (``Listing.ages_s``)."""
    source: str = ""
    """Whose list it was; empty if nobody knows."""
    accepted_files: int = 0
    """Of one that was believed, in a run that has not come to its end; 0 if there is none."""

    @property
    def expected_files(self) -> int:
        """Of which number the next list may lack only some."""
        return max(self.files, self.accepted_files)

    def newer(self, later: SeenList) -> SeenList:
        """Return the same, with what a later list says of times.

        Parameters
        ----------
        later
            One that was believed, but has not proved true.
        """
        return self._replace(newest_s={**self.newest_s, **later.newest_s}, source=later.source)


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
    record = _read(collection, name, selection)
    if record is None:
        return None
    proved = _read_list(record)
    accepted = _read_list(record.get("accepted"))
    if proved is None or accepted is None:
        return proved
    newest_s = dict(proved.newest_s)
    for transport, time_s in accepted.newest_s.items():
        newest_s[transport] = max(time_s, newest_s.get(transport, time_s))
    return SeenList(proved.files, newest_s, accepted.source, accepted.files)


def accept_list(collection: Path, plan: GroupPlan, selection: SyncSelection) -> None:
    """Note a list that is believed, if it is complete, before anything is changed by it.

    On the disk when this returns: of a run that is killed, the next one knows what it had seen.

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
    seen = read_seen_list(collection, plan.name, selection)
    listing = plan.listing
    if not listing.complete or (seen is not None and _says(seen, listing)):
        return
    ages_s = listing.ages_s
    accepted = {"files": listing.files, "newest_s": ages_s, "source": listing.source}
    record = _read(collection, plan.name, selection) or {"files": 0, "newest_s": {}, "source": ""}
    _write(collection, plan.name, selection, {**record, "accepted": accepted}, durable=True)


def forget_accepted(collection: Path, name: str, selection: SyncSelection) -> None:
    """Forget a list that was believed, and that names files that are not there.

    Parameters
    ----------
    collection
        The root of the collection.
    name
        The name of the tree.
    selection
        Which entries were listed.

    Raises
    ------
    FileAccessError
        It could not be written.
    """
    record = _read(collection, name, selection)
    if record is not None and record.pop("accepted", None) is not None:
        _write(collection, name, selection, record, durable=True)


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
    proved = _read_list(_read(collection, plan.name, selection))
    newest = {**(proved.newest_s if proved is not None else {}), **listing.ages_s}
    record = {"files": listing.files, "newest_s": newest, "source": listing.source}
    _write(collection, plan.name, selection, record, durable=False)


def _read(collection: Path, name: str, selection: SyncSelection) -> dict[str, Any] | None:
    """Return the record of a tree and a selection."""
    return read_record(_path(collection, name, selection), schema=_SCHEMA)


def _read_list(record: object) -> SeenList | None:
    """Return what a record says of one list."""
    if not isinstance(record, dict):
        return None
    files, newest = record.get("files"), record.get("newest_s")
    if not isinstance(files, int) or not isinstance(newest, dict):
        return None
    return SeenList(
        files,
        {
            key: float(value)
            for key, value in newest.items()
            if isinstance(value, int | float) and math.isfinite(value)
        },
        str(record.get("source", "")),
    )


def _says(seen: SeenList, listing: Listing) -> bool:
    """Tell whether a list is known already, whichever way."""
    return (
        listing.files in {seen.files, seen.accepted_files}
        and listing.source == seen.source
        and all(seen.newest_s.get(key) == time_s for key, time_s in listing.ages_s.items())
    )


def _write(
    collection: Path,
    name: str,
    selection: SyncSelection,
    record: Mapping[str, Any],
    *,
    durable: bool,
) -> None:
    """Write the record of a tree and a selection."""
    path = _path(collection, name, selection)
    text = json.dumps({"schema": _SCHEMA, "name": name, **record})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError.wrap("create", path.parent, error) from error
    write_atomic(path, text.encode(), durable=durable)


def _path(collection: Path, name: str, selection: SyncSelection) -> Path:
    """Return the record of a tree and a selection."""
    safe = re.sub(r"[^A-Za-z0-9-]", "_", name)
    key = "all"
    if not selection.is_all:
        text = json.dumps([sorted(selection.prefixes), sorted(map(str, selection.entries or ()))])
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return collection / STATE_DIR / LISTS_NAME / f"{safe}.{key}.json"
