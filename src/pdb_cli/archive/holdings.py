"""What the archive says it holds: its holdings files, read entry by entry.

Source: ``pub/pdb/holdings`` of the wwPDB archive. Keys are ids in either form and any case; a path
is absolute from ``pub`` and of whatever layout the archive has. Text in, values out: fetching and
keeping the files is the business of :mod:`pdb_cli.operations.holdings`.

Only what is known of the files' shape is asked for. What else an entry says is passed over, but a
list that is cut short, or whose keys are no ids, is refused: half a list looks like an archive that
has lost the other half.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.json_members import iterate_members
from pdb_cli.errors import HoldingsError, InvalidIdsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""How nearly every date of the holdings begins, whatever follows."""

_ASSEMBLY_NAMES = {
    DataType.ASSEMBLIES: (
        "assembly_mmcif",
        re.compile(r"-assembly([1-9][0-9]{0,4})\.cif(?:\.gz)?\Z"),
    ),
    DataType.BIOUNIT: ("assembly_pdb", re.compile(r"\.pdb([1-9][0-9]{0,4})(?:\.gz)?\Z")),
}
"""The content type of numbered files, and how their names end."""


class HoldingsFile(StrEnum):
    """One of the lists, by the name it has in the archive."""

    CURRENT_FILES = "current_file_holdings"
    """Every entry with all its files: by far the largest."""
    STRUCTURE_DATES = "released_structures_last_modified_dates"
    """When the coordinates of each entry changed last."""
    EXPERIMENTAL_DATA_DATES = "released_experimental_data_last_modified_dates"
    """The same of structure factors and NMR data."""
    OBSOLETE_DATES = "obsolete_structures_last_modified_dates"
    """The same of the coordinates of obsolete entries."""
    REMOVED = "all_removed_entries"
    """Obsolete entries, theoretical models, entries that moved to other archives."""
    UNRELEASED = "unreleased_entries"
    """Entries in processing or on hold."""
    INTEGRATIVE_DATES = "ihm_released_structures_last_modified_dates"
    """When integrative structures changed last; in an archive, and under a name, of their own."""

    @property
    def has_dates(self) -> bool:
        """Whether it says of each entry just when it changed."""
        return self.endswith("_last_modified_dates")

    @property
    def path(self) -> str:
        """Where it is below the root of a mirror; ``../`` goes to the tree beside it."""
        if self is HoldingsFile.INTEGRATIVE_DATES:
            return f"../pdb_ihm/holdings/{HoldingsFile.STRUCTURE_DATES}.json.gz"
        return f"holdings/{self}.json.gz"


class EntryFiles(NamedTuple):
    """The files of one entry."""

    entry: EntryId
    files: Mapping[str, tuple[str, ...]]
    """Paths, absolute from ``pub``, by the archive's own name of the content type.

    As published, types unknown to us included; to be checked before a name is made of them."""


class ModifiedEntry(NamedTuple):
    """When an entry changed last."""

    entry: EntryId
    modified: str
    """As published. Another text, later or earlier, means another version. It should begin with
    ``YYYY-MM-DD``; one odd date is no reason to do without all others."""


def iterate_entries(chunks: Iterable[bytes], *, subject: str) -> Iterator[tuple[EntryId, Any]]:
    """Yield what a list says about each entry, in bounded memory.

    Parameters
    ----------
    chunks
        Its text, inflated, in pieces of any length.
    subject
        What to call it in an error.

    Yields
    ------
    tuple of (EntryId, Any)
        In the order of the list.

    Raises
    ------
    HoldingsError
        It is cut short, is no JSON object, or has a key that is no id; entries before the mistake
        have come out by then.
    """
    for key, value in iterate_members(chunks, subject=subject):
        try:
            entry = EntryId.parse(key)
        except InvalidIdsError as error:
            raise HoldingsError(subject, f"{_shown(key)} is not an entry id") from error
        yield entry, value


