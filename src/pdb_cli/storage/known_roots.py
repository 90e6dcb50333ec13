"""Where collections have been on this host: a note outside of them, in the user's cache.

A disk that is not mounted leaves an empty directory, or none, in which everything would be fetched
again. What the collection itself remembers is on that disk; so this is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError, UnsafeTreeError
from pdb_cli.storage.atomic import write_atomic
from pdb_cli.storage.record import read_record
from pdb_cli.storage.state_dir import STATE_DIR

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA: Final = 1
_SOME_FILES: Final = 10
"""Fewer may well have been removed by hand."""
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

    def check(self, root: Path) -> None:
        """See that a collection that was here has not gone as a whole.

        Parameters
        ----------
        root
            Of the collection, absolute; nothing is changed there.

        Raises
        ------
        UnsafeTreeError
            It had files, and there is none, nor anything else that is a collection's.
        """
        files = self._files(root)
        if files < _SOME_FILES or _has_directories(root):
            return
        state = "empty" if os.path.lexists(root) else "not there"
        raise UnsafeTreeError(
            root,
            f"it is {state}, and sync has kept {files} files in it: mount its disk, or say "
            "--trust-list to fetch them all again",
        )

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


def _has_directories(root: Path) -> bool:
    """Tell whether there is anything that a collection has, or that can not be looked at."""
    try:
        with os.scandir(root) as entries:
            return any(
                entry.is_dir()
                and entry.name != _OF_THE_DISK
                and (entry.name == STATE_DIR or not entry.name.startswith("."))
                for entry in entries
            )
    except FileNotFoundError:
        return False
    except OSError:
        return True
