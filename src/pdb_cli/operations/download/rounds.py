"""A download goes in rounds: what was asked for, then what is fetched in place of some of it."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pdb_cli.archive.absence import AbsenceKind
from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.layouts import Layout, collection_path
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.events import FileFailed, FilePresent, Note, PlanMade
from pdb_cli.operations.download.lists import AbsenceLists, find_assemblies
from pdb_cli.operations.download.model import Action, FileOutcome, Outcome
from pdb_cli.operations.download.request import FileKind, ObsoletePolicy, Packing
from pdb_cli.operations.entry_countdown import EntryCountdown
from pdb_cli.transfer.fetch import FetchItem, FetchStatus, Passed, Source, fetch_files
from pdb_cli.transfer.urls import without_credentials
from pdb_cli.transfer.verify import expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pdb_cli.archive.absence import Absence
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.events import Observer
    from pdb_cli.operations.download.memory import DownloadMemory
    from pdb_cli.operations.download.model import PlannedFile
    from pdb_cli.operations.download.request import DownloadRequest
    from pdb_cli.transfer.fetch import FetchResult, HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy
    from pdb_cli.transfer.verify import Expectation


@dataclass(frozen=True, slots=True)
class Instead:
    """What the files of a round are fetched in place of, if of anything."""

    of_format: FileFormat | None = None
    of_entries: Mapping[EntryId, tuple[EntryId, ...]] = field(default_factory=dict)
    """Successor to the obsolete entries it is fetched for."""


_AS_ASKED = Instead()
_MOST_ABSENT = 1000
"""Files put aside before their reasons are looked up while transfers go on; bounds the memory."""


class DownloadRounds:
    """The rounds of one download; what they leave over is for the next one.

    Parameters
    ----------
    request
        What is wanted.
    options
        Connections, time limits, certificates.
    retry
        How often and how soon to try again.
    observe
        Gets an event for everything that happens.
    memory
        Gets what is found of files.
    """

    def __init__(
        self,
        request: DownloadRequest,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
        memory: DownloadMemory,
    ) -> None:
        self._request = request
        self._memory = memory
        self._options = options
        self._retry = retry
        self._observe = observe
        self._countdown = EntryCountdown(request.files_of, observe)
        self._lists = AbsenceLists(request, options=options, retry=retry, observe=observe)
        self._follows = request.obsolete is ObsoletePolicy.FOLLOW
        # Successors are looked up in it: without them nobody needs it.
        self._wanted = frozenset(request.entries if self._follows else ())
        self._superseded: dict[ArchiveFile, Absence] = {}
        self._without_pdb: list[ArchiveFile] = []
        self.absent: list[FileOutcome] = []
        """Files no mirror has, whose reason is to be looked up."""

    def fetch(
        self, plan: Iterable[PlannedFile | None], instead: Instead = _AS_ASKED
    ) -> Iterator[FileOutcome]:
        """Fetch what a plan lacks; outcomes of files that are there come out in between.

        Parameters
        ----------
        plan
            Taken as there is room for transfers; None where nothing is known just now.
        instead
            What the files are fetched in place of.

        Yields
        ------
        FileOutcome
            One per file, but for those that :meth:`fall_back` or :meth:`explain` is about.
        """
        transfers = fetch_files(
            self._items(plan),
            options=self._options,
            retry=self._retry,
            observe=self._observe,
        )
        with closing(transfers) as results:
            for result in results:
                if isinstance(result, Passed):
                    yield self._keep(result.tag, instead)
                    continue
                if result.status is FetchStatus.FETCHED:
                    self._memory.note_arrival(result)
                outcome = self._mark(_outcome(result, instead))
                if not self._puts_aside(outcome, instead):
                    self._settle(outcome)
                    yield outcome
                if len(self.absent) >= _MOST_ABSENT:
                    yield from self.explain()

    def fall_back(self, instead: Instead = _AS_ASKED) -> tuple[DownloadRequest, Instead] | None:
        """Return the request for mmCIF in place of the legacy PDB files that there are not.

        An obsolete entry is not asked for as mmCIF where :meth:`follow` gives its successors: what
        they are asked for as is the legacy format again.

        Parameters
        ----------
        instead
            What the legacy files were fetched in place of.

        Returns
        -------
        tuple of DownloadRequest and Instead, or None
            None where there is nothing to fetch.
        """
        files, self._without_pdb = self._without_pdb, []
        if files and self._follows and not instead.of_entries:
            superseded = self._lists.find_superseded(files)
            self._superseded.update(superseded)
            files = [file for file in files if file not in superseded]
        if not files:
            return None
        text = f"{len(files)} without a legacy PDB file: fetching mmCIF instead"
        self._observe(Note(text))
        return self._request.as_mmcif(files), replace(instead, of_format=FileFormat.PDB)

    def explain(self) -> Iterator[FileOutcome]:
        """Look up why files are absent.

        Yields
        ------
        FileOutcome
            One per absent file, but for those of entries whose successors :meth:`follow` gives.
        """
        absent, self.absent = self.absent, []
        absences = self._lists.explain(outcome.file for outcome in absent)
        for outcome in absent:
            file, absence = outcome.file, absences.get(outcome.file)
            if self._follows and absence is not None and absence.successors:
                self._superseded[file] = absence
                continue
            explained = replace(outcome, absence=absence)
            self._settle(explained)
            yield explained

    def follow(self) -> list[tuple[DownloadRequest, Instead]]:
        """Return the requests for the successors of obsolete entries, one for each kind of file.

        A successor that is wanted itself is in them too: by then it is there, and is reported as
        what stands for the obsolete entry, but it counts only once as a file. Of assemblies it is
        the one with the same number, or every one the successor has where every one is wanted.

        Raises
        ------
        TransferError, HoldingsError
            Every assembly is wanted, and the list of them can not be had.
        """
        of_kinds: dict[FileKind, dict[EntryId, tuple[EntryId, ...]]] = {}
        # By entry, not in the order in which servers happened to answer.
        superseded = sorted(self._superseded.items(), key=lambda item: item[0].entry)
        for file, absence in superseded:
            kind = FileKind(file.data_type, file.file_format)
            of_entries = of_kinds.setdefault(kind, {})
            for successor in absence.successors:
                # An obsolete entry may have had several assemblies, by a list that was old.
                before = of_entries.get(successor, ())
                of_entries[successor] = tuple(dict.fromkeys((*before, file.entry)))
        rounds = [
            (self._for_successors(tuple(of_entries), kind), Instead(None, of_entries))
            for kind, of_entries in of_kinds.items()
        ]
        if rounds:
            coming = sum(self._count_new(request) for request, _ in rounds)
            extra = coming - len(self._superseded)
            files_total = self._request.files_total + extra
            self._observe(PlanMade(files_total, len(self._request.entries)))
            self._expect(rounds)
        for absence in dict.fromkeys(absence for _, absence in superseded):
            names = ", ".join(map(str, absence.successors))
            self._observe(Note(f"{absence.entry} is obsolete: fetching {names} instead"))
        return rounds

    def _count_new(self, request: DownloadRequest) -> int:
        """Count the files of a round that were not asked for themselves."""
        if not set(request.kinds) <= set(self._request.kinds):
            return request.files_total
        new = (entry for entry in request.entries if entry not in self._wanted)
        return sum(map(request.files_of, new))

    def _for_successors(self, entries: tuple[EntryId, ...], kind: FileKind) -> DownloadRequest:
        """Return the request for one kind of file of successors."""
        request = self._request._replace(entries=entries, kinds=(kind,), fallback=False)
        return find_assemblies(
            request, options=self._options, retry=self._retry, observe=self._observe
        )

    def _expect(self, rounds: Iterable[tuple[DownloadRequest, Instead]]) -> None:
        """Have obsolete entries settled with the last file of their successors, not before."""
        coming: Counter[EntryId] = Counter()
        for request, instead in rounds:
            for successor, entries in instead.of_entries.items():
                for entry in entries:
                    coming[entry] += request.files_of(successor)
        for entry, put_aside in Counter(file.entry for file in self._superseded).items():
            self._countdown.expect(entry, coming[entry], instead_of=put_aside)

    def _items(self, plan: Iterable[PlannedFile | None]) -> Iterator[FetchItem | Passed | None]:
        """Pass what is there by the transfers; hand on the rest."""
        for planned in plan:
            if planned is None:
                yield None
            elif planned.action is Action.FETCH:
                yield self._item(planned)
            else:
                yield Passed(planned)

    def _keep(self, planned: PlannedFile, instead: Instead) -> FileOutcome:
        """Report a file that is there."""
        self._memory.note_check(planned.check)
        outcome = FileOutcome(
            Outcome.UP_TO_DATE,
            planned.file,
            planned.path,
            planned.size_bytes or 0,
            replaces_format=instead.of_format,
            replaces_entries=instead.of_entries.get(planned.file.entry, ()),
            sha256=planned.sha256,
        )
        outcome = self._mark(outcome)
        if not outcome.is_repeated:
            self._observe(FilePresent(planned.name))
        self._settle(outcome)
        return outcome

    def _mark(self, outcome: FileOutcome) -> FileOutcome:
        """Mark the outcome of a successor that was wanted itself, unless this brought it."""
        file = outcome.file
        kind = FileKind(file.data_type, outcome.replaces_format or file.file_format)
        is_repeated = (
            bool(outcome.replaces_entries)
            and outcome.outcome is not Outcome.DOWNLOADED
            and kind in self._request.kinds
            and file.entry in self._wanted
        )
        return replace(outcome, is_repeated=True) if is_repeated else outcome

    def _item(self, planned: PlannedFile) -> FetchItem:
        """Return what the transfer layer needs to fetch a file."""
        return FetchItem(
            name=planned.name,
            sources=tuple(
                Source(mirror.name, url)
                for mirror, url in serving_mirrors(self._request.mirrors, planned.file)
            ),
            destination=planned.path,
            expectation=self._expectation(planned),
            tag=planned.file,
            is_missing=planned.size_bytes is None,
        )

    def _expectation(self, planned: PlannedFile) -> Expectation:
        """Say what will arrive, and how it is kept."""
        expectation = expect(planned.file, planned.name)
        plain = self._request.destination.packing is Packing.PLAIN and expectation.gzipped
        return replace(expectation, unpacked=True) if plain else expectation

    def _puts_aside(self, outcome: FileOutcome, instead: Instead) -> bool:
        """Keep a file that was not found for a later round, if there may be one."""
        if outcome.outcome is not Outcome.NOT_FOUND:
            return False
        kind = (outcome.file.data_type, outcome.file.file_format)
        if self._request.fallback and kind == (DataType.STRUCTURES, FileFormat.PDB):
            self._without_pdb.append(outcome.file)
        elif instead.of_entries:
            return False
        else:
            self.absent.append(outcome)
        return True

    def _settle(self, outcome: FileOutcome) -> None:
        """Tell that a file was not found, and that its entry is settled if it is the last one."""
        if outcome.outcome is Outcome.NOT_FOUND:
            self._observe(FileFailed(_name(outcome.file), self._not_found(outcome)))
        # Successors were not asked for: they count for the entries they stand for.
        for entry in outcome.replaces_entries or (outcome.file.entry,):
            self._countdown.settle(entry)

    def _not_found(self, outcome: FileOutcome) -> str:
        """Return why a file was not found."""
        absence = outcome.absence
        if absence is not None and absence.kind is not AbsenceKind.UNKNOWN:
            return str(absence)
        mirrors = ", ".join(mirror.name for mirror in self._request.mirrors)
        return f"not found on {mirrors}" + (f"; {absence}" if absence is not None else "")


def _name(file: ArchiveFile) -> str:
    """Return a file's name in events."""
    return collection_path(file, Layout.CLASSIC)


def _outcome(result: FetchResult, instead: Instead) -> FileOutcome:
    """Turn the transfer layer's result into this operation's."""
    outcomes = {
        FetchStatus.FETCHED: Outcome.DOWNLOADED,
        FetchStatus.PRESENT: Outcome.UP_TO_DATE,
        FetchStatus.UNCHANGED: Outcome.UP_TO_DATE,
        FetchStatus.NOT_FOUND: Outcome.NOT_FOUND,
        FetchStatus.FAILED: Outcome.FAILED,
    }
    return FileOutcome(
        outcome=outcomes[result.status],
        file=result.item.tag,
        path=result.item.destination,
        size_bytes=result.size_bytes,
        url=without_credentials(result.source.url) if result.source else None,
        mirror=result.source.mirror if result.source else None,
        attempts=result.attempts,
        duration_s=result.duration_s,
        error=result.error,
        replaces_format=instead.of_format,
        replaces_entries=instead.of_entries.get(result.item.tag.entry, ()),
        sha256=result.verified.sha256 if result.verified else None,
        received_bytes=result.verified.packed_bytes if result.verified else None,
        is_untried=result.is_untried,
    )
