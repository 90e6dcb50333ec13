"""``progress.json``: how far a job is, for whoever looks.

The job writes it, and anybody else may have: what is read is checked value by value.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
import json
import math
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from pdb_cli.jobs.model import to_json
from pdb_cli.jobs.regular_file import open_regular
from pdb_cli.storage.atomic import write_atomic

SCHEMA = 1
"""The schema this version writes; a newer one is not read."""

_LARGEST_FILE = 64 * 1024
_LONGEST_PHASE = 40
_LARGEST_NUMBER = 2**63
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class Progress(NamedTuple):
    """One look at how far a job is; the names are those of ``progress.json``."""

    files_total: int
    """Files asked for, those already there included; 0 while that is not known."""
    files_done: int
    files_failed: int
    bytes_received: int
    """Of all attempts, those that failed included."""
    rate_bytes_s: int = 0
    """Of the last ten seconds or so."""
    elapsed_s: float = 0.0
    eta_s: float | None = None
    """Seconds left; None where nothing can be said."""
    phase: str = ""
    """What is being done: ``planning``, ``downloading``, ``done``."""
    entries_total: int = 0
    entries_done: int = 0
    """Entries of which every wanted file is settled, well or not."""
    updated_at: str = ""
    """When this was written: UTC, ISO 8601 with ``Z``; empty if the writer did not say."""

    @property
    def files_settled(self) -> int:
        """Files about which nothing more is to be done, well or not."""
        return self.files_done + self.files_failed

    def quiet_s(self, now_s: float) -> float:
        """Return how long ago this was written, in seconds; 0 where that is not known.

        Nothing is written while nothing happens, so an old snapshot tells of a rate that was.

        Parameters
        ----------
        now_s
            The time now, POSIX seconds.

        Examples
        --------
        >>> Progress(1, 0, 0, 0, updated_at="1970-01-01T00:01:00Z").quiet_s(100.0)
        40.0
        """
        from datetime import datetime  # noqa: PLC0415 - writers do without

        try:
            return max(0.0, now_s - datetime.fromisoformat(self.updated_at).timestamp())
        except ValueError:
            return 0.0


def write_progress(path: Path, progress: Progress) -> None:
    """Replace a snapshot; readers see the old one or the new one, whole.

    Parameters
    ----------
    path
        ``JobPaths.progress``.
    progress
        What to write.

    Raises
    ------
    FileAccessError
        It could not be written; the old one is still there.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "progress.json"
    ...     write_progress(path, Progress(4, 1, 0, 156_000, phase="downloading"))
    ...     read_progress(path).phase
    'downloading'
    """
    data = to_json({"schema": SCHEMA, **progress._asdict()})
    write_atomic(path, data, mode=0o600, durable=False)


def read_progress(path: Path) -> Progress | None:
    """Read a snapshot; None if there is none that can be understood.

    Texts are cut to a sensible length, but may hold any character: make them printable.

    Parameters
    ----------
    path
        ``JobPaths.progress``.
    """
    try:
        fd = open_regular(path)
        try:
            data = os.read(fd, _LARGEST_FILE)
        finally:
            os.close(fd)
        document = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    return _decode(document) if isinstance(document, dict) else None


def _decode(document: dict[str, Any]) -> Progress | None:
    """Make a snapshot of a document, if every value is of its kind; snapshots of old have fewer."""
    if document.get("schema") != SCHEMA:
        return None
    known = {name: document[name] for name in Progress._fields if name in document}
    try:
        found = Progress(**known)
    except TypeError:  # a key without a default is missing
        return None
    counts = (
        *(found.files_total, found.files_done, found.files_failed, found.bytes_received),
        *(found.rate_bytes_s, found.entries_total, found.entries_done),
    )
    times = (found.elapsed_s, 0.0 if found.eta_s is None else found.eta_s)
    texts = (found.phase, found.updated_at)
    if not (
        all(type(count) is int and 0 <= count < _LARGEST_NUMBER for count in counts)
        and all(map(_is_duration, times))
        and all(type(text) is str for text in texts)
    ):
        return None
    updated_at = found.updated_at if _UTC.fullmatch(found.updated_at) else ""
    return found._replace(phase=found.phase[:_LONGEST_PHASE], updated_at=updated_at)


def _is_duration(value: object) -> bool:
    """Tell whether a value is a number of seconds that can be reckoned with."""
    # JSON in Python's reading has NaN and infinities, and its true is an int.
    return type(value) in {int, float} and math.isfinite(value) and 0 <= value < _LARGEST_NUMBER  # type: ignore[operator, arg-type]
