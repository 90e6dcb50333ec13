"""A download goes in rounds: what was asked for, then what is fetched in place of some of it."""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pdb_cli.archive.absence import AbsenceKind
from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.layouts import Layout, collection_path
from pdb_cli.archive.mirrors import serving_mirrors
from pdb_cli.events import FileFailed, FilePresent, Note, PlanMade
from pdb_cli.operations.download_lists import AbsenceLists
from pdb_cli.operations.download_model import Action, FileOutcome, Outcome
from pdb_cli.operations.download_request import FileKind, ObsoletePolicy
from pdb_cli.operations.entry_countdown import EntryCountdown
from pdb_cli.transfer.fetch import FetchItem, FetchStatus, Source, fetch_files
from pdb_cli.transfer.urls import without_credentials
from pdb_cli.transfer.verify import expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pdb_cli.archive.absence import Absence
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.events import Observer
    from pdb_cli.operations.download_model import PlannedFile
    from pdb_cli.operations.download_request import DownloadRequest
    from pdb_cli.transfer.fetch import FetchResult, HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Instead:
    """What the files of a round are fetched in place of, if of anything."""

    of_format: FileFormat | None = None
    of_entries: Mapping[EntryId, tuple[EntryId, ...]] = field(default_factory=dict)
    """Successor to the obsolete entries it is fetched for."""


