"""Where bad files are kept until good ones have their names.

A bad file stays under its name for whoever still uses it, and has a second one (a hard link) in
``.pdb-cli/quarantine/`` beside the tree it belongs to. Replacing it is one rename; once that has
happened, the second name is removed. So at no moment is there less than there was: a process that
is killed in between leaves at most a second name, which the next one clears away.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from pdb_cli.storage.state_dir import STATE_DIR

QUARANTINE_DIR_NAME: Final = "quarantine"


class Quarantine:
    """The quarantine of one tree.

    Parameters
    ----------
    root
        The tree: a collection, or the directory of a type of data that is kept elsewhere.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.directory = root / STATE_DIR / QUARANTINE_DIR_NAME
        """It need not exist."""

    def add(self, path: Path) -> Path | None:
        """Give a bad file its second name.

        Parameters
        ----------
        path
            Below the root; stays as it is.

        Returns
        -------
        Path | None
            The second name; None where the file system has no hard links. The file is replaced in
            one step all the same.
        """
        name = self.directory / path.relative_to(self.root)
        try:
            name.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                name.unlink()
            # Of a link it is the file that is bad.
            os.link(os.path.realpath(path), name)
        except OSError:
            return None
        return name

    def release(self, name: Path) -> None:
        """Remove a second name, with the directories that are empty then.

        Parameters
        ----------
        name
            From :meth:`add`.
        """
        with suppress(OSError):
            name.unlink()
        self._prune(name.parent)

    def clear(self) -> None:
        """Clear away what a process left that was killed; the caller has the collection's lock.

        Only where something has the first name: what was removed on purpose does not come back, and
        the last copy of a file is not removed either.
        """
        for folder, _, names in os.walk(self.directory, topdown=False):
            for text in names:
                name = Path(folder, text)
                path = self.root / name.relative_to(self.directory)
                with suppress(OSError):
                    if os.path.lexists(path):
                        name.unlink()
            with suppress(OSError):
                Path(folder).rmdir()

    def _prune(self, folder: Path) -> None:
        """Remove empty directories up to that of the quarantine."""
        with suppress(OSError):
            while folder.is_relative_to(self.directory):
                folder.rmdir()
                folder = folder.parent
