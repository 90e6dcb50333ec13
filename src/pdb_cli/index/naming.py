"""Tell what the files of a directory are, many at a time.

:func:`pdb_cli.archive.identify.identify` tries every row of the table of layouts on a path. Nearly
all files lie where the table says, so here the directory chooses the rows; what does not fit them
is left to ``identify``, and the answers are the same.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.identify import identify
from pdb_cli.archive.layouts import COLLECTION_ROWS, ROWS, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.archive.datatypes import DataType, FileFormat

_HASH = re.compile("[0-9a-z]{2}")
_HASH_LENGTH = 2
_CLASSIC_LENGTH = 4
_EXTENDED_LENGTH = 12
_DIGITS = frozenset("0123456789")
_LONGEST_NUMBER = 5


class Identity(NamedTuple):
    """What a file is."""

    entry_id: str
    """Extended, ``pdb_00001abc``."""
    data_type: DataType
    file_format: FileFormat
    assembly: int | None
    layout: Layout


class _Rule(NamedTuple):
    """A row of the table, as far as the name goes."""

    prefix: str
    between: str | None
    """What stands between the id and the number, for types that are numbered."""
    suffix: str
    id_length: int
    kind: tuple[DataType, FileFormat]
    layout: Layout


class DirectoryNaming:
    """What names mean in one directory.

    Parameters
    ----------
    directory
        Its path relative to the collection, with ``/``.

    Examples
    --------
    >>> naming = DirectoryNaming("structures/divided/mmCIF/ab")
    >>> naming.identify("1abc.cif.gz").entry_id
    'pdb_00001abc'
    >>> naming.identify("README") is None
    True
    """

    __slots__ = ("_directory", "_hash", "_id", "_rules")

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._hash = ""
        self._id: str | None = None
        skeleton = []
        for part in directory.split("/"):
            if len(part) == _HASH_LENGTH:
                self._hash = part
                skeleton.append("{hash}")
            elif _is_plain_id(part):
                self._id = part
                skeleton.append("{id}")
            else:
                skeleton.append(part)
        self._rules = _rules().get("/".join(skeleton), ())

    def uniform(self, names: Sequence[str]) -> tuple[slice, Identity] | None:
        """Tell what all files of a directory are, if they are of one kind, one for each entry.

        Parameters
        ----------
        names
            Without directories; none has a line end in it.

        Returns
        -------
        tuple of slice and Identity, or None
            Where the classic ids are in the names, and what the files are, but for their entries;
            None where :meth:`identify` has to look at each.
        """
        if len(self._rules) != 1 or self._id is not None:
            return None
        prefix, between, suffix, id_length, kind, layout = self._rules[0]
        if between is not None or id_length != _CLASSIC_LENGTH or not _HASH.fullmatch(self._hash):
            return None
        name = f"{re.escape(prefix)}[0-9]{self._hash}[0-9a-z]{re.escape(suffix)}"
        if re.fullmatch(f"(?:{name}\n)*", "\n".join((*names, "")), re.ASCII) is None:
            return None
        return slice(len(prefix), len(prefix) + id_length), Identity("", *kind, None, layout)

    def identify(self, name: str) -> Identity | None:
        """Tell what a file is.

        Parameters
        ----------
        name
            Without directories.

        Returns
        -------
        Identity | None
            As ``identify`` says of the whole path; None for a name that is not the archive's.
        """
        for prefix, between, suffix, id_length, kind, layout in self._rules:
            if not (name.endswith(suffix) and name.startswith(prefix)):
                continue
            start = len(prefix)
            end = start + id_length
            entry_id = name[start:end]
            if not _is_plain_id(entry_id) or entry_id[-3:-1] != self._hash:
                continue
            if self._id is not None and entry_id != self._id:
                continue
            number = None
            if between is not None:
                number = _number(name[end : -len(suffix)], between)
                if number is None:
                    continue
            elif len(name) != end + len(suffix):
                continue
            if id_length == _CLASSIC_LENGTH:
                entry_id = "pdb_0000" + entry_id
            return Identity(entry_id, *kind, number, layout)
        found = identify(f"{self._directory}/{name}")
        if found is None:
            return None
        file, layout = found
        return Identity(file.entry.extended, *file[1:], layout)


def _is_plain_id(text: str) -> bool:
    """Tell whether a text is an id as it is on disk, in lower case."""
    if len(text) == _CLASSIC_LENGTH:
        return text[0] in _DIGITS and text.isalnum() and text.isascii() and text == text.lower()
    return (
        len(text) == _EXTENDED_LENGTH
        and text.startswith("pdb_")
        and text[4:].isalnum()
        and text.isascii()
        and text == text.lower()
    )


def _number(text: str, between: str) -> int | None:
    """Return the number of an assembly, from what stands behind the id."""
    if not text.startswith(between):
        return None
    digits = text[len(between) :]
    is_number = digits.isascii() and digits.isdigit() and digits[0] != "0"
    return int(digits) if is_number and len(digits) <= _LONGEST_NUMBER else None


@cache
def _rules() -> dict[str, tuple[_Rule, ...]]:
    """Return the rows of the table by their directories in a collection."""
    rules: dict[str, tuple[_Rule, ...]] = {}
    for row in (*ROWS, *COLLECTION_ROWS):
        template = row.template.removeprefix("../")
        directory, _, name = template.removeprefix("data/").rpartition("/")
        prefix, _, suffix = name.partition("{id}")
        between: str | None = None
        if "{number}" in suffix:
            between, _, suffix = suffix.partition("{number}")
        length = _EXTENDED_LENGTH if row.layout is Layout.ENTRY else _CLASSIC_LENGTH
        kind = (row.data_type, row.file_format)
        rule = _Rule(prefix, between, suffix, length, kind, row.layout)
        rules[directory] = (*rules.get(directory, ()), rule)
    return rules
