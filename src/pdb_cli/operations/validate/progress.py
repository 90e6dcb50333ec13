"""When a validation began, so that one that was stopped can go on.

What was looked at, and when, the catalogue knows, with the size and the time that each file had. So
all there is to remember is since when that counts. It is kept in a small file, one for each thing
that can be asked for, and removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError
from pdb_cli.index.model import Level
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdb_cli.operations.validate.model import ValidateRequest
    from pdb_cli.storage.collection import Collection

DIRECTORY_NAME: Final = "validate"
"""Below a collection's ``.pdb-cli``."""

_SCHEMA = 2
_LASTS_S = 7 * 86400.0
"""What was looked at longer ago is looked at again."""
_FUTURE_S = 60.0
WORTH_S = 1.0
"""What takes less is begun anew."""
_LARGEST_BYTES = 65536


class ValidateProgress:
    """When one validation began, over all its runs.

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
        self.path = collection.state_dir / DIRECTORY_NAME / f"{_key(request)}.json"
        """Removing it makes the next run begin anew."""
        self.started_at_s = clock()
        """When the first of the runs that make up this validation began, POSIX seconds."""
        self.goes_on = False
        """Whether there is something to go on with."""
        # To compare sizes is quicker than to remember that it was done.
        self._is_done = request.level is Level.SIZE
        self._begun_s = time.monotonic()
        if not self._is_done:
            self._read()

    def save_in_time(self) -> None:
        """Remember it for the next run, once, if it is worth that by now.

        Where nothing can be written, nothing is remembered.
        """
        if self._is_done or time.monotonic() - self._begun_s < WORTH_S:
            return
        self._is_done = True
        content = {"schema": _SCHEMA, "started_at_s": self.started_at_s}
        with suppress(FileAccessError, OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps(content).encode(), durable=False)

    def finish(self) -> None:
        """Forget it: everything was looked at."""
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            self.path.parent.rmdir()

    def _read(self) -> None:
        """Read what an earlier run left, if it makes sense."""
        content = read_record(self.path, schema=_SCHEMA, largest_bytes=_LARGEST_BYTES)
        started_at_s = None if content is None else content.get("started_at_s")
        if not isinstance(started_at_s, int | float):
            return
        if -_FUTURE_S <= self.started_at_s - started_at_s <= _LASTS_S:
            self.started_at_s = float(started_at_s)
            self.goes_on = self._is_done = True


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
