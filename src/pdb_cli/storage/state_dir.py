"""The names below ``.pdb-cli``, where a collection keeps what is not of the archive.

All of it can be made again from the files, except what lies in the trash.
"""

from __future__ import annotations

from typing import Final

STATE_DIR: Final = ".pdb-cli"
"""The directory, at the root of a collection."""

LOCK_NAME: Final = "write.lock"
"""Held by who changes the collection as a whole: :mod:`pdb_cli.storage.collection_lock`."""

TRASH_NAME: Final = "trash"
"""One directory per day, each with files under the paths they had."""

RUNS_NAME: Final = "runs"
"""What the last runs did, one record per target."""

LISTS_NAME: Final = "lists"
"""What the last complete list of each tree was like."""
