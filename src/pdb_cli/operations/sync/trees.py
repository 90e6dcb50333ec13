"""From what the user names (a target, types, a format) to the trees that ``sync`` keeps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType, FileFormat, parse_data_type
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.sync_targets import (
    ARCHIVE_ROWS,
    DEFAULT_TARGET,
    TargetRow,
    TargetTable,
    collection_directory,
)
from pdb_cli.errors import InvalidValueError, UnknownNameError, UnsupportedError
from pdb_cli.operations.collection_plan import is_safe_path
from pdb_cli.operations.sync.model import SyncTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WITH_FORMATS = frozenset({DataType.STRUCTURES, DataType.OBSOLETE})
"""Types of which the format can be chosen; all others are kept as the archive has them."""


def choose_rows(
    table: TargetTable,
    types: Sequence[str],
    *,
    formats: frozenset[FileFormat],
    asked: bool,
    layout: Layout,
) -> tuple[TargetRow, ...]:
    """Choose the rows of a target.

    Parameters
    ----------
    table
        The target.
    types
        Names of types, as the user wrote them; repetitions count once.
    formats
        The formats of structures to keep.
    asked
        Whether the formats were asked for just now, rather than being a setting.
    layout
        How the mirror arranges the archive.

    Returns
    -------
    tuple of TargetRow
        In the order of the types.

    Raises
    ------
    UnknownNameError
        The target has no such type.
    UnsupportedError
        The layout has no known place for a type, the format does not apply to any of them, or no
        type is named and the target has no usual one.
    InvalidValueError
        The target has only one type, and another is named.
    """
    if table.rows is not None:
        return _own_rows(table, table.rows, types)
    chosen = dict.fromkeys(parse_data_type(name) for name in types)
    if table.fixed_type is not None:
        if others := [str(name) for name in chosen if name is not table.fixed_type]:
            expected = f"none with the target {table.name}, or the target {DEFAULT_TARGET}"
            raise InvalidValueError("--type", others[0], expected)
        chosen = {table.fixed_type: None}
    if asked and not _WITH_FORMATS.intersection(chosen):
        names = ", ".join(map(str, chosen))
        raise UnsupportedError(
            f"a format for {names}",
            "only structures and obsolete have a choice; leave out -f (biounit has assemblies as "
            "pdb)",
        )
    rows: list[TargetRow] = []
    for data_type in chosen:
        known = [row for row in ARCHIVE_ROWS[layout] if row.data_type is data_type]
        if not known:
            raise UnsupportedError(
                str(data_type), f"their place in the layout {layout} is not known"
            )
        rows += [
            row for row in known if data_type not in _WITH_FORMATS or row.file_format in formats
        ]
    return tuple(rows)


def make_trees(
    rows: Iterable[TargetRow],
    *,
    collection: Path,
    data_type_dirs: Mapping[DataType, Path],
    layout: Layout,
    links: bool = False,
    subpath: str | None = None,
) -> tuple[SyncTree, ...]:
    """Give each row its place on the disk.

    Parameters
    ----------
    rows
        What to keep.
    collection
        The root of the collection.
    data_type_dirs
        Types that are kept elsewhere: this replaces the first part of their path.
    layout
        How the mirror arranges the archive.
    links
        Whether to keep the directories without hashes (``-l all``), their links resolved.
    subpath
        Keep only this below the directory of each row; slashes at its ends do not matter.

    Returns
    -------
    tuple of SyncTree
        One per row.

    Raises
    ------
    UnsupportedError
        A row has no directory without hashes, or its files are in many places, so that a part of
        the directory means nothing.
    InvalidValueError
        The path below the directory leads out of it, or is none; or the settings put a type where
        another one is: what is no file of the one would go as soon as the other is kept.
    """
    part = None if subpath is None else _checked_subpath(subpath)
    trees = tuple(
        _tree(row, collection, data_type_dirs, layout, links=links, part=part) for row in rows
    )
    others = [
        _tree(row, collection, data_type_dirs, layout, links=False, part=None)
        for row in ARCHIVE_ROWS[layout]
    ]
    _refuse_overlaps(trees, others, collection, data_type_dirs)
    return trees


def check_type_dirs(collection: Path | None, data_type_dirs: Mapping[DataType, Path]) -> None:
    """See that every type that is kept elsewhere has a place of its own.

    Parameters
    ----------
    collection
        The root of the collection; None if none is set up.
    data_type_dirs
        Types that are kept elsewhere.

    Raises
    ------
    InvalidValueError
        One is where another one is, or where the collection is; ``name`` is the key.
    """
    rows = [
        row
        for row in ARCHIVE_ROWS[Layout.CLASSIC]
        if row.data_type is not None and (collection is not None or row.data_type in data_type_dirs)
    ]
    # Without a collection, only what is elsewhere has a place.
    root = collection or Path()
    trees = [
        _tree(row, root, data_type_dirs, Layout.CLASSIC, links=False, part=None) for row in rows
    ]
    _refuse_overlaps(trees, trees, collection, data_type_dirs)


def _own_rows(
    table: TargetTable, rows: tuple[TargetRow, ...], types: Sequence[str]
) -> tuple[TargetRow, ...]:
    """Choose among the rows that a target has for itself."""
    known = {row.type_name: row for row in rows}
    if not types:
        raise UnsupportedError(
            f"the target {table.name}", f"it needs -t, one or more of {', '.join(known)}"
        )
    chosen: dict[str, TargetRow] = {}
    for name in types:
        key = name.strip().lower().replace("_", "-")
        if key not in known:
            raise UnknownNameError(f"type of the target {table.name}", name, tuple(known))
        chosen[key] = known[key]
    return tuple(chosen.values())


def _checked_subpath(subpath: str) -> str:
    """Return a part of a directory without slashes at its ends."""
    part = subpath.strip().strip("/")
    if not is_safe_path(part):
        raise InvalidValueError("--subpath", subpath, "a path below the directory of the type")
    return part


def _refuse_overlaps(
    trees: Iterable[SyncTree],
    others: Iterable[SyncTree],
    collection: Path | None,
    data_type_dirs: Mapping[DataType, Path],
) -> None:
    """See that no directory of a tree is, holds, or is in that of another type."""
    places = [(other, os.path.realpath(other.root)) for other in others]
    top = None if collection is None else os.path.realpath(collection)
    for tree in trees:
        place = os.path.realpath(tree.root)
        is_alone = not tree.shared and _is_moved(tree, data_type_dirs)
        if is_alone and top is not None and os.path.commonpath((place, top)) == place:
            raise _no_place(tree, data_type_dirs, tree, f"the collection in {collection}")
        for other, other_place in places:
            if tree.directory == other.directory or (tree.shared and other.shared):
                continue
            moved = next((one for one in (tree, other) if _is_moved(one, data_type_dirs)), None)
            if moved is not None and _overlap(place, other_place):
                text = f"{other.name} in {other.root}"
                raise _no_place(moved, data_type_dirs, tree, text)


def _is_moved(tree: SyncTree, data_type_dirs: Mapping[DataType, Path]) -> bool:
    """Tell whether a tree is kept elsewhere than in the collection."""
    return tree.data_type is not None and tree.data_type in data_type_dirs


def _no_place(
    moved: SyncTree, data_type_dirs: Mapping[DataType, Path], tree: SyncTree, other: str
) -> InvalidValueError:
    """Return the error about a setting that puts a type where something else is."""
    data_type = moved.data_type or DataType.STRUCTURES
    return InvalidValueError(
        f"paths.data_type_dirs.{data_type}",
        str(data_type_dirs[data_type]),
        f"a directory apart: {tree.name} would be in {tree.root}, and {other}",
    )


def _overlap(one: str, other: str) -> bool:
    """Tell whether two directories are the same, or one is in the other."""
    return os.path.commonpath((one, other)) in {one, other}


def _tree(
    row: TargetRow,
    collection: Path,
    data_type_dirs: Mapping[DataType, Path],
    layout: Layout,
    *,
    links: bool,
    part: str | None,
) -> SyncTree:
    """Make one tree."""
    remote, pattern, name = row.directory, row.pattern, row.name
    if links:
        if row.all_directory is None or pattern is None:
            raise UnsupportedError(row.type_name, "the archive has no directory 'all' of them")
        remote, pattern, name = row.all_directory, pattern.removeprefix("{hash}/"), f"{name}-all"
    if part is not None:
        if row.pattern is not None:
            raise UnsupportedError(
                f"--subpath with {row.type_name}",
                "their files are chosen by entries: a prefix, or --ids",
            )
        remote, name = f"{remote}/{part}", f"{name}/{part}"
    directory = collection_directory(remote)
    root = collection / directory
    elsewhere = None if row.data_type is None else data_type_dirs.get(row.data_type)
    if elsewhere is not None:
        root = elsewhere / directory.partition("/")[2]
    return SyncTree(
        name=name,
        group=row.type_name,
        remote=remote,
        directory=directory,
        root=root,
        layout=layout,
        pattern=pattern,
        shared=row.shared,
        data_type=row.data_type,
        file_format=row.file_format,
        content_types=row.content_types,
        links=links,
        target_of_links=row.directory if links else None,
    )
