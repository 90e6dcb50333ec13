"""Where collections have been on this host: a note outside of them, in the user's cache.

A disk that is not mounted leaves an empty directory, or none, in which everything would be fetched
again. What the collection itself remembers is on that disk; so this is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError, UnsafeTreeError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA: Final = 1
_SOME_FILES: Final = 10
"""Fewer may well have been removed by hand."""
_PART: Final = 10
"""With less than one in so many of its files, a collection is not here any more."""
_LOOKED_FOR: Final = 1000
"""Files that are looked for at the most: so many are nothing that a hand put there."""
_OF_THE_DISK: Final = "lost+found"


class KnownRoots:
    """Notes about the collections of one user on one host.

    Parameters
    ----------
    folder
        Where they are; made when something is noted.
    host
        The name of this host: where homes are shared, disks need not be.
    """

    def __init__(self, folder: Path, host: str) -> None:
        self._folder = folder
        self._host = host

    def check(self, root: Path, *, can_trust: bool) -> None:
        """See that a collection that was here has not gone as a whole.

        Parameters
        ----------
        root
            Of the collection, absolute; nothing is changed there.
        can_trust
            Whether the command has ``--trust-list``.

        Raises
        ------
        UnsafeTreeError
            It had files, and there is none, or next to none.
        """
        noted = self._files(root)
        if noted < _SOME_FILES:
            return
        wanted = min(noted // _PART, _LOOKED_FOR)
        here = sum(1 for _ in islice(_files_below(root), wanted))
        if here >= wanted:
            return
        state = "empty" if os.path.lexists(root) else "not there"
        if here:
            state = "all but empty"
        way = "say --trust-list to fetch them all again"
        if not can_trust:
            way = f"if they are gone for good, remove {self._path(root)}"
        reason = f"it is {state}, and sync has kept {noted} files in it: mount its disk, or "
        raise UnsafeTreeError(root, reason + way)

    def note(self, root: Path, files: int, *, anew: bool) -> None:
        """Note how many files a collection has; where that can not be written, nothing happens.

        Parameters
        ----------
        root
            Of the collection, absolute.
        files
            Those of a run, which may have been about a part of it.
        anew
            Whether what was noted before is void.
        """
        before = self._files(root)
        if files <= before and not (anew and files < before):
            return
        record = {"schema": _SCHEMA, "root": os.fspath(root), "host": self._host, "files": files}
        with suppress(FileAccessError, OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path(root), json.dumps(record).encode(), durable=False)

    def _files(self, root: Path) -> int:
        """Return how many files were noted."""
        record = read_record(self._path(root), schema=_SCHEMA) or {}
        files = record.get("files")
        is_ours = (record.get("root"), record.get("host")) == (os.fspath(root), self._host)
        return files if is_ours and isinstance(files, int) else 0

    def _path(self, root: Path) -> Path:
        """Return where the note about a collection is."""
        text = f"{self._host}\0{os.fspath(root)}".encode("utf-8", "surrogateescape")
        return self._folder / f"{hashlib.sha256(text).hexdigest()[:16]}.json"


def _files_below(place: str | Path) -> Iterator[None]:
    """Yield once for each file that may be a collection's, or directory that can not be read.

    What a command makes wherever it is called (``.pdb-cli``), and what a disk or a desktop does,
    is no file of a collection.
    """
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == _OF_THE_DISK:
                    continue
                if entry.is_dir():
                    yield from _files_below(entry.path)
                else:
                    yield None
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        # Nothing is known, and so nothing is refused; who goes on will be told the reason.
        while True:
            yield None
