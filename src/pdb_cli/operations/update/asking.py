"""Ask mirrors about files that dates do not settle, and remember the answers."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.archive.dates import archive_second, earliest_second_of, format_second
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.errors import FileAccessError, UnsupportedError
from pdb_cli.events import PhaseBegan
from pdb_cli.index.model import CatalogueFile, Mark
from pdb_cli.operations.date_marks import lasting
from pdb_cli.operations.update.model import FileState, JudgedFile
from pdb_cli.operations.update.reading import read_trailer, unreadable
from pdb_cli.transfer.ask import AnswerKind, Question, ask_mirrors
from pdb_cli.transfer.model import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.update.model import UpdateRequest
    from pdb_cli.storage.collection import Collection
    from pdb_cli.transfer.ask import Answer
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_MARKS_TOGETHER: Final = 5000


class Undecided(NamedTuple):
    """A file that dates do not settle."""

    file: CatalogueFile
    date: str
    """The archive's, as published."""
    own: bool
    """Whether it is the date of this very file."""
    local_date: str | None
    """The date of what is here, if it can be trusted."""
    url: str | None
    """Where it came from, if that is known."""
    etag: str | None
    """The tag it had there."""


class Asking:
    """The files of one check that are to be asked for.

    Parameters
    ----------
    request
        Which mirrors.
    collection
        Where the files are.
    catalogue
        Remembers what was settled.
    options, retry
        How to talk to mirrors.
    observe
        Gets events.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        request: UpdateRequest,
        collection: Collection,
        catalogue: Catalogue,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._request = request
        self._collection = collection
        self._catalogue = catalogue
        self._options = options
        self._retry = retry
        self._observe = observe
        self._clock = clock
        self.unsettled = 0
        """Files no mirror gave an answer about, or one that is of no use."""
        self.listed_at_s: float | None = None
        """When the list of dates was made, in seconds since 1970; set before asking."""
        self._undecided: list[Undecided] = []
        self._marks: list[Mark] = []

    def add(self, undecided: Undecided) -> None:
        """Put a file on the list."""
        self._undecided.append(undecided)

    def mark_outdated(self, file: CatalogueFile, date: str) -> None:
        """Remember that a file is outdated: a download fetches it then, though it is whole.

        Parameters
        ----------
        file
            The file.
        date
            The archive's date.
        """
        self._mark(Mark.outdated(file.path, file.size_bytes, file.mtime_ns, date))

    def remember(self) -> None:
        """Write what was settled."""
        marks, self._marks = self._marks, []
        if marks:
            self._catalogue.settle(marks)

    def ask(self) -> Iterator[JudgedFile]:
        """Ask about all of them, several at a time; yield what they turn out to be."""
        if not self._undecided:
            return
        self._observe(PhaseBegan("asking"))
        refused: list[JudgedFile] = []
        questions = self._questions(refused)
        asked = ask_mirrors(
            questions, options=self._options, retry=self._retry, observe=self._observe
        )
        with closing(asked) as answers:
            for answer in answers:
                yield self._settle(answer)
                yield from refused
                refused.clear()
        yield from refused

    def _questions(self, refused: list[JudgedFile]) -> Iterator[Question]:
        """Make questions of what is undecided; what can not be asked is judged at once."""
        for undecided in self._undecided:
            file = undecided.file
            path = self._collection.locate(file.path, file.data_type)
            try:
                sources = tuple(
                    Source(mirror.name, url)
                    for mirror, url in serving_mirrors(self._request.mirrors, file.archive_file)
                )
                trailer = read_trailer(path)
            except UnsupportedError as error:
                refused.append(self._unknown(undecided, error.reason))
                continue
            except FileAccessError as error:
                refused.append(unreadable(self._of(undecided, FileState.DAMAGED), error))
                continue
            yield Question(
                file.path,
                sources,
                file.size_bytes,
                trailer,
                undecided.url,
                undecided.etag,
                undecided,
            )

    def _settle(self, answer: Answer) -> JudgedFile:
        """Say what a file is after an answer, and remember what is not to be asked again."""
        undecided: Undecided = answer.question.tag
        file, date = undecided.file, undecided.date
        earliest_s = earliest_second_of(date) if undecided.own else None
        there_s = answer.last_modified_s
        match answer.kind:
            case AnswerKind.ABSENT:
                return self._unknown(undecided, "no mirror has this file")
            case AnswerKind.NONE:
                self.unsettled += 1
                why = getattr(answer.error, "reason", type(answer.error).__name__)
                return self._unknown(undecided, f"no mirror could be asked: {why}")
            case AnswerKind.SAME if (
                earliest_s is not None and there_s is not None and there_s < earliest_s
            ):
                # It has what we have, and that is not what the archive announces.
                mirror = answer.source.mirror if answer.source else "the mirror"
                judged = self._of(undecided, FileState.OUTDATED)
                reason = f"{mirror} has no newer version yet"
                return judged._replace(local_date=format_second(there_s), reason=reason)
            case AnswerKind.SAME:
                # For no date at all nothing can be current for longer than now.
                if date:
                    against = lasting(date, there_s, self._clock())
                    self._mark(Mark(file.path, file.size_bytes, file.mtime_ns, against))
                return self._of(undecided, FileState.UP_TO_DATE)
            case _ if self._is_behind(undecided, there_s):
                self.unsettled += 1
                mirror = answer.source.mirror if answer.source else "the mirror"
                reason = f"{mirror} is behind what is here; try another one with -m"
                return self._unknown(undecided, reason)
            case _:
                judged = self._of(undecided, FileState.OUTDATED)
                self.mark_outdated(file, date)
                # Whoever sends it must not send what is older than what this mirror has.
                not_before_s = there_s if earliest_s is None else earliest_s
                return judged._replace(not_before_s=not_before_s)

    def _is_behind(self, undecided: Undecided, there_s: float | None) -> bool:
        """Tell whether a mirror has another file because it does not have this one yet.

        A date that was taken back is in a list that is newer than the file.
        """
        here_s = archive_second(undecided.file.mtime_ns)
        known_s = self.listed_at_s if undecided.own else there_s
        return here_s is not None and known_s is not None and known_s < here_s

    def _mark(self, mark: Mark) -> None:
        """Remember something, together with others."""
        self._marks.append(mark)
        if len(self._marks) >= _MARKS_TOGETHER:
            self.remember()

    def _unknown(self, undecided: Undecided, reason: str) -> JudgedFile:
        """Say that nothing is held against a file, and why."""
        return self._of(undecided, FileState.UNKNOWN)._replace(reason=reason)

    def _of(self, undecided: Undecided, state: FileState) -> JudgedFile:
        """Judge a file that was undecided."""
        file, date, own, local_date = undecided[:4]
        return judged_file(self._collection, file, state, date=date, own=own, local_date=local_date)


def judged_file(
    collection: Collection,
    file: CatalogueFile,
    state: FileState,
    *,
    date: str | None = None,
    own: bool = False,
    local_date: str | None = None,
    reason: str | None = None,
) -> JudgedFile:
    """Say what a file is.

    Parameters
    ----------
    collection
        Where it is.
    file
        The file.
    state
        What it is.
    date, own
        The archive's date, and whether it is that of this very file.
    local_date
        The date of what is here, if it can be trusted.
    reason
        What else there is to say.
    """
    return JudgedFile(
        file=file.archive_file,
        layout=file.layout,
        path=collection.locate(file.path, file.data_type),
        name=file.path,
        state=state,
        size_bytes=file.size_bytes,
        local_date=local_date,
        remote_date=date or None,
        reason=reason,
        not_before_s=earliest_second_of(date) if own and date else None,
    )
