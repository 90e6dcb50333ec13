"""Entry ids: the classic ``1abc`` and the extended ``pdb_00001abc`` are one entry.

Source: wwPDB, "PDB IDs will be extended" (wwpdb.org/documentation/new-format-for-pdb-ids). A
classic id ``x`` and ``pdb_0000x`` name the same entry; ids are lower case on disk.
"""

from __future__ import annotations

from functools import total_ordering
from typing import NoReturn

from pdb_cli.errors import InvalidId, InvalidIdsError

# Spelled out instead of re.IGNORECASE, which also takes the Kelvin sign for a "k".
CLASSIC_PATTERN = "[0-9][0-9A-Za-z]{3}"
EXTENDED_PATTERN = "[Pp][Dd][Bb]_[0-9A-Za-z]{8}"

_CLASSIC_LENGTH = 4
_EXTENDED_LENGTH = 12
_DIGITS = frozenset("0123456789")
_BYTE_ORDER_MARK = "\ufeff"


@total_ordering
class EntryId:
    """The id of one entry, whichever way it was written; made by :meth:`parse`, never changed.

    Equality, hash and order go by the extended form. A class by hand: a dataclass costs start-up
    time, and a named tuple would let an id be taken for a sequence (docs/adr/0009).

    Parameters
    ----------
    extended
        The 12-character form, lower case: ``pdb_00001abc``. Not checked here.

    Examples
    --------
    >>> EntryId.parse("1ABC") == EntryId.parse("pdb_00001abc")
    True
    >>> str(EntryId.parse("PDB_00001ABC")), EntryId.parse("1abc").hash_dir
    ('1abc', 'ab')
    """

    __slots__ = ("extended",)

    extended: str
    """The 12-character form, lower case: ``pdb_00001abc``."""

    def __init__(self, extended: str) -> None:
        object.__setattr__(self, "extended", extended)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} can not be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} can not be changed")

    def __reduce__(self) -> tuple[type[EntryId], tuple[str]]:
        return EntryId, (self.extended,)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EntryId):
            return NotImplemented
        return self.extended == other.extended

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, EntryId):
            return NotImplemented
        return self.extended < other.extended

    def __hash__(self) -> int:
        return hash(self.extended)

    def __repr__(self) -> str:
        return f"EntryId({self.extended!r})"

    @classmethod
    def parse(cls, text: str) -> EntryId:
        """Read an id in either form, in any case; blanks around it are dropped.

        Parameters
        ----------
        text
            The id as a person wrote it.

        Returns
        -------
        EntryId
            The entry.

        Raises
        ------
        InvalidIdsError
            The text is not an id; it is reported as coming from the arguments.
        """
        token = text.strip()
        if _is_classic(token):
            return cls("pdb_0000" + token.lower())
        if _is_extended(token):
            return cls(token.lower())
        raise InvalidIdsError((InvalidId(text, "arguments", None),))

    @property
    def classic(self) -> str | None:
        """The 4-character form, lower case; None for an entry that has none."""
        if self.extended.startswith("pdb_0000") and self.extended[8] in "0123456789":
            return self.extended[8:]
        return None

    @property
    def hash_dir(self) -> str:
        """The directory that holds the entry: second and third character from the end."""
        return self.extended[-3:-1]

    def __str__(self) -> str:
        """Return the classic form where there is one, else the extended one."""
        return self.classic or self.extended


def _is_classic(token: str) -> bool:
    """Tell whether a text is a classic id, as ``CLASSIC_PATTERN`` says (and four times faster)."""
    return (
        len(token) == _CLASSIC_LENGTH
        and token[0] in _DIGITS
        and token.isascii()
        and token.isalnum()
    )


def _is_extended(token: str) -> bool:
    """Tell whether a text is an extended id, as ``EXTENDED_PATTERN`` says."""
    return (
        len(token) == _EXTENDED_LENGTH
        and token[:4].lower() == "pdb_"
        and token.isascii()
        and token[4:].isalnum()
    )


def parse_id_list(text: str, source: str) -> tuple[list[EntryId], list[InvalidId]]:
    r"""Read ids separated by blanks, commas or line ends; ``#`` starts a comment.

    Every token that is not an id is reported, none stops the reading. Order and repetitions are
    kept. A byte order mark at the start and any kind of line end are accepted.

    Parameters
    ----------
    text
        The list.
    source
        Where it came from, for the reports: ``stdin`` or a path.

    Returns
    -------
    entries : list of EntryId
        The ids, in order.
    invalid : list of InvalidId
        The other tokens, with line numbers from 1.

    Examples
    --------
    >>> entries, invalid = parse_id_list("4hhb, 1abc # two\nhello", "list.txt")
    >>> [str(entry) for entry in entries]
    ['4hhb', '1abc']
    >>> invalid
    [InvalidId(text='hello', source='list.txt', line=2)]
    """
    entries: list[EntryId] = []
    invalid: list[InvalidId] = []
    lines = text.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n")
    # Not splitlines(): its exotic separators would shift the line numbers an editor shows.
    for number, line in enumerate(lines.split("\n"), start=1):
        for token in line.partition("#")[0].replace(",", " ").split():
            if _is_classic(token):
                entries.append(EntryId("pdb_0000" + token.lower()))
            elif _is_extended(token):
                entries.append(EntryId(token.lower()))
            else:
                invalid.append(InvalidId(token, source, number))
    return entries, invalid
