"""Compare what is in a collection with the archive; change nothing but what is remembered.

Dates settle nearly all files without a look at them (:mod:`pdb_cli.operations.update_judge`), so a
check of any number of files is a few requests. The mirror is asked about the rest, one by one, and
what it says is remembered in the catalogue: the next check asks only about files whose entry has
changed since.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.dates import earliest_second_of, format_second, second_of
from pdb_cli.archive.identify import identify
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.errors import FileAccessError, UnsupportedError
from pdb_cli.events import Note, PhaseBegan, ignore_event
from pdb_cli.index.model import CatalogueFile, Mark
from pdb_cli.operations.update_judge import Verdict, is_dated, judge
from pdb_cli.operations.update_lists import ArchiveLists
from pdb_cli.operations.update_model import FileState, JudgedFile
from pdb_cli.operations.update_reading import read_current, read_trailer
from pdb_cli.transfer.ask import AnswerKind, Question, ask_mirrors
from pdb_cli.transfer.model import Source

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.archive.datatypes import FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Record
    from pdb_cli.operations.update_lists import Dates
    from pdb_cli.operations.update_model import UpdateRequest
    from pdb_cli.storage.collection import Collection
    from pdb_cli.transfer.ask import Answer
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_TOGETHER: Final = 500
_NS: Final = 1_000_000_000
_FEW_FILES: Final = 50_000
"""Looking at each of so many takes a fifth of a second. A directory does not tell that a file in it
was written over in place, as ``cp`` does it."""
_MOST_TOLD: Final = 5
_STATES: Final = {
    Verdict.CURRENT: FileState.UP_TO_DATE,
    Verdict.OUTDATED: FileState.OUTDATED,
    # Fetched again whatever the mirror would say.
    Verdict.ASK: FileState.UNKNOWN,
}


class _Undecided(NamedTuple):
    """A file that dates do not settle."""

    file: CatalogueFile
    date: str
    own: bool
    local_date: str | None
    url: str | None
    etag: str | None


class CollectionCheck:
    """One comparison of a collection with the archive.

    Parameters
    ----------
    request
        What is to be compared.
    collection
        Where its files are.
    catalogue
        What is known of it.
    options, retry
        How to talk to mirrors.
    observe
        Gets events.
    """

    def __init__(
        self,
        request: UpdateRequest,
        collection: Collection,
        catalogue: Catalogue,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer = ignore_event,
    ) -> None:
        self._request = request
        self._collection = collection
        self._catalogue = catalogue
        self._options = options
        self._retry = retry
        self._observe = observe
        self.lists = ArchiveLists(request, options=options, retry=retry, observe=observe)
        """The archive's lists, as far as they were needed."""
        self.up_to_date = 0
        """Files that are, those that did not come out included."""
        self.unsettled = 0
        """Files no mirror gave an answer about."""
        self.unreadable = 0
        """Directories that could not be read."""
        self.absent: tuple[EntryId, ...] = ()
        """Entries that were asked for and are not in the collection."""
        self._undecided: list[_Undecided] = []
        self._marks: list[Mark] = []
        self._dates: dict[tuple[DataType, FileFormat], Dates] = {}
        self._shows_current = True

    def judge(self, *, with_current: bool = False) -> Generator[JudgedFile, None, None]:
        """Say of each file what it is.

        Parameters
        ----------
        with_current
            Whether files that are up to date come out, too; else they are only counted.

        Yields
        ------
        JudgedFile
            First what dates tell, in order of the paths, then what mirrors say, as it comes.

        Raises
        ------
        TransferError, HoldingsError, UnsupportedError
            A list of the archive can not be had.
        FileAccessError
            It can not be kept.
        """
        self._shows_current = with_current or self._request.verify or self._request.force
        judged = self._judge_all()
        if self._request.verify:
            workers = min(self._request.connections, 4 + (os.cpu_count() or 1))
            judged = read_current(judged, workers=workers)
        try:
            for one in judged:
                if one.state is FileState.UP_TO_DATE:
                    self.up_to_date += 1
                    if not (with_current or self._request.force):
                        continue
                yield one
        finally:
            self._save_marks()

    def _judge_all(self) -> Iterator[JudgedFile]:
        """Say of each file what it is; those that are plainly current may be counted only."""
        request = self._request
        self._observe(PhaseBegan("scanning"))
        self._look()
        self.lists.structure_dates()
        self._observe(PhaseBegan("comparing"))
        files = self._catalogue.files(
            types=request.types, formats=request.formats, entries=request.entries
        )
        seen: set[str] = set()
        unlisted: list[CatalogueFile] = []
        while some := list(islice(files, _TOGETHER)):
            if request.entries is not None:
                seen.update(file.entry_id for file in some)
            yield from self._compare(some, unlisted)
        yield from self._judge_unlisted(unlisted)
        for one in self._judge_gone():
            seen.add(one.file.entry.extended)
            yield one
        if request.entries is not None:
            self.absent = tuple(sorted(e for e in request.entries if e.extended not in seen))
        yield from self._ask()

    def _look(self) -> None:
        """See what is here; where that is soon done, also what was written in place."""
        refreshed = self._catalogue.refresh(thorough=self._request.verify)
        few = refreshed.files <= _FEW_FILES and refreshed.directories_read < refreshed.directories
        if few and not self._request.verify:
            refreshed = self._catalogue.refresh(thorough=True)
        self.unreadable = len(refreshed.unreadable)
        for path, reason in refreshed.unreadable[:_MOST_TOLD]:
            self._observe(Note(f"can not read {path}: {reason}; what is in it is not compared"))

    def _dates_of(self, file: CatalogueFile) -> Dates:
        """Return what a file is compared with."""
        kind = file.data_type, file.file_format
        dates = self._dates.get(kind)
        if dates is None:
            dates = self._dates[kind] = self.lists.dates_of(*kind)
        return dates

    def _compare(
        self, files: list[CatalogueFile], unlisted: list[CatalogueFile]
    ) -> Iterator[JudgedFile]:
        """Compare some files with their dates; put those aside that have none."""
        late: list[tuple[CatalogueFile, str]] = []
        current = 0
        dates, kind = None, None
        for file in files:
            # This loop is what a check of a large collection consists of.
            if dates is None or file[2:4] != kind:
                kind, dates = file[2:4], self._dates_of(file).by_entry
            date = dates.get(file.entry_id)
            if date is None:
                unlisted.append(file)
            elif not is_dated(file.mtime_ns, second_of(date)):
                late.append((file, date))
            elif self._shows_current:
                yield self._judged(file, FileState.UP_TO_DATE, date=date, local_date=date)
            else:
                current += 1
        self.up_to_date += current
        if late:
            yield from self._compare_late(late)

    def _compare_late(self, late: list[tuple[CatalogueFile, str]]) -> Iterator[JudgedFile]:
        """Compare files that do not carry their dates with what is remembered of them."""
        paths = [file.path for file, _ in late]
        records, marks = self._catalogue.records(paths), self._catalogue.marks(paths)
        for file, date in late:
            record, mark = records.get(file.path), marks.get(file.path)
            if record is not None and not record.fits(file.size_bytes, file.mtime_ns):
                record = None
            marked = None
            if mark is not None and mark.fits(file.size_bytes, file.mtime_ns):
                marked = mark.against
            own = self._dates_of(file).own
            recorded_s = record.last_modified_s if record is not None else None
            verdict = judge(
                date, own=own, mtime_ns=file.mtime_ns, recorded_s=recorded_s, marked=marked
            )
            local_date = _local_date(file, record, marked if own else None)
            if verdict is Verdict.ASK and not self._request.force:
                url, etag = (record.url, record.etag) if record is not None else (None, None)
                self._undecided.append(_Undecided(file, date, own, local_date, url, etag))
                continue
            yield self._judged(file, _STATES[verdict], date=date, own=own, local_date=local_date)

    def _judge_unlisted(self, files: Iterable[CatalogueFile]) -> Iterator[JudgedFile]:
        """Say what became of files whose entry is in no list of dates."""
        for file in files:
            if file.data_type in {DataType.OBSOLETE, DataType.IHM}:
                reason = "not in the archive's lists"
                yield self._judged(file, FileState.UNKNOWN, reason=reason)
                continue
            absence = self.lists.absence_of(file.entry_id)
            if absence is None:
                reason = "not in the archive's lists"
                yield self._judged(file, FileState.UNKNOWN, reason=reason)
            else:
                judged = self._judged(file, FileState.OBSOLETE, reason=str(absence))
                yield judged._replace(absence=absence)

    def _judge_gone(self) -> Iterator[JudgedFile]:
        """Say which files were here and are not any more."""
        request = self._request
        for path in self._catalogue.gone():
            found = identify(path)
            if found is None:
                continue
            (entry, data_type, file_format, number), layout = found
            if (
                (request.types is None or data_type in request.types)
                and (request.formats is None or file_format in request.formats)
                and (request.entries is None or entry in request.entries)
            ):
                kind = entry.extended, data_type, file_format, number
                file = CatalogueFile(path, *kind, layout, 0, 0)
                dates = self._dates_of(file)
                date = dates.by_entry.get(file.entry_id)
                # Of an entry that the archive has no more, nothing is missing.
                if date is not None and data_type is not DataType.OBSOLETE:
                    judged = self._judged(file, FileState.MISSING, date=date, own=dates.own)
                    yield judged._replace(size_bytes=None, reason="it was here")

    def _ask(self) -> Iterator[JudgedFile]:
        """Ask mirrors about what dates do not settle."""
        if not self._undecided:
            return
        self._observe(PhaseBegan("asking"))
        refused: list[JudgedFile] = []
        questions = self._questions(refused)
        for answer in ask_mirrors(
            questions, options=self._options, retry=self._retry, observe=self._observe
        ):
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
                judged = self._of(undecided, FileState.DAMAGED)
                refused.append(judged._replace(reason=error.reason))
                continue
            if not file.path.endswith(".gz"):
                refused.append(self._unknown(undecided, "not compressed, as the archive's is"))
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
        undecided: _Undecided = answer.question.tag
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
                self._marks.append(Mark(file.path, file.size_bytes, file.mtime_ns, date))
                if len(self._marks) >= _TOGETHER:
                    self._save_marks()
                return self._of(undecided, FileState.UP_TO_DATE)
            case _:
                judged = self._of(undecided, FileState.OUTDATED)
                # Whoever sends it must not send what is older than what this mirror has.
                not_before_s = there_s if earliest_s is None else earliest_s
                return judged._replace(not_before_s=not_before_s)

    def _save_marks(self) -> None:
        """Remember what was settled."""
        marks, self._marks = self._marks, []
        if marks:
            self._catalogue.settle(marks)

    def _unknown(self, undecided: _Undecided, reason: str) -> JudgedFile:
        """Say that nothing is held against a file, and why."""
        return self._of(undecided, FileState.UNKNOWN)._replace(reason=reason)

    def _of(self, undecided: _Undecided, state: FileState) -> JudgedFile:
        """Judge a file that was undecided."""
        file, date, own, local_date = undecided[:4]
        return self._judged(file, state, date=date, own=own, local_date=local_date)

    def _judged(
        self,
        file: CatalogueFile,
        state: FileState,
        *,
        date: str | None = None,
        own: bool = False,
        local_date: str | None = None,
        reason: str | None = None,
    ) -> JudgedFile:
        """Make the row of a file."""
        return JudgedFile(
            file=file.archive_file,
            layout=file.layout,
            path=self._collection.locate(file.path, file.data_type),
            name=file.path,
            state=state,
            size_bytes=file.size_bytes,
            local_date=local_date,
            remote_date=date or None,
            reason=reason,
            not_before_s=earliest_second_of(date) if own and date else None,
        )


def _local_date(file: CatalogueFile, record: Record | None, marked: str | None) -> str | None:
    """Return the date of what is here, if it can be trusted."""
    if marked:
        return marked
    if record is not None and record.last_modified_s is not None:
        return format_second(record.last_modified_s)
    return None if file.mtime_ns % _NS else format_second(file.mtime_ns / _NS)
