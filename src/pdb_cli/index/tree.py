"""What of the catalogue can be had from the tree: its files, in memory once it was looked at."""

from __future__ import annotations

import os
from itertools import groupby, repeat
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.layouts import ROWS, Layout
from pdb_cli.index.directory import UNSETTLED, Directory, pack, unpack
from pdb_cli.index.model import CatalogueFile, OtherFile, Refreshed
from pdb_cli.index.naming import DirectoryNaming
from pdb_cli.index.scan import Scan, Tree, scan
from pdb_cli.index.tables import DIRECTORIES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection as Container
    from collections.abc import Iterable, Iterator

    from pdb_cli.archive.datatypes import FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.index.database import Database
    from pdb_cli.storage.collection import Collection

_FEW = 100
"""So many entries are looked for by their text; more of them, by looking at every file."""


class CatalogueTree:
    """The files of a collection.

    Parameters
    ----------
    collection
        Where they are.
    database
        Where directories are kept.
    """

    def __init__(self, collection: Collection, database: Database) -> None:
        self._database = database
        self._trees = _trees(collection)
        self._kept: dict[bytes, Directory] = {}
        """What is kept, where there is no file to keep it in."""
        self._scan: Scan | None = None

    def refresh(self, *, thorough: bool) -> Refreshed:
        """Compare what is known with the tree, and write what changed; as ``Catalogue.refresh``."""
        known, strangers = self._load()
        trees = [tree for tree, _ in self._trees.values()]
        found = scan(trees, known, now_ns=self._database.now_ns(), thorough=thorough)
        is_saved = True
        if found.changed or strangers:
            is_saved = self._save(found, strangers)
        self._scan = found
        self._kept = {**found.hidden, **found.found}
        return Refreshed(
            files=sum(each.files_present for each in found.found.values()),
            directories=len(found.found),
            directories_read=found.directories_read,
            unreadable=tuple(found.unreadable),
            saved=is_saved,
        )

    def batches(
        self,
        *,
        types: Container[DataType] | None,
        formats: Container[FileFormat] | None,
        entries: Container[EntryId] | None,
    ) -> Iterator[list[CatalogueFile]]:
        """Yield files, a directory at a time; as ``Catalogue.files``."""
        wanted = None if entries is None else {entry.extended for entry in entries}
        texts: list[bytes] | None = None
        if entries is not None and len(entries) <= _FEW:
            texts = [str(entry).encode() for entry in entries]
        for path, allowed, directory in self._directories():
            if texts is not None:
                packed = directory.packed.lower()
                if not any(text in packed for text in texts):
                    continue
            chosen = allowed if types is None else allowed.intersection(types)
            files = _files(path, directory, chosen)
            if formats is not None:
                files = [file for file in files if file.file_format in formats]
            if wanted is not None:
                files = [file for file in files if file.entry_id in wanted]
            if files:
                yield files

    def other_files(self) -> Iterator[OtherFile]:
        """Yield files whose names are not the archive's."""
        for path, _, directory in self._directories():
            identify = DirectoryNaming(path).identify
            for name, size_bytes, mtime_ns in zip(*unpack(directory.packed), strict=True):
                if size_bytes >= 0 and identify(name) is None:
                    yield OtherFile(_join(path, name), size_bytes, mtime_ns)

    def gone(self) -> Iterator[str]:
        """Yield the paths of files that are remembered, and are not there."""
        for path, allowed, directory in self._directories():
            if directory.has_gone:
                for name, is_gone in _known(path, directory, allowed):
                    if is_gone:
                        yield _join(path, name)

    def unseen(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield those of some paths that nobody remembers, and where the last refresh could look.

        Parameters
        ----------
        paths
            Best those of one directory after another.
        """
        for directory, files in groupby(paths, key=_directory_of):
            names: set[str] = set()
            is_hidden = False
            for place, allowed in self._places(directory):
                is_hidden = is_hidden or self._latest().hides(place)
                found = self._latest().found.get(place)
                if found is not None:
                    names.update(name for name, _ in _known(directory, found, allowed))
            if not is_hidden:
                yield from (path for path in files if path.rpartition("/")[2] not in names)

    def forget(self, paths: Iterable[str]) -> None:
        """Have files looked for anew, as if they had never been there."""
        names: dict[bytes, set[str]] = {}
        for path in paths:
            directory, _, name = path.rpartition("/")
            for place, _ in self._places(directory):
                names.setdefault(place, set()).add(name)

        def work(connection: sqlite3.Connection) -> None:
            rows = DIRECTORIES.rows(connection, names)
            DIRECTORIES.put(
                connection,
                [_without(Directory.from_row(row), names[row[0]]).as_row(row[0]) for row in rows],
            )

        self._database.write(work)
        maps = [self._kept] if self._scan is None else [self._kept, self._scan.found]
        for directories in maps:
            for place in names.keys() & directories.keys():
                directories[place] = _without(directories[place], names[place])

    def forget_all(self) -> None:
        """Forget everything; the next refresh reads the whole tree."""
        self._scan, self._kept = None, {}
        self._database.write(lambda connection: connection.execute("DELETE FROM directory"))

    def _load(self) -> tuple[dict[bytes, Directory], list[bytes]]:
        """Return what is known, and the places of trees that are not part of the collection now."""
        rows = self._database.read(DIRECTORIES.all_rows)
        if rows is None:
            return self._kept, []
        known: dict[bytes, Directory] = {}
        strangers: list[bytes] = []
        for row in rows:
            place = row[0]
            if place.partition(b"\0")[0] in self._trees:
                known[place] = Directory.from_row(row)
            else:
                strangers.append(place)
        return known, strangers

    def _save(self, found: Scan, strangers: list[bytes]) -> bool:
        """Write what changed."""

        def work(connection: sqlite3.Connection) -> None:
            changed = sorted(found.changed & found.found.keys())
            DIRECTORIES.put(connection, (found.found[each].as_row(each) for each in changed))
            DIRECTORIES.drop(connection, [*(found.changed - found.found.keys()), *strangers])

        return self._database.write(work)

    def _latest(self) -> Scan:
        """Return what the last refresh found; make one if there was none."""
        if self._scan is None:
            self.refresh(thorough=False)
        assert self._scan is not None  # noqa: S101 - for mypy
        return self._scan

    def _directories(self) -> Iterator[tuple[str, frozenset[DataType], Directory]]:
        """Yield directories: the path in the collection, the types that count, what is there."""
        for place, directory in sorted(self._latest().found.items()):
            key, _, name = place.partition(b"\0")
            tree, allowed = self._trees[key]
            yield (tree.prefix + os.fsdecode(name)).removesuffix("/"), allowed, directory

    def _places(self, directory: str) -> Iterator[tuple[bytes, frozenset[DataType]]]:
        """Yield the places that a directory of the collection may have."""
        for tree, allowed in self._trees.values():
            if f"{directory}/".startswith(tree.prefix):
                yield tree.place(directory[len(tree.prefix) :]), allowed


def _files(path: str, directory: Directory, types: frozenset[DataType]) -> list[CatalogueFile]:
    """Return the files of some types in a directory."""
    naming = DirectoryNaming(path)
    prefix = f"{path}/" if path else ""
    names, sizes, times = unpack(directory.packed)
    uniform = None if directory.has_gone else naming.uniform(names)
    if uniform is not None:
        ids, (_, data_type, *others) = uniform
        if data_type not in types:
            return []
        columns = (
            [prefix + name for name in names],
            ["pdb_0000" + name[ids] for name in names],
            repeat(data_type),
            *map(repeat, others),
            sizes,
            times,
        )
        return list(map(CatalogueFile._make, zip(*columns, strict=False)))
    identify = naming.identify
    files = []
    for name, size_bytes, mtime_ns in zip(names, sizes, times, strict=True):
        if size_bytes >= 0:
            identity = identify(name)
            if identity is not None and identity[1] in types:
                files.append(CatalogueFile(prefix + name, *identity, size_bytes, mtime_ns))
    return files


def _known(
    path: str, directory: Directory, types: frozenset[DataType]
) -> Iterator[tuple[str, bool]]:
    """Yield the names of the files of some types in a directory, and whether they are gone."""
    identify = DirectoryNaming(path).identify
    for name, size_bytes, _ in zip(*unpack(directory.packed), strict=True):
        identity = identify(name)
        if identity is not None and identity.data_type in types:
            yield name, size_bytes < 0


def _directory_of(path: str) -> str:
    """Return the directory of a file."""
    return path.rpartition("/")[0]


def _without(directory: Directory, names: set[str]) -> Directory:
    """Return a directory without some files, to be read again."""
    files = [file for file in directory.files() if file.name not in names]
    return directory._replace(mtime_ns=UNSETTLED, packed=pack(files))


def _join(directory: str, name: str) -> str:
    """Return the path of a file."""
    return f"{directory}/{name}" if directory else name


def _trees(collection: Collection) -> dict[bytes, tuple[Tree, frozenset[DataType]]]:
    """Return the directories to scan, by their keys, with the types whose files count there."""
    elsewhere = collection.data_type_dirs
    root = os.path.abspath(collection.root)  # noqa: PTH100 - links stay as they are
    trees = {b"": (Tree(root, b"", ""), frozenset(DataType) - elsewhere.keys())}
    for data_type, folder in elsewhere.items():
        top = _top(data_type)
        path = os.path.abspath(folder)  # noqa: PTH100 - as above
        key = os.fsencode(f"{top}:{path}")
        types = trees[key][1] if key in trees else frozenset()
        trees[key] = (Tree(path, key, f"{top}/"), types | {data_type})
    return trees


def _top(data_type: DataType) -> str:
    """Return the first part of the paths of a type's files in a collection."""
    for row in ROWS:
        if (row.layout, row.data_type) == (Layout.CLASSIC, data_type):
            return row.template.removeprefix("../").removeprefix("data/").partition("/")[0]
    return str(data_type)
