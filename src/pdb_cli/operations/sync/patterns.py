"""Which files of a tree are wanted: one rule, as a test of paths and as patterns with wildcards.

Both say the same: :func:`make_filter` decides about a path that is known, :func:`wildcards` tells a
program that lists files (rsync) which ones to look at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pdb_cli.archive.ids import CLASSIC_PATTERN, EXTENDED_PATTERN, EntryId
from pdb_cli.archive.layouts import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pdb_cli.operations.sync.model import SyncSelection, SyncTree

_CLASSIC_LENGTH = 4
_EXTENDED_LENGTH = 12
_CLASSIC_AS_EXTENDED = "pdb_0000"
_PREFIX = re.compile(r"[0-9][0-9a-z]{0,3}|pdb_[0-9a-z]{0,8}")


def parse_prefix(text: str) -> str | None:
    """Read the beginning of an id, in any case.

    Parameters
    ----------
    text
        What the user wrote.

    Returns
    -------
    str or None
        It in lower case; None if no id begins like that.

    Examples
    --------
    >>> parse_prefix("1AB"), parse_prefix("pdb_"), parse_prefix("abc")
    ('1ab', 'pdb_', None)
    """
    prefix = text.strip().lower()
    return prefix if _PREFIX.fullmatch(prefix) else None


def takes_everything(tree: SyncTree, selection: SyncSelection) -> bool:
    """Tell whether all that is in the directory of a tree is wanted, whatever its name."""
    return tree.pattern is None or (selection.is_all and not tree.shared)


def make_filter(tree: SyncTree, selection: SyncSelection) -> Callable[[str], bool]:
    """Return what tells whether a file belongs to a tree and a selection.

    Parameters
    ----------
    tree
        The tree.
    selection
        Which entries.

    Returns
    -------
    callable
        Takes a path below ``tree.remote``, not one of a plan.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pdb_cli.operations.sync.model import SyncSelection, SyncTree
    >>> tree = SyncTree("st", "st", "data/st", "st", Path("st"), Layout.CLASSIC, "{hash}/{id}.gz")
    >>> wanted = make_filter(tree, SyncSelection(prefixes=("1a",)))
    >>> wanted("ab/1abc.gz"), wanted("hh/4hhb.gz"), wanted("ab/README")
    (True, False, False)
    """
    if tree.pattern is None or takes_everything(tree, selection):
        return lambda _: True
    match = _expression(tree.pattern, tree.layout).fullmatch
    if selection.is_all:
        return lambda path: match(path) is not None

    def has(path: str) -> bool:
        found = match(path)
        return found is not None and selection.has(EntryId.parse(found["id"]))

    return has


def make_id_reader(tree: SyncTree) -> Callable[[str], EntryId | None]:
    """Return what tells of which entry a file is.

    Parameters
    ----------
    tree
        The tree.

    Returns
    -------
    callable
        Takes a path below ``tree.remote``; returns None where the name is not that of an entry.
    """
    if tree.pattern is None:
        return lambda _: None
    match = _expression(tree.pattern, tree.layout).fullmatch

    def read_id(path: str) -> EntryId | None:
        found = match(path)
        return None if found is None else EntryId.parse(found["id"])

    return read_id


def wildcards(tree: SyncTree, selection: SyncSelection) -> Iterator[str]:
    """Yield what the wanted files of a tree look like.

    Parameters
    ----------
    tree
        The tree; it has a pattern.
    selection
        Which entries.

    Yields
    ------
    str
        A path below ``tree.remote`` in which ``?`` stands for any character of a name and ``*`` for
        any number of them; no other character is special. Each once.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pdb_cli.operations.sync.model import SyncSelection, SyncTree
    >>> tree = SyncTree("st", "st", "data/st", "st", Path("st"), Layout.CLASSIC, "{hash}/{id}.gz")
    >>> list(wildcards(tree, SyncSelection(prefixes=("1a",))))
    ['a?/1a??.gz']
    """
    if tree.pattern is None:
        raise ValueError(tree.name)
    for name in dict.fromkeys(_names(tree.layout, selection)):
        yield tree.pattern.format(hash=name[-3:-1], id=name, number="*")


def _names(layout: Layout, selection: SyncSelection) -> Iterator[str]:
    """Yield the ids as they stand in names, with ``?`` for what may be anything."""
    for prefix in ("pdb_",) if selection.is_all else selection.prefixes:
        yield from _prefix_names(layout, prefix)
    for entry in sorted(selection.entries or ()):
        yield entry.extended if layout is Layout.ENTRY else str(entry)


def _prefix_names(layout: Layout, prefix: str) -> Iterator[str]:
    """Yield the ids that begin like that."""
    if layout is Layout.ENTRY:
        extended = prefix if prefix.startswith("pdb_") else _CLASSIC_AS_EXTENDED + prefix
        yield extended.ljust(_EXTENDED_LENGTH, "?")
        return
    if not prefix.startswith("pdb_"):
        yield prefix.ljust(_CLASSIC_LENGTH, "?")
        return
    if prefix.startswith(_CLASSIC_AS_EXTENDED):
        yield prefix.removeprefix(_CLASSIC_AS_EXTENDED).ljust(_CLASSIC_LENGTH, "?")
    elif _CLASSIC_AS_EXTENDED.startswith(prefix):
        yield "?" * _CLASSIC_LENGTH
    # Ids that have no classic form are written in full.
    yield prefix.ljust(_EXTENDED_LENGTH, "?")


def _expression(pattern: str, layout: Layout) -> re.Pattern[str]:
    """Turn a pattern into a regular expression with the group ``id``."""
    ids = EXTENDED_PATTERN if layout is Layout.ENTRY else f"{CLASSIC_PATTERN}|{EXTENDED_PATTERN}"
    text = re.escape(pattern)
    text = text.replace(r"\{id\}", f"(?P<id>{ids})", 1).replace(r"\{id\}", "(?P=id)")
    text = text.replace(r"\{hash\}", "[0-9a-z]{2}").replace(r"\{number\}", "[1-9][0-9]{0,4}")
    return re.compile(text.replace(r"\*", "[^/]*"))
