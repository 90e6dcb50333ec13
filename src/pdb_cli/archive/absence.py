"""Why an entry is not in the archive, or not any more.

Source: ``all_removed_entries`` and ``unreleased_entries`` of the holdings, and the status codes of
the wwPDB (wwpdb.org/deposition/about).
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from pdb_cli.archive.holdings import DAY, iterate_entries
from pdb_cli.archive.ids import EntryId, parse_id_list
from pdb_cli.errors import HoldingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STATUS_WORDS: Mapping[str, str] = {
    "AUCO": "the author's corrections are to be reviewed",
    "AUTH": "processed, waiting for the author's approval",
    "HOLD": "on hold until a date",
    "HPUB": "on hold until publication",
    "POLC": "waiting for a decision on policy",
    "PROC": "being processed",
    "REFI": "re-refined, being processed",
    "REPL": "the author sent new coordinates, being processed",
    "WAIT": "waiting for the author",
    "WDRN": "withdrawn",
}
"""What the archive's codes for the state of a deposition mean."""

_WITHDRAWN = "WDRN"
_TRANSFERRED = "TRSF"
_MODELS = "/structures/models/"
"""The tree of the theoretical models, which left the archive in 2006."""


class AbsenceKind(StrEnum):
    """Why an entry is not there."""

    OBSOLETE = "obsolete"
    MODEL = "theoretical-model"
    TRANSFERRED = "transferred"
    WITHDRAWN = "withdrawn"
    UNRELEASED = "unreleased"
    UNKNOWN = "unknown"


class RemovedEntry(NamedTuple):
    """An entry that was in the archive, or was meant to be."""

    entry: EntryId
    status: str
    """``OBS``, ``WDRN`` or ``TRSF``."""
    removed_on: str | None
    """The day, ``YYYY-MM-DD``."""
    superseded_by: tuple[EntryId, ...]
    """The entries named as its successors; they may be obsolete themselves."""
    repository: str | None
    """The archive it moved to."""
    accession: str | None
    """Its id there."""
    is_model: bool
    """Whether it is a theoretical model."""


class UnreleasedEntry(NamedTuple):
    """An entry that is announced."""

    entry: EntryId
    status: str
    """A key of :data:`STATUS_WORDS`, or a newer code."""
    held_until: str | None
    """The day, ``YYYY-MM-DD``, when its coordinates are to be released."""


class Absence(NamedTuple):
    """Why an entry is not there, and what is there instead."""

    entry: EntryId
    kind: AbsenceKind
    since: str | None = None
    """The day, ``YYYY-MM-DD``, when it was removed."""
    superseded_by: tuple[EntryId, ...] = ()
    """Its successors as they were named."""
    successors: tuple[EntryId, ...] = ()
    """Those of them, or of their own successors, that are in the archive now."""
    status: str | None = None
    """The archive's code for the state of a deposition."""
    held_until: str | None = None
    repository: str | None = None
    accession: str | None = None

    def __str__(self) -> str:
        """Return a reason in a few words: ``superseded by 2hhb, 3hhb (obsolete since ...)``."""
        since = f" since {self.since}" if self.since else ""
        match self.kind:
            case AbsenceKind.OBSOLETE if self.successors:
                text = f"superseded by {_list(self.successors)} (obsolete{since})"
            case AbsenceKind.OBSOLETE if self.superseded_by:
                text = f"obsolete{since}, and so is its successor {_list(self.superseded_by)}"
            case AbsenceKind.OBSOLETE:
                text = f"obsolete{since}, without a successor"
            case AbsenceKind.MODEL:
                text = f"a theoretical model; the archive keeps them apart{since}"
            case AbsenceKind.TRANSFERRED:
                name = f" as {self.accession}" if self.accession else ""
                text = f"moved to {self.repository or 'another archive'}{name}"
            case AbsenceKind.WITHDRAWN:
                text = f"withdrawn{since}"
            case AbsenceKind.UNRELEASED:
                words = STATUS_WORDS.get(self.status or "", "in the archive's hands")
                if self.held_until:
                    words = f"on hold until {self.held_until}"
                text = f"not yet released: {words} ({self.status or 'no status'})"
            case AbsenceKind.UNKNOWN:
                text = "neither obsolete nor announced"
            case _:
                assert_never(self.kind)
        return text


class RemovedEntries:
    """What was removed from the archive, by entry.

    Parameters
    ----------
    entries
        The removed entries; of those that come twice the last counts.
    """

    def __init__(self, entries: Iterable[RemovedEntry]) -> None:
        self._entries = {removed.entry: removed for removed in entries}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[RemovedEntry]:
        return iter(self._entries.values())

    def get(self, entry: EntryId) -> RemovedEntry | None:
        """Return what is known of an entry; None if it was not removed."""
        return self._entries.get(entry)

    def successors(self, entry: EntryId) -> tuple[EntryId, ...]:
        """Follow the chains of successors to their ends.

        Parameters
        ----------
        entry
            A removed entry, or any other.

        Returns
        -------
        tuple of EntryId
            The entries at the ends of the chains that were not removed themselves, each once, in
            the order they are named; none for an entry that was not removed.
        """
        found: dict[EntryId, None] = {}
        seen = {entry}
        waiting = list(reversed(self._named_by(entry)))
        while waiting:
            successor = waiting.pop()
            if successor in seen:
                continue
            seen.add(successor)
            if successor in self._entries:
                waiting.extend(reversed(self._named_by(successor)))
            else:
                found[successor] = None
        return tuple(found)

    def _named_by(self, entry: EntryId) -> tuple[EntryId, ...]:
        """Return the successors that the list names for an entry."""
        removed = self._entries.get(entry)
        return removed.superseded_by if removed else ()


