"""What becomes of files whose entry was removed from the archive: they stay, move, or go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.layouts import ArchiveFile, Layout, collection_path
from pdb_cli.errors import FileAccessError, ObsoleteLimitError, UnsupportedError
from pdb_cli.operations.delete_limit import parse_delete_limit
from pdb_cli.operations.update.doubt import ALWAYS_ALLOWED
from pdb_cli.operations.update.model import (
    FileState,
    JudgedFile,
    ObsoleteAction,
    UpdatedFile,
    UpdateResult,
)
from pdb_cli.storage.guard import no_guard
from pdb_cli.storage.move import move_file
from pdb_cli.storage.trash import move_to_trash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.update.model import UpdateRequest
    from pdb_cli.storage.collection import Collection
    from pdb_cli.storage.guard import Guard


def successors_of(
    obsolete: Iterable[JudgedFile], collection: Collection, *, without: Iterable[JudgedFile] = ()
) -> list[JudgedFile]:
    """Return the files of successors that are not here yet.

    Of each obsolete file it is the same kind of file of every entry at the ends of its chains; of
    assemblies the one with the same number.

    Parameters
    ----------
    obsolete
        Files of removed entries.
    collection
        Where they go.
    without
        Files that come anyhow: a successor that was here and is gone is missing by itself.

    Returns
    -------
    list of JudgedFile
        Each once, as missing.
    """
    known = {judged.name for judged in without}
    found: dict[str, JudgedFile] = {}
    for judged in obsolete:
        file = judged.file
        for successor in judged.successors:
            wanted = file._replace(entry=successor)
            name = collection_path(wanted, judged.layout)
            path = collection.locate(name, file.data_type)
            if name not in known and name not in found and not path.exists():
                found[name] = JudgedFile(
                    wanted,
                    judged.layout,
                    path,
                    name,
                    FileState.MISSING,
                    reason=f"supersedes {file.entry}",
                )
    return list(found.values())


def check_limit(
    obsolete: Iterable[JudgedFile], catalogue: Catalogue, request: UpdateRequest
) -> None:
    """See that no more is taken away than a list that is right would ever ask for at once.

    Parameters
    ----------
    obsolete
        Files of removed entries.
    catalogue
        What is here.
    request
        What is to become of them, and the limit.

    Raises
    ------
    ObsoleteLimitError
        More would go.
    """
    if request.obsolete is ObsoleteAction.REPORT:
        return
    is_move = request.obsolete is ObsoleteAction.MOVE
    go = (judged for judged in obsolete if not is_move or place_of(judged) is not None)
    entries = len({judged.file.entry for judged in go})
    if entries <= ALWAYS_ALLOWED:
        return
    limit = parse_delete_limit(request.max_delete, name="sync.max_delete")
    held = len({file.entry_id for file in catalogue.files()})
    share = (limit.percent or 0.0) / 100
    if entries > (held * share if limit.files is None else limit.files):
        raise ObsoleteLimitError(entries, held, request.max_delete)


def retire(
    obsolete: Iterable[JudgedFile],
    collection: Collection,
    action: ObsoleteAction,
    *,
    guard: Guard = no_guard,
) -> Iterator[UpdatedFile]:
    """Do with files of removed entries what was asked for.

    Parameters
    ----------
    obsolete
        The files.
    collection
        Where they are.
    action
        What to do.
    guard
        Asked before each.

    Yields
    ------
    UpdatedFile
        One for each.

    Raises
    ------
    CollectionBusyError
        From ``guard``; the rest stays.
    """
    for judged in obsolete:
        if action is not ObsoleteAction.REPORT:
            guard()
        try:
            match action:
                case ObsoleteAction.REPORT:
                    yield UpdatedFile(judged)
                case ObsoleteAction.MOVE:
                    yield _move(judged, collection)
                case ObsoleteAction.DELETE:
                    yield _throw_away(judged, collection)
                case _:
                    assert_never(action)
        except FileAccessError as error:
            yield UpdatedFile(judged, UpdateResult.FAILED, error=error)


def place_of(judged: JudgedFile) -> tuple[str, DataType] | None:
    """Return where the archive keeps the file of an obsolete entry, below a collection.

    Parameters
    ----------
    judged
        The file.

    Returns
    -------
    tuple of (str, DataType) or None
        Path and type; None where the archive has no such place: it keeps coordinates only.
    """
    file = judged.file
    if file.data_type is not DataType.STRUCTURES or judged.layout is not Layout.CLASSIC:
        return None
    try:
        there = ArchiveFile(file.entry, DataType.OBSOLETE, file.file_format)
        return collection_path(there, Layout.CLASSIC), DataType.OBSOLETE
    except UnsupportedError:
        return None


def _move(judged: JudgedFile, collection: Collection) -> UpdatedFile:
    """Move a file to where the archive keeps obsolete ones."""
    place = place_of(judged)
    if place is None:
        kind = f"{judged.file.data_type} as {judged.file.file_format}"
        reason = f"the archive has no place for obsolete {kind}; it stays"
        return UpdatedFile(judged, UpdateResult.KEPT, reason=reason)
    there = collection.locate(*place)
    if move_file(judged.path, there):
        return UpdatedFile(judged, UpdateResult.MOVED, path=there, name=place[0])
    # Somebody fetched it from there; ours must not be lost, nor win.
    return _throw_away(judged, collection)


def _throw_away(judged: JudgedFile, collection: Collection) -> UpdatedFile:
    """Move a file to the trash."""
    day = datetime.now(tz=UTC).date()
    there = move_to_trash(collection.root, judged.path, judged.name, day)
    return UpdatedFile(judged, UpdateResult.TRASHED, path=there)
