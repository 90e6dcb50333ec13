"""Compare what is in a collection with the archive; change nothing but what is remembered.

Dates settle nearly all files without a look at them (:mod:`pdb_cli.operations.update.judge`), so a
check of any number of files is a few requests. The mirror is asked about the rest, one by one, and
what it says is remembered in the catalogue: the next check asks only about files whose entry has
changed since.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.dates import format_second, second_of
from pdb_cli.archive.identify import identify
from pdb_cli.events import Note, PhaseBegan, ignore_event
from pdb_cli.index.model import CatalogueFile
from pdb_cli.operations.date_marks import settled_date
from pdb_cli.operations.update.asking import Asking, Undecided, judged_file
from pdb_cli.operations.update.doubt import SOME_FILES, find_shortage
from pdb_cli.operations.update.judge import Verdict, is_dated, judge
from pdb_cli.operations.update.lists import ArchiveLists
from pdb_cli.operations.update.model import FileState, JudgedFile
from pdb_cli.operations.update.reading import read_current
from pdb_cli.operations.verification_record import stat_file

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from pdb_cli.archive.datatypes import FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Check, Record
    from pdb_cli.operations.update.lists import Dates
    from pdb_cli.operations.update.model import UpdateRequest
    from pdb_cli.storage.collection import Collection
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

_TOGETHER: Final = 500
_NS: Final = 1_000_000_000
_FEW_FILES: Final = 50_000
"""Looking at each of so many takes a fifth of a second. A directory does not tell that a file in it
was written over in place, as ``cp`` does it."""
_MOST_TOLD: Final = 5
_GONE_PER_FILE: Final = 9
"""So many times the files that are left: who removes some rarely removes nine in ten."""
_APART: Final = frozenset({DataType.OBSOLETE, DataType.IHM})
"""Of these the list of what was removed says nothing that they do not say themselves."""
_STATES: Final = {
    Verdict.CURRENT: FileState.UP_TO_DATE,
    Verdict.OUTDATED: FileState.OUTDATED,
    # Fetched again whatever the mirror would say.
    Verdict.ASK: FileState.UNKNOWN,
}


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
        observe: Observer = ignore_event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._request = request
        self._judged = partial(judged_file, collection)
        self._catalogue = catalogue
        self._observe = observe
        self.clock = clock
        self.lists = ArchiveLists(request, options=options, retry=retry, observe=observe)
        """The archive's lists, as far as they were needed."""
        self.up_to_date = 0
        """Files that are, those that did not come out included."""
        self.untold = 0
        """Files whose entry may be obsolete, had the mirrors said what is, or been believed."""
        self.unreadable = 0
        """Directories that could not be read."""
        self.absent: tuple[EntryId, ...] = ()
        """Entries that were asked for and are not in the collection."""
        self._asking = Asking(
            request,
            collection,
            catalogue,
            options=options,
            retry=retry,
            observe=observe,
            clock=clock,
        )
        self._locate = collection.locate
        self._condemned: dict[str, Check] = {}
        self._dates: dict[tuple[DataType, FileFormat], Dates] = {}
        self._shows_current = True

    @property
    def unsettled(self) -> int:
        """Files no mirror gave an answer about."""
        return self._asking.unsettled + self.untold

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
            self._asking.remember()

    def _judge_all(self) -> Iterator[JudgedFile]:
        """Say of each file what it is; those that are plainly current may be counted only."""
        request = self._request
        self._observe(PhaseBegan("scanning"))
        self._look()
        self.lists.structure_dates()
        self._asking.listed_at_s = self.lists.listed_at_s
        self._observe(PhaseBegan("comparing"))
        self._condemned = self._catalogue.condemned()
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
        yield from self._asking.ask()

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
        condemned = self._condemned
        current = 0
        dates, kind = None, None
        for file in files:
            # This loop is what a check of a large collection consists of.
            if dates is None or file[2:4] != kind:
                kind, dates = file[2:4], self._dates_of(file).by_entry
            date = dates.get(file.entry_id)
            if date is None:
                unlisted.append(file)
            elif condemned and file.path in condemned and self._is_bad(file):
                yield self._damaged(file, date, condemned[file.path])
            elif not is_dated(file.mtime_ns, second_of(date)):
                late.append((file, date))
            elif self._shows_current:
                own = self._dates_of(file).own
                yield self._judged(file, FileState.UP_TO_DATE, date=date, own=own, local_date=date)
            else:
                current += 1
        self.up_to_date += current
        if late:
            yield from self._compare_late(late)

    def _is_bad(self, file: CatalogueFile) -> bool:
        """Tell whether a file that was found bad once is to be taken for bad now."""
        status = stat_file(self._locate(file.path, file.data_type))
        if status is None:
            return False
        record = self._catalogue.records([file.path]).get(file.path)
        return self._condemned[file.path].condemns(status, record)

    def _damaged(self, file: CatalogueFile, date: str, check: Check) -> JudgedFile:
        """Return what there is to say of a file that was found bad."""
        reason = f"{check.defect}, found by an earlier check"
        if not file.path.endswith(".gz"):
            return self._judged(file, FileState.UNKNOWN, reason=reason)
        # In its place belongs the version that is announced, not any that is whole.
        own = self._dates_of(file).own
        return self._judged(file, FileState.DAMAGED, date=date, own=own, reason=reason)

    def _compare_late(self, late: list[tuple[CatalogueFile, str]]) -> Iterator[JudgedFile]:
        """Compare files that do not carry their dates with what is remembered of them."""
        paths = [file.path for file, _ in late]
        records, marks = self._catalogue.records(paths), self._catalogue.marks(paths)
        for file, date in late:
            if not file.path.endswith(".gz"):
                yield self._judged(file, FileState.UNKNOWN, reason="not as the archive keeps it")
                continue
            record, mark = records.get(file.path), marks.get(file.path)
            if record is not None and not record.fits(file.size_bytes, file.mtime_ns):
                record = None
            if mark is not None and not mark.fits(file.size_bytes, file.mtime_ns):
                mark = None
            is_known = mark is not None and mark.is_outdated and mark.date == date
            marked = None if mark is None else settled_date(mark, self.clock())
            own = self._dates_of(file).own
            recorded_s = record.last_modified_s if record is not None else None
            verdict = judge(
                date, own=own, mtime_ns=file.mtime_ns, recorded_s=recorded_s, marked=marked
            )
            if is_known:
                verdict = Verdict.OUTDATED
            elif verdict is Verdict.OUTDATED:
                self._asking.mark_outdated(file, date)
            local_date = _local_date(file, record, marked if own else None)
            if verdict is Verdict.ASK and not self._request.force:
                url, etag = (record.url, record.etag) if record is not None else (None, None)
                self._asking.add(Undecided(file, date, own, local_date, url, etag))
                continue
            yield self._judged(file, _STATES[verdict], date=date, own=own, local_date=local_date)

    def _judge_unlisted(self, files: Iterable[CatalogueFile]) -> Iterator[JudgedFile]:
        """Say what became of files whose entry is in no list of dates."""
        files = list(files)
        why = "not in the archive's lists"
        is_doubtful = bool(files) and self._doubts_lists()
        if is_doubtful:
            why += ", which lack too much to be believed"
        for file in files:
            apart = file.data_type in _APART
            is_told = not (apart or is_doubtful)
            absence = self.lists.absence_of(file.entry_id) if is_told else None
            if absence is None:
                is_open = is_doubtful or self.lists.removed_error is not None
                self.untold += is_open and not apart
                yield self._judged(file, FileState.UNKNOWN, reason=why)
            else:
                judged = self._judged(file, FileState.OBSOLETE, reason=str(absence))
                yield judged._replace(absence=absence)

    def _doubts_lists(self) -> bool:
        """Tell whether the lists lack more of what is here than lists do that are right."""
        lists = self.lists
        removed = {gone.entry.extended for gone in lists.removed()}
        if lists.removed_error is not None:
            return False  # that was said, and nothing is called obsolete
        types = frozenset(DataType) - _APART
        shortage = find_shortage(
            {file.entry_id for file in self._catalogue.files(types=types)},
            listed=lists.structure_dates(),
            removed=removed,
            limit=self._request.max_delete,
        )
        if shortage is None:
            return False
        lists.distrust(shortage)
        return True

    def _judge_gone(self) -> Iterator[JudgedFile]:
        """Say which files were here and are not any more."""
        absent: frozenset[DataType] | None = None
        for file in self._gone():
            if absent is None:
                absent = self._absent_types()
            dates = self._dates_of(file)
            date = dates.by_entry.get(file.entry_id)
            # Of an entry that the archive has no more, nothing is missing.
            if date is None or file.data_type is DataType.OBSOLETE:
                continue
            state, reason = FileState.MISSING, "it was here"
            if file.data_type in absent:
                self.untold += 1
                state, reason = FileState.UNKNOWN, "its disk may not be mounted"
            judged = self._judged(file, state, date=date, own=dates.own)
            yield judged._replace(size_bytes=None, reason=reason)

    def _gone(self) -> Iterator[CatalogueFile]:
        """Yield the files that were here, as far as they are asked for."""
        request = self._request
        for file in self._all_gone():
            if (request.formats is None or file.file_format in request.formats) and (
                request.entries is None or file.entry in request.entries
            ):
                yield file

    def _all_gone(self) -> Iterator[CatalogueFile]:
        """Yield the files that were here, of the types that are asked for."""
        types = self._request.types
        for path in self._catalogue.gone():
            found = identify(path) if path.endswith(".gz") else None
            if found is None:
                continue
            (entry, data_type, file_format, number), layout = found
            if types is None or data_type in types:
                kind = entry.extended, data_type, file_format, number
                yield CatalogueFile(path, *kind, layout, 0, 0)

    def _absent_types(self) -> frozenset[DataType]:
        """Return the types of which nearly all files are gone at once; say so.

        Whatever entries are asked for: a few would be fetched onto the disk below, and those a
        download has put there show no disk.
        """
        if self._request.force:
            return frozenset()
        request = self._request
        gone = Counter(file.data_type for file in self._all_gone())
        absent = set()
        for data_type, count in sorted(gone.items()):
            most_left = count // _GONE_PER_FILE
            files = self._catalogue.files(types={data_type})
            left = sum(1 for _ in islice(files, most_left + 1))
            if count < SOME_FILES or left > most_left:
                continue
            absent.add(data_type)
            place = request.data_type_dirs.get(data_type, request.root)
            text = f"{count} of the {count + left} files of {data_type} are not in {place}"
            way_on = f"mount its disk, or fetch them again with --force -t {data_type}"
            self._observe(Note(f"{text}: {way_on}"))
        return frozenset(absent)


def _local_date(file: CatalogueFile, record: Record | None, marked: str | None) -> str | None:
    """Return the date of what is here, if it can be trusted."""
    if marked:
        return marked
    if record is not None and record.last_modified_s is not None:
        return format_second(record.last_modified_s)
    return None if file.mtime_ns % _NS else format_second(file.mtime_ns / _NS)
