"""From the words and options of ``sync`` to a request, with all that can be checked beforehand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.archive.datatypes import FileFormat
from pdb_cli.archive.mirrors import find_mirror
from pdb_cli.archive.sync_targets import BUILTIN_TARGETS, DEFAULT_TARGET
from pdb_cli.cli.ids_input import read_ids
from pdb_cli.config.settings import SyncFormat, SyncTarget, Transport
from pdb_cli.errors import (
    InvalidValueError,
    NoCollectionError,
    UnknownNameError,
    UnsupportedError,
)
from pdb_cli.operations.delete_limit import parse_delete_limit
from pdb_cli.operations.sync.model import SyncRequest, SyncSelection
from pdb_cli.operations.sync.patterns import parse_prefix
from pdb_cli.operations.sync.trees import choose_rows, make_trees
from pdb_cli.storage.destination import check_writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.archive.sync_targets import TargetTable
    from pdb_cli.cli.session import Session
    from pdb_cli.config.settings import Settings

_FORMATS = {
    SyncFormat.MMCIF: frozenset({FileFormat.MMCIF}),
    SyncFormat.PDB: frozenset({FileFormat.PDB}),
    SyncFormat.BOTH: frozenset({FileFormat.MMCIF, FileFormat.PDB}),
}


class Asked(NamedTuple):
    """What the user asked for."""

    request: SyncRequest
    transport: Transport
    parallel: int | None
    bwlimit_kib_s: int | None
    dry_run: bool
    """Whether nothing at all shall be changed, not even what is known of the archive."""
    wait: bool
    """Whether to wait for another writer."""
    frozen_ids: bytes | None
    """The ids that were read, to be kept with a job."""


class _Target(NamedTuple):
    """The target, built in or of the configuration."""

    name: str
    table: TargetTable
    own: SyncTarget
    """What the configuration says about it."""


def read(session: Session, options: dict[str, Any]) -> Asked:
    """Make the request of a run.

    Parameters
    ----------
    session
        This run.
    options
        The parameters of the command.

    Returns
    -------
    Asked
        It, and what the transports need to know.

    Raises
    ------
    UsageError
        Something can not be understood, or does not go together.
    FileAccessError
        The list can not be read, or the collection not be written.
    """
    settings = session.settings()
    target, prefixes = read_words(options["words"], settings)
    collection = collection_root(settings, options["dest"])
    selection, frozen_ids = _selection(session, prefixes, options["ids_file"])
    mirrors = _mirrors(session, target, options["mirrors"])
    layout = mirrors[0].layout
    sync = settings.sync
    kept_format = target.own.format or sync.format
    types: Sequence[str] = options["types"]
    if not types and target.table.rows is None:
        usual = () if target.table.fixed_type else target.own.types or sync.types
        types = [str(data_type) for data_type in usual]
    rows = choose_rows(
        target.table,
        types,
        formats=_FORMATS[SyncFormat(options["file_format"] or kept_format)],
        asked=options["file_format"] is not None,
        layout=layout,
    )
    if not selection.is_all and (unnamed := [row for row in rows if row.pattern is None]):
        raise UnsupportedError(
            f"a prefix or --ids with {unnamed[0].type_name}", "its files are not those of entries"
        )
    if options["subpath"] is not None and target.table.rows is None:
        raise InvalidValueError("--subpath", options["subpath"], "the target pdbj or pdbe with it")
    data_type_dirs = {} if options["dest"] else settings.paths.data_type_dirs
    trees = make_trees(
        rows,
        collection=collection,
        data_type_dirs=data_type_dirs,
        layout=layout,
        links=options["arrangement"] == "all",
        subpath=options["subpath"],
    )
    limit = options["max_delete"] or target.own.max_delete or sync.max_delete
    request = SyncRequest(
        target=target.name,
        collection=collection,
        trees=trees,
        mirrors=mirrors,
        selection=selection,
        delete=_first(options["delete"], target.own.delete, sync.delete),
        limit=parse_delete_limit(limit),
        trust_list=options["trust_list"],
        use_trash=not options["no_trash"],
        retries=_first(options["retry"], None, settings.download.retry),
        retry_delay_s=options["retry_delay"],
        data_type_dirs=data_type_dirs,
    )
    if not (options["dry_run"] or options["print_timer"]):
        check_writable(collection)
        for tree in trees:
            check_writable(tree.root)
    transport = Transport(options["transport"] or target.own.transport or sync.transport)
    return Asked(
        request,
        transport,
        parallel=options["parallel"],
        bwlimit_kib_s=options["bwlimit"],
        dry_run=options["dry_run"],
        wait=options["wait"],
        frozen_ids=frozen_ids,
    )


def read_words(words: Sequence[str], settings: Settings) -> tuple[_Target, tuple[str, ...]]:
    """Tell the target from the prefixes.

    Parameters
    ----------
    words
        The arguments of the command.
    settings
        With the targets of the user.

    Returns
    -------
    target : _Target
        The first word, if it is no prefix, or the default.
    prefixes : tuple of str
        The others, in lower case, each once.

    Raises
    ------
    UnknownNameError
        There is no such target.
    InvalidValueError
        A word is no beginning of an id.
    """
    rest = list(words)
    name = DEFAULT_TARGET
    if rest and parse_prefix(rest[0]) is None:
        name = rest.pop(0)
    wrong = [word for word in rest if parse_prefix(word) is None]
    if wrong:
        expected = "beginnings of ids, such as 1ab or pdb_00001a, after the target"
        raise InvalidValueError("PREFIX", " ".join(wrong), expected)
    prefixes = tuple(dict.fromkeys(word.strip().lower() for word in rest))
    own = settings.sync.targets
    if name in own:
        return _Target(name, BUILTIN_TARGETS[DEFAULT_TARGET], own[name]), prefixes
    table = BUILTIN_TARGETS.get(name.lower())
    if table is None:
        raise UnknownNameError("target", name, (*BUILTIN_TARGETS, *own))
    return _Target(table.name, table, SyncTarget()), prefixes


def collection_root(settings: Settings, dest: str | None) -> Path:
    """Return the root of the collection to bring up to date.

    Parameters
    ----------
    settings
        With the usual one.
    dest
        Another one; None for the usual.

    Raises
    ------
    NoCollectionError
        There is none.
    """
    if dest == "":
        raise InvalidValueError("-d", "", "a directory")
    root = settings.paths.pdb_dir if dest is None else Path(dest)
    if root is None:
        raise NoCollectionError
    return Path(os.path.abspath(root))  # noqa: PTH100 - links stay as they are


def _first(*values: Any) -> Any:
    """Return the first value that was given."""
    return next(value for value in values if value is not None)


def _selection(
    session: Session, prefixes: tuple[str, ...], ids_file: str | None
) -> tuple[SyncSelection, bytes | None]:
    """Return which entries are wanted, and the ids that were read for a job to keep."""
    if ids_file is None:
        return SyncSelection(prefixes), None
    if parse_prefix(ids_file) is not None and not os.path.lexists(ids_file):
        expected = f"a file with ids; an entry or a PREFIX goes without it: sync {ids_file}"
        raise InvalidValueError("--ids", ids_file, expected)
    ids = read_ids((), lists=(ids_file,), skip_invalid=False, say=session.say)
    return SyncSelection(prefixes, frozenset(ids.entries)), ids.frozen()


def _mirrors(session: Session, target: _Target, asked: Sequence[str]) -> tuple[Mirror, ...]:
    """Return the mirrors, the preferred one first; all have its layout."""
    settings = session.settings()
    own = target.own.mirror or target.table.mirror
    names = asked or ((own,) if own else settings.mirror.default)
    mirrors = dict.fromkeys(find_mirror(name, settings.mirrors) for name in names)
    layout = next(iter(mirrors)).layout
    other = [mirror.name for mirror in mirrors if mirror.layout is not layout]
    if other:
        session.say(f"not asked, since they have another layout: {', '.join(other)}")
    return tuple(mirror for mirror in mirrors if mirror.layout is layout)
