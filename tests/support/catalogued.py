"""A small collection on the disk with records of its files, and what is true of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pdb_cli.index.catalogue import Level, Record, open_catalogue
from pdb_cli.storage.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MTIME_S = 1_700_000_000


def path_of(entry: str) -> str:
    """Return where the mmCIF file of an entry is in a collection."""
    return f"structures/divided/mmCIF/{entry[1:3]}/{entry}.cif.gz"


def make_files(root: Path, entries: Iterable[str]) -> list[str]:
    """Make a file for each entry, all of them old; return their paths."""
    paths = [path_of(entry) for entry in entries]
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
        os.utime(file, (MTIME_S, MTIME_S))
    return paths


def record_of(root: Path, path: str, *, sha256: str = "5a" * 32) -> Record:
    """Return a record that fits the file that is there."""
    status = (root / path).stat()
    return Record(
        path,
        status.st_size,
        status.st_mtime_ns,
        Level.CONTENT,
        1.5,
        sha256,
        7,
        f"http://m/{path}",
        ctime_ns=status.st_ctime_ns,
    )


def make_recorded(root: Path, entries: Iterable[str]) -> dict[str, Record]:
    """Make files with a catalogue that knows them; return their records, by path."""
    paths = make_files(root, entries)
    records = {path: record_of(root, path) for path in paths}
    with open_catalogue(Collection(root)) as catalogue:
        catalogue.refresh()
        catalogue.remember(records.values())
    return records


def files_on_disk(root: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file that does not begin with a dot, by path."""
    found = {}
    for file in root.rglob("*"):
        path = file.relative_to(root)
        if file.is_file() and not any(part.startswith(".") for part in path.parts):
            status = file.stat()
            found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found
