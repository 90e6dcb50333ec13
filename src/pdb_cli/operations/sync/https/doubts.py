"""Files of which lists do not tell whether they are current: remembered answers, then questions.

The answer for a file is kept as a *mark* in the catalogue: that it was found to be current for a
date of its entry. It counts as long as file and date stay what they were, so that a file is asked
about once for each date. How long an answer counts, :mod:`pdb_cli.operations.date_marks` says.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pdb_cli.errors import HttpStatusError, TransferError
from pdb_cli.index.model import Mark
from pdb_cli.operations.date_marks import is_recent, lasting, settled_date, this_week
from pdb_cli.operations.sync.condemned import Looks, find_condemned
from pdb_cli.transfer.ask import Answer, AnswerKind, Question, ask_mirrors
from pdb_cli.transfer.model import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.events import Observer
    from pdb_cli.index.model import Record
    from pdb_cli.operations.sync.model import SyncTree
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_SECOND_NS: Final = 1_000_000_000
_SMALLEST_GZIP_BYTES: Final = 20
_MOST_REFUSED: Final = 50
"""After so many, a mirror that answers about fewer files than it refuses is in trouble."""
_MARKS_TOGETHER: Final = 20_000
"""Each time they are written costs a copy of the catalogue where the collection is shared."""


def is_made_later(size_bytes: int, mtime_ns: int, second: int) -> bool:
    """Tell whether a file can be one that the archive made of an entry as it is now.

    Parameters
    ----------
    size_bytes, mtime_ns
        The file.
    second
        The date of its entry, in seconds since 1970.

    Returns
    -------
    bool
        Whether it is later than the entry, has an archive's time, which is of whole seconds, and
        can be a gzip file at all. What was written here has the time of day.
    """
    is_archives = not mtime_ns % _SECOND_NS and size_bytes >= _SMALLEST_GZIP_BYTES
    return is_archives and mtime_ns // _SECOND_NS > second


class Doubt(NamedTuple):
    """A file of which it is not known whether it is current."""

    path: str
    """As in a plan."""
    remote: str
    """Where the mirror has it, below its root."""
    size_bytes: int
    mtime_ns: int
    """Of the file here."""
    date: str
    """The date of its entry, as published."""
    second: int | None
    """The same in seconds since 1970; None if it can not be read, or there is none."""
    reason: str = "time"
    """What is not as it should be."""


class Judged(NamedTuple):
    """What is known of a file now."""

    doubt: Doubt
    is_current: bool
    reason: str = ""
    """Why it is not."""
    size_bytes: int | None = None
    mtime_s: float | None = None
    """Of the file that the mirror has, if that is another one and was told."""


class Memory(Looks, Protocol):
    """What remembers files: the catalogue."""

    def marks(self, paths: Iterable[str]) -> Mapping[str, Mark]:
        """Return the marks of some files, by path."""
        ...

    def sizes(self, directory: str) -> Mapping[str, tuple[int, int]]:
        """Return size and time that files had when they were recorded, by path."""
        ...

    def settle(self, marks: Iterable[Mark]) -> None:
        """Keep marks."""
        ...

    def remember(self, records: Iterable[Record]) -> None:
        """Keep records of files that arrived; drops their marks when they are written."""
        ...

    def flush(self) -> None:
        """Write what is not written yet."""
        ...


class Marks:
    """Answers that were had before.

    Parameters
    ----------
    store
        Where they are; None for nowhere.
    clock
        Seconds since 1970.
    """

    def __init__(self, store: Memory | None, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._waiting: list[Mark] = []
        self._clock = clock

    def known(self, doubts: Iterable[Doubt]) -> set[str]:
        """Return the paths of the files that were found to be current, and have not changed since.

        Parameters
        ----------
        doubts
            Some hundred at a time.
        """
        by_path = {doubt.path: doubt for doubt in doubts}
        if self._store is None or not by_path:
            return set()
        found = self._store.marks(by_path)
        return {
            path
            for path, mark in found.items()
            if path in by_path and self._is_settled(mark, by_path[path])
        }

    def sizes(self, directory: str) -> Mapping[str, tuple[int, int]]:
        """Return the sizes that files had when they arrived, with the times they had then.

        Parameters
        ----------
        directory
            Only of files below it.
        """
        return {} if self._store is None else self._store.sizes(directory)

    def condemned(self, tree: SyncTree) -> frozenset[str]:
        """Return the files of a tree that were found bad, and are as bad as they were.

        Parameters
        ----------
        tree
            The tree.
        """
        return find_condemned(tree, self._store)

    def keep(
        self,
        current: Iterable[tuple[Doubt, float | None]],
        records: Iterable[Record] = (),
        *,
        for_good: bool = True,
    ) -> None:
        """Remember that files are current, and what was found when they arrived.

        Parameters
        ----------
        current
            With the size and the time of the file that is here now, and the mirror's time of it.
        records
            Of files that have just arrived, those in doubt or others.
        for_good
            Whether that can be relied on until the date changes, if the mirror's file is not older
            than a date that mirrors may not have caught up with.
        """
        if self._store is None:
            return
        if arrived := list(records):
            self._store.remember(arrived)
        now_s = self._clock()
        for doubt, there_s in current:
            date = doubt.date
            against = this_week(date, now_s)
            if for_good:
                against = lasting(date, there_s, now_s, second=doubt.second)
            self._waiting.append(Mark(doubt.path, doubt.size_bytes, doubt.mtime_ns, against))
        if len(self._waiting) >= _MARKS_TOGETHER:
            self.write()

    def write(self) -> None:
        """Keep what was remembered for good; to be called at the end."""
        marks, self._waiting = self._waiting, []
        if self._store is not None and marks:
            # A record drops the mark of its file when it is written.
            self._store.flush()
            self._store.settle(marks)

    def is_recent(self, second: int) -> bool:
        """Tell whether mirrors may not have caught up yet with a date of the archive.

        Parameters
        ----------
        second
            The date, in seconds since 1970.
        """
        return is_recent(second, self._clock())

    def _is_settled(self, mark: Mark, doubt: Doubt) -> bool:
        """Tell whether a mark says that a file is current, and still counts."""
        if not mark.fits(doubt.size_bytes, doubt.mtime_ns):
            return False
        return settled_date(mark, self._clock()) == doubt.date


class Judge:
    """Decides about files in doubt.

    Parameters
    ----------
    mirror
        Whose lists they are; it is asked.
    marks
        Answers that were had before.
    options, retry
        For questions.
    observe
        Gets ``BytesReceived`` and ``AttemptFailed``.
    """

    def __init__(
        self,
        mirror: Mirror,
        marks: Marks,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
    ) -> None:
        self._observe = observe
        self._mirror = mirror
        self.marks = marks
        self._options = options
        self._retry = retry
        self._answered = self._refused = 0

    def judge(self, doubts: list[Doubt]) -> Iterator[Judged]:
        """Decide about some files, asking the mirror where there is no answer yet.

        Parameters
        ----------
        doubts
            Some hundred at a time.

        Yields
        ------
        Judged
            One for each, not in their order.

        Raises
        ------
        TransferError
            The mirror does not answer, or refuses to say anything about most files.
        """
        known = self.marks.known(doubts)
        unknown = []
        for doubt in doubts:
            if doubt.path in known:
                yield Judged(doubt, is_current=True)
            else:
                unknown.append(doubt)
        if not unknown:
            return
        current: list[tuple[Doubt, float | None]] = []
        absent: list[tuple[Doubt, float | None]] = []
        name = self._mirror.name
        questions = (
            Question(doubt.path, (Source(name, self._mirror.path_url(doubt.remote)),), tag=doubt)
            for doubt in unknown
        )
        for answer in ask_mirrors(
            questions, options=self._options, retry=self._retry, observe=self._observe
        ):
            judged = _judge(answer.question.tag, answer)
            if answer.kind is AnswerKind.NONE:
                self._refused += 1
            else:
                self._answered += 1
            if self._refused > max(_MOST_REFUSED, self._answered):
                raise answer.error or TransferError(answer.question.sources[0].url, "no answer")
            if answer.kind is AnswerKind.ABSENT:
                absent.append((judged.doubt, None))
            elif judged.is_current:
                current.append((judged.doubt, answer.last_modified_s))
            yield judged
        self.marks.keep(current)
        self.marks.keep(absent, for_good=False)


def _judge(doubt: Doubt, answer: Answer) -> Judged:
    """Compare what is here with what the mirror says."""
    if answer.kind is AnswerKind.NONE:
        # A file that its server may not read is no reason to go without all others: it fails alone.
        if not isinstance(answer.error, HttpStatusError):
            raise answer.error or TransferError(answer.question.sources[0].url, "no answer")
        return Judged(doubt, False, answer.error.reason)  # noqa: FBT003 - is_current
    if answer.kind is AnswerKind.ABSENT:
        # It is in the list: what is here is the only one there is.
        return Judged(doubt, is_current=True)
    size_bytes, mtime_s = answer.size_bytes, answer.last_modified_s
    if size_bytes is not None and size_bytes != doubt.size_bytes:
        return Judged(doubt, False, "size", size_bytes, mtime_s)  # noqa: FBT003 - is_current
    if mtime_s is not None and mtime_s != doubt.mtime_ns // 1_000_000_000:
        return Judged(doubt, False, "time", size_bytes, mtime_s)  # noqa: FBT003 - is_current
    if size_bytes is None and mtime_s is None:
        return Judged(doubt, False, "the mirror does not tell")  # noqa: FBT003 - is_current
    return Judged(doubt, is_current=True)
