"""Where a validation is, so that one that was stopped can go on.

Files are looked at in the order of their paths. So all there is to remember is the last path of
which everything before it was looked at, and the defects found until then, which are looked at
again. It is kept in a small file, one for each thing that can be asked for, and removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pdb_cli.operations.validate_model import Finding, ValidateRequest

DIRECTORY_NAME: Final = "validate"
"""Below a collection's ``.pdb-cli``."""

_SCHEMA = 1
_LASTS_S = 7 * 86400.0
"""What was looked at longer ago is looked at again."""
_FUTURE_S = 60.0
_SAVE_EVERY_S = 2.0
_MOST_BAD = 20_000
"""Defects that are remembered; after so many, going on means looking again from there."""
_LARGEST_BYTES = 8 * 1024**2


class ValidateProgress:
    """How far one validation has come.

    Parameters
    ----------
    directory
        Where it is remembered; made when there is something to remember.
    request
        What is asked for: only the same again goes on.
    clock
        The time, POSIX seconds.
    """

    def __init__(
        self,
        directory: Path,
        request: ValidateRequest,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = directory / f"{_key(request)}.json"
        """Removing it makes the next run begin anew."""
        self.started_at_s = clock()
        """When the first of the runs that make up this validation began, POSIX seconds."""
        self.position = ""
        """All files up to this path were looked at before."""
        self.bad: frozenset[str] = frozenset()
        """Of those, the ones that had defects."""
        self._now = self.position
        self._found: set[str] = set()
        self._is_full = False
        self._is_stuck = False
        self._clock = clock
        self._saved_s = time.monotonic()
        self._read()

    @property
    def goes_on(self) -> bool:
        """Whether there is something to go on with."""
        return bool(self.position)

    def was_looked_at(self, path: str) -> bool:
        """Tell whether a file was looked at before, and was good.

        Parameters
        ----------
        path
            Relative to the collection.
        """
        return path <= self.position and path not in self.bad

    def add(self, finding: Finding) -> None:
        """Take note of a file; they must come in the order of their paths.

        Parameters
        ----------
        finding
            What a look at it came to.
        """
        path = finding.collected.file.path
        if finding.is_good:
            self._found.discard(path)
        elif len(self._found) < _MOST_BAD:
            self._found.add(path)
        else:
            self._is_full = True
        if not self._is_full and path > self._now:
            self._now = path

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

    def save(self) -> None:
        """Remember it; where nothing can be written, nothing is remembered."""
        self._saved_s = time.monotonic()
        if self._is_stuck or not self._now:
            return
        content = {
            "schema": _SCHEMA,
            "started_at_s": self.started_at_s,
            "position": self._now,
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
        started_at_s, position = content.get("started_at_s"), content.get("position")
        bad = content.get("bad")
        if not isinstance(started_at_s, int | float) or not isinstance(position, str):
            return
        if not isinstance(bad, list) or not all(isinstance(path, str) for path in bad):
            return
        if not -_FUTURE_S <= self.started_at_s - started_at_s <= _LASTS_S:
            return
        self.started_at_s = float(started_at_s)
        self.position = self._now = position
        self.bad = frozenset(bad)
        self._found = set(bad)


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
