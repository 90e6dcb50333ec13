"""Where a validation is, so that one that was stopped can go on.

Files are looked at in a fixed order: tree by tree, directory by directory, name by name. So all
there is to remember is the last one, and the defects found until then, which are looked at again.
It is kept in a small file, one for each thing that can be asked for, and removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeGuard

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdb_cli.operations.validate_model import CollectedFile, Finding, ValidateRequest
    from pdb_cli.storage.collection import Collection

    Place = tuple[str, str, str]
    """Where a file is in the order: its tree, its directory, its name."""

DIRECTORY_NAME: Final = "validate"
"""Below a collection's ``.pdb-cli``."""

_SCHEMA = 1
_LASTS_S = 7 * 86400.0
"""What was looked at longer ago is looked at again."""
_FUTURE_S = 60.0
_SAVE_EVERY_S = 1.0
WORTH_S = 1.0
"""What takes less is begun anew."""
_MOST_BAD = 20_000
"""Defects that are remembered; after so many, going on means looking again from there."""
_LARGEST_BYTES = 8 * 1024**2


class ValidateProgress:
    """How far one validation has come.

    Parameters
    ----------
    collection
        In whose ``.pdb-cli`` it is remembered, once there is something to remember.
    request
        What is asked for: only the same again goes on.
    clock
        The time, POSIX seconds.
    """

    def __init__(
        self,
        collection: Collection,
        request: ValidateRequest,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._collection = collection
        self.path = collection.state_dir / DIRECTORY_NAME / f"{_key(request)}.json"
        """Removing it makes the next run begin anew."""
        self.started_at_s = clock()
        """When the first of the runs that make up this validation began, POSIX seconds."""
        self.before: Place | None = None
        """All files up to this one were looked at before."""
        self.bad: frozenset[str] = frozenset()
        """Of those, the ones that had defects."""
        self._now: Place | None = None
        self._last: Place | None = None
        self._found: set[str] = set()
        self._is_full = False
        self._is_stuck = False
        self._clock = clock
        self._begun_s = self._saved_s = time.monotonic()
        self._read()

    @property
    def goes_on(self) -> bool:
        """Whether there is something to go on with."""
        return self.before is not None

    def was_looked_at(self, collected: CollectedFile) -> bool:
        """Tell whether a file was looked at before, and was good; may be called by any thread.

        Parameters
        ----------
        collected
            The file.
        """
        return (
            self.before is not None
            and self._place(collected) <= self.before
            and collected.file.path not in self.bad
        )

    def add(self, finding: Finding) -> None:
        """Take note of a file; they must come in order.

        Parameters
        ----------
        finding
            What a look at it came to.
        """
        path = finding.collected.file.path
        place = self._place(finding.collected)
        if self._last is not None and place < self._last:
            # Files that were passed over for that would never be looked at.
            self._is_stuck = True
        self._last = place
        if finding.is_good:
            self._found.discard(path)
        elif len(self._found) < _MOST_BAD:
            self._found.add(path)
        else:
            self._is_full = True
        if not self._is_full and (self._now is None or place > self._now):
            self._now = place

    def settle(self, path: str) -> None:
        """Take note that a file with a defect has none any more.

        Parameters
        ----------
        path
            Relative to the collection.
        """
        self._found.discard(path)

    def save_now_and_then(self) -> None:
        """Remember it, unless that was done a moment ago."""
        if time.monotonic() - self._saved_s >= _SAVE_EVERY_S:
            self.save()

    def stop(self) -> None:
        """Remember it for the next run, if it is worth that."""
        if self.goes_on or time.monotonic() - self._begun_s >= WORTH_S:
            self.save()

    def save(self) -> None:
        """Remember it; where nothing can be written, nothing is remembered."""
        self._saved_s = time.monotonic()
        if self._is_stuck or self._now is None:
            return
        content = {
            "schema": _SCHEMA,
            "started_at_s": self.started_at_s,
            "last": self._now,
            "bad": sorted(self._found),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps(content).encode(), durable=False)
        except (FileAccessError, OSError):
            self._is_stuck = True

    def finish(self) -> None:
        """Forget it: everything was looked at."""
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            self.path.parent.rmdir()

    def _read(self) -> None:
        """Read what an earlier run left, if it makes sense."""
        content = read_record(self.path, schema=_SCHEMA, largest_bytes=_LARGEST_BYTES)
        if content is None:
            return
        started_at_s, last, bad = (content.get(key) for key in ("started_at_s", "last", "bad"))
        if not isinstance(started_at_s, int | float) or not _are_texts(last) or not _are_texts(bad):
            return
        if len(last) != len(("tree", "directory", "name")):
            return
        if not -_FUTURE_S <= self.started_at_s - started_at_s <= _LASTS_S:
            return
        self.started_at_s = float(started_at_s)
        self.before = self._now = (last[0], last[1], last[2])
        self.bad = frozenset(bad)
        self._found = set(bad)

    def _place(self, collected: CollectedFile) -> Place:
        """Return where a file is in the order in which the catalogue gives them."""
        directory, _, name = collected.file.path.rpartition("/")
        elsewhere = self._collection.data_type_dirs.get(collected.file.data_type)
        if elsewhere is None:
            return "", directory, name
        # As the catalogue keeps them apart, so that the order is the same.
        return f"{directory.partition('/')[0]}:{elsewhere.absolute()}", directory, name


def _are_texts(value: object) -> TypeGuard[list[str]]:
    """Tell whether a value of a record is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _key(request: ValidateRequest) -> str:
    """Return a name for what is asked for; how many threads do it makes no difference."""
    asked = {
        "level": int(request.level),
        "types": _sorted(request.types),
        "formats": _sorted(request.formats),
        "entries": _sorted(request.entries),
        "since": request.since_s is not None,
        "records": request.records,
    }
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _sorted(names: frozenset[object] | None) -> list[str] | None:
    """Return names as texts, always in the same order."""
    return None if names is None else sorted(map(str, names))