_AS_ASKED = Instead()
_TURN_EVERY_S = 0.02
"""How long to go through files that are there before transfers on their way have a turn."""
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
    """

    def __init__(
        self,
        request: DownloadRequest,
        *,
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
    ) -> None:
        self._request = request
        self._options = options
        self._retry = retry
        self._observe = observe
        self._countdown = EntryCountdown(request.files_of, observe)
        self._lists = AbsenceLists(request, options=options, retry=retry, observe=observe)
        self._turns = _Turns()
        self._superseded: dict[ArchiveFile, Absence] = {}
        self.without_pdb: list[ArchiveFile] = []
        """Files no mirror has, in place of which mmCIF may be fetched."""
        self.absent: list[FileOutcome] = []
        """Files no mirror has, whose reason is to be looked up."""

    def fetch(
        self, plan: Iterable[PlannedFile], instead: Instead = _AS_ASKED
    ) -> Iterator[FileOutcome]:
        """Fetch what a plan lacks; outcomes of files that are there come out in between.

        Parameters
        ----------
        plan
            Taken as there is room for transfers.
        instead
            What the files are fetched in place of.

        Yields
        ------
        FileOutcome
            One per file, but for those that are left over as ``without_pdb`` or ``absent``.
        """
        kept: deque[FileOutcome] = deque()
        items = self._items(plan, instead, kept)
        transfers = fetch_files(
            items, options=self._options, retry=self._retry, observe=self._observe
        )
        with closing(transfers) as results:
            for result in results:
                self._turns.in_hand -= 1
                while kept:
                    yield kept.popleft()
                outcome = _outcome(result, instead)
                if not self._puts_aside(outcome, instead):
                    self._settle(outcome, instead)
                    yield outcome
                if len(self.absent) >= _MOST_ABSENT:
                    yield from self.explain()
            yield from kept

    def explain(self) -> Iterator[FileOutcome]:
        """Look up why files are absent.

        Yields
        ------
        FileOutcome
            One per absent file, but for those of entries whose successors :meth:`follow` gives.
        """
        absent, self.absent = self.absent, []
        absences = self._lists.explain(outcome.file for outcome in absent)
        follow = self._request.obsolete is ObsoletePolicy.FOLLOW
        for outcome in absent:
            file, absence = outcome.file, absences.get(outcome.file)
            if follow and absence is not None and absence.successors:
                self._superseded[file] = absence
                self._countdown.settle(file.entry)
                continue
            explained = replace(outcome, absence=absence)
            self._settle(explained, _AS_ASKED)
            yield explained

    def follow(self) -> list[tuple[DownloadRequest, Instead]]:
        """Return the requests for the successors of obsolete entries, one for each kind of file.

        A successor that is wanted itself is in them too: by then it is there, and is reported as
        what stands for the obsolete entry. Of assemblies it is the one with the same number.
        """
        of_kinds: dict[tuple[FileKind, int | None], dict[EntryId, tuple[EntryId, ...]]] = {}
        for file, absence in self._superseded.items():
            kind = FileKind(file.data_type, file.file_format)
            of_entries = of_kinds.setdefault((kind, file.assembly), {})
            for successor in absence.successors:
                of_entries[successor] = (*of_entries.get(successor, ()), file.entry)
        rounds = [
            (
                self._request._replace(
                    entries=tuple(of_entries), kinds=(kind,), assembly=number or 1, fallback=False
                ),
                Instead(None, of_entries),
            )
            for (kind, number), of_entries in of_kinds.items()
        ]
        if rounds:
            extra = sum(request.files_total for request, _ in rounds) - len(self._superseded)
            files_total = self._request.files_total + extra
            self._observe(PlanMade(files_total, len(self._request.entries)))
        for absence in dict.fromkeys(self._superseded.values()):
            names = ", ".join(map(str, absence.successors))
            self._observe(Note(f"{absence.entry} is obsolete: fetching {names} instead"))
        return rounds

    def _items(
        self, plan: Iterable[PlannedFile], instead: Instead, kept: deque[FileOutcome]
    ) -> Iterator[FetchItem | None]:
        """Put aside what is there; hand on the rest, and None so that transfers are served."""
        for planned in plan:
            if planned.action is Action.FETCH:
                self._turns.in_hand += 1
                yield self._item(planned)
                continue
            outcome = FileOutcome(
                Outcome.UP_TO_DATE,
                planned.file,
                planned.path,
                planned.size_bytes or 0,
                replaces_format=instead.of_format,
                replaces_entries=instead.of_entries.get(planned.file.entry, ()),
            )
            self._observe(FilePresent(_name(planned.file)))
            self._settle(outcome, instead)
            kept.append(outcome)
            yield from self._turns.due()

    def _item(self, planned: PlannedFile) -> FetchItem:
        """Return what the transfer layer needs to fetch a file."""
        return FetchItem(
            name=_name(planned.file),
            sources=tuple(
                Source(mirror.name, url)
                for mirror, url in serving_mirrors(self._request.mirrors, planned.file)
            ),
            destination=planned.path,
            expectation=expect(planned.file, planned.path.name),
            tag=planned.file,
        )

    def _puts_aside(self, outcome: FileOutcome, instead: Instead) -> bool:
        """Keep a file that was not found for a later round, if there may be one."""
        if outcome.outcome is not Outcome.NOT_FOUND or instead.of_entries:
            return False
        kind = (outcome.file.data_type, outcome.file.file_format)
        if self._request.fallback and kind == (DataType.STRUCTURES, FileFormat.PDB):
            self.without_pdb.append(outcome.file)
        else:
            self.absent.append(outcome)
        return True

    def _settle(self, outcome: FileOutcome, instead: Instead) -> None:
        """Tell that a file was not found, and that its entry is settled if it is the last one."""
        if outcome.outcome is Outcome.NOT_FOUND:
            self._observe(FileFailed(_name(outcome.file), self._not_found(outcome)))
        # Successors were not asked for: the entries they stand for are settled already.
        if not instead.of_entries:
            self._countdown.settle(outcome.file.entry)

    def _not_found(self, outcome: FileOutcome) -> str:
        """Return why a file was not found."""
        absence = outcome.absence
        if absence is not None and absence.kind is not AbsenceKind.UNKNOWN:
            return str(absence)
        mirrors = ", ".join(mirror.name for mirror in self._request.mirrors)
        return f"not found on {mirrors}" + (f"; {absence}" if absence is not None else "")


class _Turns:
    """When transfers on their way need a turn while one file after the other is there already.

    A turn lasts until something arrives, so it is wasted where nothing is on its way.
    """

    def __init__(self) -> None:
        self.in_hand = 0
        """Files handed to the transfer layer that have no result yet."""
        self._last_s = time.monotonic()

    def due(self) -> Iterator[None]:
        """Yield None if it is time for a turn, and count that as the last one."""
        now_s = time.monotonic()
        if self.in_hand and now_s - self._last_s > _TURN_EVERY_S:
            self._last_s = now_s
            yield None


def _name(file: ArchiveFile) -> str:
    """Return a file's name in events."""
    return collection_path(file, Layout.CLASSIC)


def _outcome(result: FetchResult, instead: Instead) -> FileOutcome:
    """Turn the transfer layer's result into this operation's."""
    outcomes = {
        FetchStatus.FETCHED: Outcome.DOWNLOADED,
        FetchStatus.PRESENT: Outcome.UP_TO_DATE,
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
    )
