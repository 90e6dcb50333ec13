"""Which list of the archive tells the files of a tree, and how much its dates say about them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.errors import UnsupportedError

if TYPE_CHECKING:
    from pdb_cli.operations.sync.model import SyncTree

_EXPERIMENTAL = frozenset(
    {
        DataType.STRUCTURE_FACTORS,
        DataType.NMR_CHEMICAL_SHIFTS,
        DataType.NMR_RESTRAINTS,
        DataType.NMR_DATA,
    }
)


class Lists(Enum):
    """Where the names of a tree's files come from."""

    STRUCTURE_DATES = "structure-dates"
    """The dates of the structures: every entry has an mmCIF file."""
    CURRENT_FILES = "current-files"
    """The list of all files of all entries."""
    OBSOLETE = "obsolete"
    """The dates of obsolete entries, or the list of what was removed."""
    IHM = "ihm"
    """The dates of the structures in the archive of integrative structures."""


class DateKind(Enum):
    """What the date of an entry says about the time of a file."""

    EXACT = "exact"
    """It is the file's time: a file with another time is another version."""
    SHARED = "shared"
    """It is the time of some file of this kind: a file with this time is current, one with another
    time may be."""
    ENTRY = "entry"
    """It is the time of the entry's structure: what was made later, was made of that structure;
    what was made earlier, may be out of date."""


class TreeSource(NamedTuple):
    """What is known of a tree over https."""

    lists: Lists
    dates: DateKind


def source_of(tree: SyncTree) -> TreeSource:
    """Say where the files of a tree are listed.

    Parameters
    ----------
    tree
        The tree.

    Raises
    ------
    UnsupportedError
        Nowhere: only rsync can list it.
    """
    is_mmcif = tree.file_format is FileFormat.MMCIF
    if tree.pattern is not None:
        if tree.data_type is DataType.STRUCTURES and is_mmcif:
            return TreeSource(Lists.STRUCTURE_DATES, DateKind.EXACT)
        if tree.data_type is DataType.OBSOLETE:
            kind = DateKind.EXACT if is_mmcif else DateKind.SHARED
            return TreeSource(Lists.OBSOLETE, kind)
        if tree.data_type is DataType.IHM and is_mmcif:
            return TreeSource(Lists.IHM, DateKind.EXACT)
        if tree.content_types:
            shared = tree.data_type in _EXPERIMENTAL
            return TreeSource(Lists.CURRENT_FILES, DateKind.SHARED if shared else DateKind.ENTRY)
    reason = "the archive has no list of its files; use --transport rsync"
    raise UnsupportedError(f"{tree.name} over https", reason)
