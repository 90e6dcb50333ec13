"""What the lists of a mirror say is in its trees, in a few bytes for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdb_cli.archive.dates import earliest_second_of, format_second, second_of
from pdb_cli.archive.holdings import HoldingsFile, iterate_entries, read_current_files
from pdb_cli.archive.ids import EntryId
from pdb_cli.operations.sync_https_names import TreeNames, shown
from pdb_cli.operations.sync_https_sources import DateKind, Lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pdb_cli.operations.sync_https_lists import MirrorLists
    from pdb_cli.operations.sync_https_names import Shown
    from pdb_cli.operations.sync_https_sources import TreeSource
    from pdb_cli.operations.sync_model import SyncSelection

_CLASSIC_LENGTH = 4


class Moments:
    """When entries changed, by the way their ids stand in names.

    Parameters
    ----------
    table
        The date of each entry as published, by the extended form of its id.
    list_s
        The time of the list that names the files, for entries without a date: their files may have
        changed whenever it has.
    """

    __slots__ = ("_list_s", "_table", "vague")

    def __init__(self, table: Mapping[str, str], list_s: float | None = None) -> None:
        self._table = table
        self._list_s = list_s
        self.vague: set[str] = set()
        """Ids, extended, whose date does not tell the second."""

    def second(self, extended: str) -> int | None:
        """Return the second at which an entry changed, or the earliest one its date may mean.

        Parameters
        ----------
        extended
            The extended form of its id.
        """
        text = self._table.get(extended)
        if text is None:
            return None if self._list_s is None else int(self._list_s)
        second = second_of(text)
        if second is None:
            self.vague.add(extended)
            return earliest_second_of(text)
        return second

    def text(self, extended: str) -> str:
        """Return a date as published, or that of the list for an entry without one.

        Parameters
        ----------
        extended
            The extended form of its id.
        """
        text = self._table.get(extended)
        if text is None:
            return "" if self._list_s is None else f"list of {format_second(self._list_s)}"
        return text


class ListedTree:
    """The files of one tree, as lists have them.

    Parameters
    ----------
    names
        How they are called.
    source
        Which list, and what dates say.
    """

    def __init__(self, names: TreeNames, source: TreeSource) -> None:
        self.names = names
        self.kind = source.dates
        self.lists = source.lists
        self.moments = Moments({})
        self.buckets: dict[str, list[str] | bytearray] = {}
        """By hash: the ids there, as in names; or lines of an id and the places of its tokens."""
        self.files = 0
        self.refused = 0
        """Paths of the list that are not what they should be."""
        self.example = ""
        """One of those."""
        self.sources: list[HoldingsFile] = []
        """The lists it was read from, the one with the names first."""

    def add_entry(self, entry: Shown) -> None:
        """Add the only file of an entry."""
        bucket = self.buckets.get(entry.hash)
        if bucket is None:
            bucket = self.buckets[entry.hash] = []
        bucket.append(entry.id)  # type: ignore[arg-type]  # of one kind in a tree
        self.files += 1

    def add_paths(self, entry: Shown, paths: Iterable[str]) -> None:
        """Add the files of an entry that a list publishes."""
        line = entry.id
        for path in paths:
            number = self.names.published(path, entry)
            if number is None:
                self.refused += 1
                self.example = self.example or path
            else:
                self.files += 1
                line = f"{line} {number}"
        if line is not entry.id:
            bucket = self.buckets.get(entry.hash)
            if bucket is None:
                bucket = self.buckets[entry.hash] = bytearray()
            bucket += line.encode() + b"\n"  # type: ignore[operator]  # of one kind in a tree

    def lines(self, entry_hash: str) -> list[tuple[str, list[str]]]:
        """Return the entries of a bucket with their names below it, in order, each name once.

        Parameters
        ----------
        entry_hash
            Of the bucket.
        """
        bucket = self.buckets.get(entry_hash)
        tokens = self.names.tokens
        if not bucket:
            return []
        if isinstance(bucket, list):
            return [(name, [tokens[0].replace("~", name)]) for name in sorted(set(bucket))]
        found: dict[str, dict[str, None]] = {}
        for line in sorted(bucket.decode().splitlines()):
            name, *numbers = line.split(" ")
            own = [tokens[int(number)].replace("~", name) for number in numbers]
            found.setdefault(name, {}).update(dict.fromkeys(own))
        return [(name, list(own)) for name, own in found.items()]


def read_trees(listed: Iterable[ListedTree], lists: MirrorLists, selection: SyncSelection) -> None:
    """Fill trees with what the lists of a mirror say of them.

    Parameters
    ----------
    listed
        Trees whose files are in the same list.
    lists
        The lists of the mirror.
    selection
        Which entries.

    Raises
    ------
    TransferError, HoldingsError, UnsupportedError, FileAccessError
        A list can not be had, or makes no sense.
    """
    by_list: dict[Lists, list[ListedTree]] = {}
    for tree in listed:
        by_list.setdefault(tree.lists, []).append(tree)
    for kind, trees in by_list.items():
        match kind:
            case Lists.STRUCTURE_DATES:
                _read_dates(trees, lists, HoldingsFile.STRUCTURE_DATES, selection)
            case Lists.IHM:
                _read_dates(trees, lists, HoldingsFile.INTEGRATIVE_DATES, selection)
            case Lists.OBSOLETE:
                _read_obsolete(trees, lists, selection)
            case Lists.CURRENT_FILES:
                _read_current(trees, lists, selection)


def _read_dates(
    trees: Iterable[ListedTree], lists: MirrorLists, name: HoldingsFile, selection: SyncSelection
) -> None:
    """Take every entry of a list of dates to have its one file."""
    table = lists.dates(name)
    for tree in trees:
        tree.sources.append(name)
        tree.moments = Moments(table)
        layout = tree.names.tree.layout
        for extended in _selected(table, selection):
            tree.add_entry(shown(extended, layout))


def _read_obsolete(
    trees: Iterable[ListedTree], lists: MirrorLists, selection: SyncSelection
) -> None:
    """Take mmCIF files from their dates, where there are any; all else from what was removed."""
    trees = list(trees)
    instead = "it is asked about the files of obsolete entries"
    # The other list is needed for other formats, and suffices: one request less in each run.
    if all(tree.kind is DateKind.EXACT for tree in trees) and lists.find(
        HoldingsFile.OBSOLETE_DATES, instead
    ):
        _read_dates(trees, lists, HoldingsFile.OBSOLETE_DATES, selection)
        return
    kept = lists.get(HoldingsFile.REMOVED)
    for tree in trees:
        tree.kind = DateKind.SHARED
        tree.sources.append(HoldingsFile.REMOVED)
        tree.moments = Moments({}, kept.modified_s)
    for entry, record in iterate_entries(kept.chunks(), subject=kept.path.name):
        content = record.get("content_type") if isinstance(record, dict) else None
        if isinstance(content, dict) and (selection.is_all or selection.has(entry)):
            for tree in trees:
                # It also says where theoretical models are, and files of other formats.
                place = f"/{tree.names.directory}/"
                own = [path for path in _texts(content) if place in path]
                tree.add_paths(shown(entry.extended, tree.names.tree.layout), own)


def _read_current(
    trees: Iterable[ListedTree], lists: MirrorLists, selection: SyncSelection
) -> None:
    """Read the list of all files once for all trees."""
    trees = list(trees)
    kept = lists.get(HoldingsFile.CURRENT_FILES)
    for tree in trees:
        tree.sources.append(HoldingsFile.CURRENT_FILES)
        _set_dates(tree, lists, kept.modified_s)
    layout = trees[0].names.tree.layout
    wanted = [(name, tree) for tree in trees for name in tree.names.tree.content_types]
    for entry, files in read_current_files(kept.chunks(), subject=kept.path.name):
        if not selection.is_all and not selection.has(entry):
            continue
        entry_shown = shown(entry.extended, layout)
        for content_type, tree in wanted:
            paths = files.get(content_type)
            if paths:
                tree.add_paths(entry_shown, paths)


def _set_dates(tree: ListedTree, lists: MirrorLists, list_s: float | None) -> None:
    """Give a tree the dates that say most about its files."""
    if tree.kind is DateKind.SHARED:
        instead = "the dates of the structures are used for experimental data"
        if lists.find(HoldingsFile.EXPERIMENTAL_DATA_DATES, instead) is not None:
            tree.sources.append(HoldingsFile.EXPERIMENTAL_DATA_DATES)
            tree.moments = Moments(lists.dates(HoldingsFile.EXPERIMENTAL_DATA_DATES), list_s)
            return
        tree.kind = DateKind.ENTRY
    tree.sources.append(HoldingsFile.STRUCTURE_DATES)
    tree.moments = Moments(lists.dates(HoldingsFile.STRUCTURE_DATES), list_s)


def _selected(table: Iterable[str], selection: SyncSelection) -> Iterator[str]:
    """Yield the entries of a list of dates that are wanted."""
    if selection.is_all:
        yield from table
        return
    for extended in table:
        if selection.has(EntryId(extended)):
            yield extended


def _texts(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of a removed entry: texts, or lists of them."""
    for value in content.values():
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str):
                yield text


def extended_of(name: str) -> str:
    """Return the extended form of an id as it stands in names.

    Parameters
    ----------
    name
        The id.
    """
    return f"pdb_0000{name}" if len(name) == _CLASSIC_LENGTH else name
