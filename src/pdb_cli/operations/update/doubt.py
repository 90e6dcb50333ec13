"""Can the archive's lists be whole? What is here tells, where no earlier list does.

An entry that is here was in the archive once, so one of two lists names it: it has a date, or it
was removed. A list that was cut before it was packed looks like any other, and lacks entries that
are nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.operations.delete_limit import SHORTEST_SHARE, parse_delete_limit

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

ALWAYS_ALLOWED: Final = 20
"""Entries: in a small collection each is a large share."""

SOME_FILES: Final = 10
"""Fewer may well have been removed by hand, all of them."""
_STRAYS: Final = 1


class ListShortage(NamedTuple):
    """Entries of a collection that no list of the archive names."""

    lacking: int
    """How many they are."""
    held: int
    """Of how many that are here."""
    is_shorter: bool
    """Whether the lists have fewer entries than are here; else it is a matter of the limit."""

    def __str__(self) -> str:
        """Return it in a few words."""
        return f"{self.lacking} of the {self.held} entries here are in no list"


def find_shortage(
    held: Iterable[str], *, listed: Mapping[str, object], removed: Container[str], limit: str
) -> ListShortage | None:
    """Tell whether the lists lack more than lists do that are right.

    Parameters
    ----------
    held
        The entries that are here, each once.
    listed
        The archive's dates, by entry.
    removed
        Those that are known to be removed.
    limit
        Which part of what is here may go at once: a count, or percent.

    Returns
    -------
    ListShortage | None
        None if they may be right: some files have names like the archive's, and are not of it.

    Raises
    ------
    InvalidValueError
        The limit is neither.

    Examples
    --------
    >>> held = [f"pdb_{number:08}" for number in range(1000)]
    >>> listed = dict.fromkeys(held[:940])
    >>> print(find_shortage(held, listed=listed, removed=(), limit="5%"))
    60 of the 1000 entries here are in no list
    >>> print(find_shortage(held, listed=listed, removed=held[950:], limit="5%"))
    None
    """
    everything = list(held)
    entries = [entry for entry in everything if entry not in removed]
    lacking = sum(entry not in listed for entry in entries)
    share = parse_delete_limit(limit, name="sync.max_delete")
    allowed = share.files
    if allowed is None:
        allowed = int(len(entries) * (share.percent or 0.0) / 100)
    # The archive has more than anybody holds: of a few files that is what tells.
    is_shorter = lacking > _STRAYS and len(listed) < SHORTEST_SHARE * len(entries)
    if is_shorter or lacking > max(ALWAYS_ALLOWED, allowed):
        return ListShortage(lacking, len(everything), is_shorter)
    return None