def read_current_files(chunks: Iterable[bytes], *, subject: str) -> Iterator[EntryFiles]:
    """Read ``current_file_holdings`` in bounded memory.

    Parameters
    ----------
    chunks
        Its text, inflated, in pieces of any length.
    subject
        What to call it in an error.

    Yields
    ------
    EntryFiles
        In the order of the list.

    Raises
    ------
    HoldingsError
        It is cut short, or not such a list; entries before the mistake have come out by then.

    Examples
    --------
    >>> text = b'{"201L": {"mmcif": ["/pdb/data/structures/divided/mmCIF/01/201l.cif.gz"]}}'
    >>> for entry, files in read_current_files([text], subject="example"):
    ...     print(entry, *files["mmcif"])
    201l /pdb/data/structures/divided/mmCIF/01/201l.cif.gz
    """
    for entry, value in iterate_entries(chunks, subject=subject):
        yield EntryFiles(entry, _files(value, entry, subject))


def read_modified_dates(chunks: Iterable[bytes], *, subject: str) -> Iterator[ModifiedEntry]:
    """Read one of the ``released_..._last_modified_dates`` in bounded memory.

    Parameters
    ----------
    chunks
        Its text, inflated, in pieces of any length.
    subject
        What to call it in an error.

    Yields
    ------
    ModifiedEntry
        In the order of the list.

    Raises
    ------
    HoldingsError
        It is cut short, or not such a list; entries before the mistake have come out by then.
    """
    for entry, value in iterate_entries(chunks, subject=subject):
        if not isinstance(value, str):
            raise HoldingsError(subject, f"{entry} has no date")
        yield ModifiedEntry(entry, value)


def assembly_numbers(
    entries: Collection[EntryId], holdings: Iterable[EntryFiles], data_type: DataType
) -> dict[EntryId, tuple[int, ...]]:
    """Look up which assemblies there are, so that nobody has to guess.

    Parameters
    ----------
    entries
        Whose assemblies.
    holdings
        What ``read_current_files`` yields; not read further than to the last of the entries.
    data_type
        Assemblies as mmCIF, or in the legacy PDB format (``biounit``).

    Returns
    -------
    dict of EntryId to tuple of int
        The numbers in ascending order; none for an entry that has no such files. Entries that are
        not in the list are not in the result.

    Examples
    --------
    >>> files = {"assembly_mmcif": ("/a/1abc-assembly10.cif.gz", "/a/1abc-assembly2.cif.gz")}
    >>> entry = EntryId.parse("1abc")
    >>> assembly_numbers([entry], [EntryFiles(entry, files)], DataType.ASSEMBLIES)[entry]
    (2, 10)
    """
    content_type, ending = _ASSEMBLY_NAMES[data_type]
    wanted = set(entries)
    found: dict[EntryId, tuple[int, ...]] = {}
    for entry, files in holdings if wanted else ():
        if entry not in wanted:
            continue
        endings = (ending.search(path) for path in files.get(content_type, ()))
        found[entry] = tuple(sorted({int(match[1]) for match in endings if match}))
        if len(found) == len(wanted):
            break
    return found


def _files(value: Any, entry: EntryId, subject: str) -> dict[str, tuple[str, ...]]:
    """Return the paths of an entry by content type: each is a list of texts, or one text."""
    if not isinstance(value, dict):
        raise HoldingsError(subject, f"{entry} has no files by content type")
    files: dict[str, tuple[str, ...]] = {}
    for content_type, paths in value.items():
        if isinstance(paths, str):
            files[content_type] = (paths,)
        elif isinstance(paths, list) and {str}.issuperset(map(type, paths)):
            files[content_type] = tuple(paths)
        else:
            raise HoldingsError(subject, f"{entry}, {_shown(content_type)}: not paths")
    return files


def _shown(text: str) -> str:
    """Return a text of a list as an error may show it."""
    return repr(text if len(text) <= 24 else text[:21] + "...")  # noqa: PLR2004 - a readable width
