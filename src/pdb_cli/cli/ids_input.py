"""Ids from arguments, list files and stdin: all read, all checked, before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from pdb_cli.archive.ids import parse_id_list
from pdb_cli.errors import EmptyListError, FileAccessError, InvalidId, InvalidIdsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pdb_cli.archive.ids import EntryId

LARGEST_LIST_BYTES: Final = 256 * 1024 * 1024
"""Every id of the archive a hundred times over; what is longer is no list, and may never end."""

_PIECE_BYTES = 1024 * 1024


class IdsInput(NamedTuple):
    """The entries a command was asked to work on."""

    entries: tuple[EntryId, ...]
    """Each once, in the order given."""
    from_lists: tuple[EntryId, ...] | None
    """Those read from lists or stdin; None if nothing was read."""

    def frozen(self) -> bytes | None:
        """Return the ids that were read, one per line, to be kept with a job; None if none."""
        if not self.from_lists:
            return None
        return "".join(f"{entry}\n" for entry in self.from_lists).encode()


def read_ids(
    arguments: Sequence[str],
    *,
    lists: Sequence[str],
    skip_invalid: bool,
    say: Callable[[str], None],
) -> IdsInput:
    """Read every id, or raise with all that is wrong at once.

    Parameters
    ----------
    arguments
        Ids as given on the command line.
    lists
        Paths of lists; ``-`` is stdin.
    skip_invalid
        Whether ids that are not valid are left out, with a word.
    say
        Gets that word.

    Raises
    ------
    InvalidIdsError
        Some ids are not valid.
    EmptyListError
        There is no id at all, or a list has none.
    FileAccessError
        A list can not be read, is no text, or is longer than any list is.
    """
    entries: list[EntryId] = []
    invalid: list[InvalidId] = []
    for argument in arguments:
        found, bad = parse_id_list(argument, "arguments")
        entries += found
        invalid += [InvalidId(item.text, item.source, None) for item in bad]
    from_lists: list[EntryId] | None = None
    for source in dict.fromkeys(lists):
        name, text = _read(source)
        found, bad = parse_id_list(text, name)
        if not found and not bad:
            raise EmptyListError(name)
        from_lists = (from_lists or []) + found
        invalid += bad
    if invalid and not skip_invalid:
        raise InvalidIdsError(tuple(invalid))
    if invalid:
        from pdb_cli.cli.errors import list_invalid_ids  # noqa: PLC0415 - only for a mistake

        say(f"skipping {list_invalid_ids(invalid)}")
    entries += from_lists or []
    if not entries:
        raise EmptyListError(None)
    listed = None if from_lists is None else tuple(dict.fromkeys(from_lists))
    return IdsInput(tuple(dict.fromkeys(entries)), listed)


def _read(source: str) -> tuple[str, str]:
    """Return the name and the text of a list."""
    if source == "-":
        return "stdin", _read_text(sys.stdin.buffer, Path("stdin"))
    path = Path(source)
    try:
        with path.open("rb") as file:
            return source, _read_text(file, path)
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error


def _read_text(file: BinaryIO, path: Path) -> str:
    """Read a file to its end, unless it turns out to be no list before that."""
    data = bytearray()
    try:
        while piece := file.read(_PIECE_BYTES):
            if b"\0" in piece:
                raise FileAccessError("read", path, "it is not a text file")
            data += piece
            if len(data) > LARGEST_LIST_BYTES:
                limit = f"{LARGEST_LIST_BYTES >> 20} MiB"
                raise FileAccessError("read", path, f"it is longer than {limit}: no list of ids")
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error
    return data.decode("utf-8", "replace")