def read_removed(chunks: Iterable[bytes], *, subject: str) -> RemovedEntries:
    """Read ``all_removed_entries``.

    Parameters
    ----------
    chunks
        Its text, inflated, in pieces of any length.
    subject
        What to call it in an error.

    Returns
    -------
    RemovedEntries
        All of them.

    Raises
    ------
    HoldingsError
        It is cut short, or not such a list.

    Examples
    --------
    >>> text = b'{"1HHB": {"status_code": "OBS", "superseded_by": ["2HHB", "3hhb"]}}'
    >>> removed = read_removed([text], subject="example")
    >>> print(*removed.successors(EntryId.parse("1hhb")))
    2hhb 3hhb
    """
    return RemovedEntries(
        RemovedEntry(
            entry,
            _text(record, "status_code") or "OBS",
            _day(_text(record, "obsolete_date")),
            _ids(record.get("superseded_by")),
            _text(record, "remote_repository_title") or _text(record, "remote_repository_name"),
            _text(record, "remote_accession_code"),
            any(_MODELS in path for path in _all_texts(record.get("content_type"))),
        )
        for entry, record in _records(chunks, subject)
    )


def read_unreleased(chunks: Iterable[bytes], *, subject: str) -> dict[EntryId, UnreleasedEntry]:
    """Read ``unreleased_entries``.

    Parameters
    ----------
    chunks
        Its text, inflated, in pieces of any length.
    subject
        What to call it in an error.

    Returns
    -------
    dict of EntryId to UnreleasedEntry
        All of them; the sequences that come with them are dropped.

    Raises
    ------
    HoldingsError
        It is cut short, or not such a list.
    """
    return {
        entry: UnreleasedEntry(
            entry,
            (_text(record, "status_code") or "").upper(),
            _day(_text(record, "hold_date_coordinates")),
        )
        for entry, record in _records(chunks, subject)
    }


def explain_missing(
    entry: EntryId, removed: RemovedEntries, unreleased: Mapping[EntryId, UnreleasedEntry]
) -> Absence:
    """Say why the archive does not have an entry.

    Parameters
    ----------
    entry
        An entry that was not found.
    removed, unreleased
        The archive's lists.

    Returns
    -------
    Absence
        ``UNKNOWN`` when neither list has it.

    Examples
    --------
    >>> print(explain_missing(EntryId.parse("9zzz"), RemovedEntries([]), {}))
    neither obsolete nor announced
    """
    if (gone := removed.get(entry)) is not None:
        return Absence(
            entry,
            _kind(gone),
            since=gone.removed_on,
            superseded_by=gone.superseded_by,
            successors=removed.successors(entry),
            status=gone.status,
            repository=gone.repository,
            accession=gone.accession,
        )
    if (announced := unreleased.get(entry)) is not None:
        kind = AbsenceKind.WITHDRAWN if announced.status == _WITHDRAWN else AbsenceKind.UNRELEASED
        return Absence(entry, kind, status=announced.status, held_until=announced.held_until)
    return Absence(entry, AbsenceKind.UNKNOWN)


def _kind(gone: RemovedEntry) -> AbsenceKind:
    """Return what became of a removed entry."""
    if gone.status == _TRANSFERRED:
        return AbsenceKind.TRANSFERRED
    if gone.status == _WITHDRAWN:
        return AbsenceKind.WITHDRAWN
    if gone.is_model and not gone.superseded_by:
        return AbsenceKind.MODEL
    return AbsenceKind.OBSOLETE


def _records(chunks: Iterable[bytes], subject: str) -> Iterator[tuple[EntryId, dict[str, Any]]]:
    """Yield what a list says about each entry."""
    for entry, value in iterate_entries(chunks, subject=subject):
        if not isinstance(value, dict):
            raise HoldingsError(subject, f"{entry} is not described")
        yield entry, value


def _text(record: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is a text with something in it."""
    value = record.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _day(text: str | None) -> str | None:
    """Return the day a date begins with."""
    match = DAY.match(text or "")
    return match[0] if match else None


def _ids(value: Any) -> tuple[EntryId, ...]:
    """Return the ids in a text or a list of texts, each once; what is no id is passed over."""
    entries = (entry for text in _all_texts(value) for entry in parse_id_list(text, "")[0])
    return tuple(dict.fromkeys(entries))


def _all_texts(value: Any) -> Iterator[str]:
    """Yield the texts in a text, a list or the values of an object, and in what these hold."""
    waiting = deque([value])
    while waiting:
        item = waiting.popleft()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting.extendleft(reversed(item))
        elif isinstance(item, dict):
            waiting.extendleft(reversed(item.values()))


def _list(entries: Iterable[EntryId]) -> str:
    """Return ids as a list for people."""
    return ", ".join(map(str, entries))
