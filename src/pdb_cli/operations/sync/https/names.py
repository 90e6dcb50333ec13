"""From a path as the archive's lists publish it to the name of a file here, and nothing unsafe.

A list is a text of somebody else's. Nothing of it becomes part of a path or of a URL but an entry's
id, and *tokens*: what a pattern of the tree allows a name to be, with ``~`` in place of the id. All
files of a tree have a handful of tokens between them (``~-assembly1.cif.gz``), so each is checked
once, and a tree of a million files is a few bytes for each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.archive.ids import CLASSIC_PATTERN, EXTENDED_PATTERN, EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.errors import UnsupportedError
from pdb_cli.operations.collection_plan import is_safe_path

if TYPE_CHECKING:
    from pdb_cli.operations.sync.model import SyncTree

_HASHED: Final = "{hash}/"
_ANY_OF_A_NAME: Final = "[0-9A-Za-z_.+-]{0,100}"
_NUMBER: Final = "[1-9][0-9]{0,4}"
_MOST_TOKENS: Final = 100_000
"""More kinds of names than that, no tree has: assemblies have some dozens."""

_OTHER_PLACES: Final = {
    "data/biounit/coordinates/divided": ("data/biounit/PDB/divided",),
    "data/biounit/PDB/divided": ("data/biounit/coordinates/divided",),
}
"""Directories under which the archive publishes the same files a second time."""

_CLASSIC_AS_EXTENDED: Final = "pdb_0000"
_DIGITS: Final = frozenset("0123456789")


class Shown(NamedTuple):
    """An entry as it stands in names."""

    id: str
    hash: str


def shown(extended: str, layout: Layout) -> Shown:
    """Return how an entry stands in the names of a layout.

    Parameters
    ----------
    extended
        The extended form of its id, lower case.
    layout
        The layout.

    Examples
    --------
    >>> shown("pdb_00001abc", Layout.CLASSIC)
    Shown(id='1abc', hash='ab')
    """
    has_classic = extended.startswith(_CLASSIC_AS_EXTENDED) and extended[8] in _DIGITS
    name = extended[8:] if has_classic and layout is Layout.CLASSIC else extended
    return Shown(name, extended[-3:-1])


class TreeNames:
    """The names of the files of one tree, as lists publish them and as they are on the disk.

    Files lie in *buckets*: the directories of the tree that are named for the hash of the entry,
    or the tree itself where it has none. A *name* is the path below a bucket.

    Parameters
    ----------
    tree
        The tree; with a pattern.

    Raises
    ------
    UnsupportedError
        It has none: no list tells its files.
    """

    def __init__(self, tree: SyncTree) -> None:
        if tree.pattern is None:
            raise UnsupportedError(f"{tree.name} over https", "no list has its files; use rsync")
        self.tree = tree
        self.is_hashed = tree.pattern.startswith(_HASHED)
        own = tree.pattern.removeprefix(_HASHED)
        self.depth = own.count("/")
        """How many directories lie between a bucket and a file."""
        self.directory = tree.target_of_links or tree.remote
        """Where the mirror has the files, below its root; as far as is known another place."""
        self._places = {
            f"/{place.removeprefix('../')}/": place
            for place in (self.directory, *_OTHER_PLACES.get(self.directory, ()))
        }
        self._token = re.compile(_expression(own, "~", "~"), re.ASCII)
        ids = f"{CLASSIC_PATTERN}|{EXTENDED_PATTERN}"
        ids = EXTENDED_PATTERN if tree.layout is Layout.ENTRY else ids
        self._name = re.compile(_expression(own, f"(?P<id>{ids})", "(?P=id)"), re.ASCII)
        self.tokens: list[str] = []
        """Those met so far."""
        self._numbers: dict[str, int | None] = {}
        if not {"{number}", "*"} & set(re.split(r"(\{number\}|\*)", own)):
            self.number_of(own.replace("{id}", "~"))

    def number_of(self, token: str) -> int | None:
        """Return the place of a token in :attr:`tokens`; None if no file of the tree is called so.

        Parameters
        ----------
        token
            A name with ``~`` in place of the id.
        """
        known = self._numbers.get(token, -1)
        if known != -1 or len(self._numbers) > _MOST_TOKENS:
            return known if known != -1 else None
        fits = self._token.fullmatch(token) is not None and is_safe_path(token)
        number = len(self.tokens) if fits else None
        if fits:
            self.tokens.append(token)
        self._numbers[token] = number
        return number

    def published(self, path: str, entry: Shown) -> int | None:
        """Read a path of a list.

        Parameters
        ----------
        path
            As published, absolute from ``pub``.
        entry
            Whose file it is said to be.

        Returns
        -------
        int or None
            The place of its token in :attr:`tokens`; None if it is no file of this entry in this
            tree, or not where this tree is.
        """
        for place, directory in self._places.items():
            _, found, rest = path.partition(place)
            if found:
                if rest[:3] != f"{entry.hash}/" and (self.is_hashed or self.tree.links):
                    return None
                if self.tree.links:
                    rest = rest.rpartition("/")[2]
                elif self.is_hashed:
                    rest = rest[3:]
                number = self.number_of(rest.replace(entry.id, "~"))
                if number is not None:
                    self.directory = directory
                return number
        return None

    def entry_of(self, name: str) -> EntryId | None:
        """Return whose file a name is, below a bucket of this tree; None for other names.

        Parameters
        ----------
        name
            The path of a file on the disk, below the bucket.
        """
        match = self._name.fullmatch(name)
        return EntryId.parse(match["id"]) if match and is_safe_path(name) else None

    def remote_path(self, path: str) -> str:
        """Return where the mirror has a file of a plan, below its root.

        Parameters
        ----------
        path
            ``PlannedChange.path``.
        """
        below = path[len(self.tree.directory) + 1 :]
        if self.tree.links:
            name = below.rpartition("/")[2]
            entry = self.entry_of(name)
            below = f"{entry.hash_dir}/{name}" if entry is not None else name
        return f"{self.directory}/{below}"


def _expression(own: str, first_id: str, other_ids: str) -> str:
    """Turn the part of a pattern below a bucket into a regular expression."""
    star = _ANY_OF_A_NAME if first_id != "~" else _ANY_OF_A_NAME.replace("+", "+~")
    text = re.escape(own)
    text = text.replace(r"\{id\}", first_id, 1).replace(r"\{id\}", other_ids)
    return text.replace(r"\{number\}", _NUMBER).replace(r"\*", star)
