"""What the lists of a mirror say is in its trees, in a few bytes for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdb_cli.archive.dates import earliest_second_of, format_second, second_of
from pdb_cli.archive.holdings import HoldingsFile, iterate_entries
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import HoldingsError
from pdb_cli.operations.sync.https.names import TreeNames, shown
from pdb_cli.operations.sync.https.sources import DateKind, Lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pdb_cli.operations.sync.https.lists import MirrorLists
    from pdb_cli.operations.sync.https.names import Shown
    from pdb_cli.operations.sync.https.sources import TreeSource
    from pdb_cli.operations.sync.model import SyncSelection

_CLASSIC_LENGTH = 4
_MOST_KNOWN = 50_000


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

        Returns
        -------
        int | None
            In seconds since 1970; None where nobody tells.
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
        self.refused = 0
        """Paths of the list that are not what they should be."""
        self.example = ""
        """One of those."""
        self._known: dict[str, tuple[int, str]] = {}
        """What paths are, with ``~`` for the id and ``#`` for the hash in them."""
        self.sources: list[HoldingsFile] = []
        """The lists it was read from, the one with the names first."""

    def add_entry(self, entry: Shown) -> None:
        """Add the only file of an entry."""
        bucket = self.buckets.get(entry.hash)
        if bucket is None:
            bucket = self.buckets[entry.hash] = []
        bucket.append(entry.id)  # type: ignore[arg-type]  # of one kind in a tree

    def add_paths(self, entry: Shown, paths: Sequence[str]) -> None:
        """Add files of an entry that a list publishes, besides those that were added before.

        Raises
        ------
        TypeError
            A path is no text, or they are no list.
        """
        if not isinstance(paths, list | tuple):
            raise TypeError(type(paths))
        # Entries differ in id and hash, and else hardly at all: most are known at a glance.
        given = "\n".join(paths)
        text = given.replace(entry.id, "~").replace(f"/{entry.hash}/", "/#/")
        # What looks like that by itself says nothing about the paths of other entries.
        is_plain = "~" not in given and "#" not in given and given.count("\n") < len(paths)
        known = self._known.get(text) if is_plain else None
        if known is None:
            known = self._read(entry, paths)
            if is_plain and len(self._known) < _MOST_KNOWN:
                self._known[text] = known
        refused, numbers = known
        if refused:
            self.refused += refused
            self.example = self.example or next(
                path for path in paths if self.names.published(path, entry) is None
            )
        if numbers:
            bucket = self.buckets.get(entry.hash)
            if bucket is None:
                bucket = self.buckets[entry.hash] = bytearray()
            bucket += f"{entry.id}{numbers}\n".encode()  # type: ignore[operator]  # of one kind

    def _read(self, entry: Shown, paths: Iterable[str]) -> tuple[int, str]:
        """Return how many of some paths are refused, and the places of the tokens of the others."""
        found = [self.names.published(path, entry) for path in paths]
        numbers = dict.fromkeys(number for number in found if number is not None)
        return found.count(None), "".join(f" {number}" for number in numbers)

    def lines(self, entry_hash: str) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield the entries of a bucket with their tokens, in order, each of both once.

        Parameters
        ----------
        entry_hash
            Of the bucket.

        Yields
        ------
        tuple of (str, sequence of str)
            An id as it stands in names, and names with ``~`` in place of it.
        """
        bucket = self.buckets.get(entry_hash, ())
        tokens = self.names.tokens
        if not isinstance(bucket, bytearray):
            for name in sorted(bucket):
                yield name, tokens[:1]
            return
        of_numbers: dict[str, Sequence[str]] = {}
        for name, numbers in _merged(sorted(bucket.decode().splitlines())):
            own = of_numbers.get(numbers)
            if own is None:
                own = [tokens[int(number)] for number in dict.fromkeys(numbers.split(" "))]
                of_numbers[numbers] = own
            yield name, own


def _merged(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each entry of sorted lines with all its numbers.

    An entry has several lines where its files are of several content types, or where the list
    calls it by both forms of its id.
    """
    before, collected = "", ""
    for line in lines:
        name, _, numbers = line.partition(" ")
        if name == before:
            collected += f" {numbers}"
            continue
        if before:
            yield before, collected
        before, collected = name, numbers
    if before:
        yield before, collected


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
    for entry, record in iterate_entries(kept.chunks(), subject=kept.url):
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
    subject = kept.url
    for entry, files in iterate_entries(kept.chunks(), subject=subject):
        if not selection.is_all and not selection.has(entry):
            continue
        if type(files) is not dict:
            raise HoldingsError(subject, f"{entry} has no files by content type")
        entry_shown = shown(entry.extended, layout)
        for content_type, tree in wanted:
            paths = files.get(content_type)
            if not paths:
                continue
            try:
                tree.add_paths(entry_shown, (paths,) if type(paths) is str else paths)
            except TypeError as error:
                raise HoldingsError(subject, f"{entry}, {content_type!r}: not paths") from error


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
