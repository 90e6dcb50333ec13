"""Fetch many files: several at a time, from several mirrors, each verified before it has its name.

A file goes through three hands: it is claimed (:mod:`pdb_cli.transfer.claim`), transferred
(:mod:`pdb_cli.transfer.http`), and checked and published while it arrives
(:mod:`pdb_cli.transfer.intake`). The calling thread talks to the network and decides what happens
next; it touches no file. Waiting for another try, or for another process that is fetching the same
file, takes no connection.
"""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple, overload

from pdb_cli.errors import (
    CollectionBusyError,
    FileAccessError,
    HttpStatusError,
    ResumeError,
    VerificationError,
)
from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    FileFailed,
    FilePresent,
    FilePublished,
    ignore_event,
)
from pdb_cli.storage.guard import no_guard
from pdb_cli.transfer.attempts import short_reason
from pdb_cli.transfer.claim import BUSY_RETRY_S, Claim, Claims, note_waiting
from pdb_cli.transfer.http import HttpEngine
from pdb_cli.transfer.intake import Ending, Intake, Verdict
from pdb_cli.transfer.mailbox import Mailbox
from pdb_cli.transfer.model import FetchItem, FetchResult, FetchStatus, Passed, Source
from pdb_cli.transfer.options import HttpOptions, affordable_connections
from pdb_cli.transfer.response import NOT_MODIFIED, RANGE_NOT_SATISFIABLE, Wanted
from pdb_cli.transfer.servers import Admission, Servers
from pdb_cli.transfer.task import Task
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.storage.guard import Guard
    from pdb_cli.storage.partial import PartialFile
    from pdb_cli.transfer.http import FinishedAttempt
    from pdb_cli.transfer.intake import Arrival
    from pdb_cli.transfer.request import Request
    from pdb_cli.transfer.retry import RetryPolicy
    from pdb_cli.transfer.servers import Placement, Ticket
    from pdb_cli.transfer.verify import VerifiedFile

__all__ = [
    "FetchItem",
    "FetchResult",
    "FetchStatus",
    "HttpOptions",
    "Passed",
    "Source",
    "fetch_files",
]

_MOST_TASKS = 1000
"""Files in hand at once, those that wait for another try included."""
_MOST_AHEAD = 8
"""Files claimed before there is a connection for them, so that none has to wait for a disk."""
_MOST_FINISHING = 32
"""Files that have arrived and are not published yet, before others may begin."""
_BACKLOG_WAIT_S = 0.005
_LONGEST_WAIT_S = 1.0
_NEXT_ITEM_S = 0.01
"""How long to serve the network before asking again for an item that was not known yet."""
_FILL_S = 0.02
"""Longest time for taking new items while transfers wait."""
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
"""Too many files are open, in this process or in the system: a lack that passes."""
_DESCRIPTOR_RETRY_S = 0.25
_DESCRIPTOR_TRIES = 120
"""How often to wait for descriptors before a file is given up: half a minute in all."""
_RUN_ENDING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""After these nothing else can be written either."""


@overload
def fetch_files(
    items: Iterable[FetchItem | None],
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
    guard: Guard = no_guard,
) -> Generator[FetchResult, None, None]: ...
@overload
def fetch_files(
    items: Iterable[FetchItem | Passed | None],
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
    guard: Guard = no_guard,
) -> Generator[FetchResult | Passed, None, None]: ...
def fetch_files(
    items: Iterable[FetchItem | Passed | None],
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
    guard: Guard = no_guard,
) -> Generator[FetchResult | Passed, None, None]:
    """Fetch files and yield what became of each, as they finish.

    Items are taken as there is room for them, so the iterable may be endless. A file gets its
    final name only when it is whole: all bytes of Content-Length, gzip to its end with its
    checksum, the right beginning, synced to disk; its time is Last-Modified. Until then what was
    there before stays. Missing directories are made. Of several processes that want the same
    file one fetches it and the others wait for it.

    Closing the generator, or an exception in it (``KeyboardInterrupt`` from a signal included),
    drops what is on its way; what has its final name stays. Partial files are removed, but not
    those of large files that another call can go on with.

    Parameters
    ----------
    items
        What to fetch. None means that nothing is known just now: transfers go on for a moment,
        then the next item is asked for. What is ``Passed`` needs nothing and comes out again.
    options
        Connections, time limits, certificates.
    retry
        How often and how late to try again.
    observe
        Gets ``BytesReceived``, ``AttemptFailed``, ``FilePublished``, ``FilePresent`` and, for
        status ``FAILED``, ``FileFailed``. There is no event for ``NOT_FOUND``: whether that is a
        failure, or something else is fetched instead, is for the caller to say.
    guard
        Asked before each file gets its name, by any thread: raises ``CollectionBusyError`` if that
        may not be any more.

    Yields
    ------
    FetchResult or Passed
        One for each item, not in their order; of things that are passed, in theirs.

    Raises
    ------
    FileAccessError
        The disk is full, over quota or read-only; other refusals are results of single files.
    CollectionBusyError
        From ``guard``; no file has got its name since.
    """
    options = replace(options, connections=affordable_connections(options.connections))
    run = _Run(iter(items), options, retry, observe, guard)
    try:
        yield from run.results()
    finally:
        run.close()


class _Transfer(NamedTuple):
    """A file on its way, or already checked but not yet told so."""

    task: Task
    request: Request
    ticket: Ticket


class _Run:
    """The state of one call of :func:`fetch_files`."""

    def __init__(
        self,
        items: Iterator[FetchItem | Passed | None],
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
        guard: Guard,
    ) -> None:
        self._items: Iterator[FetchItem | Passed | None] | None = items
        self._retry = retry
        self._observe = observe
        self._tasks: set[Task] = set()
        self._waiting: list[tuple[float, float, int, Task]] = []
        """A heap of: when it is due, its turn among those due then, a running number, the task."""
        self._number = 0
        self._claimed: deque[tuple[Task, PartialFile]] = deque()
        """Ready to be transferred."""
        self._most_ahead = min(options.connections, _MOST_AHEAD)
        self._arriving: dict[Arrival, _Transfer] = {}
        """Everything that has no verdict yet."""
        self._arrivals: dict[Request, Arrival] = {}
        """Those whose transfer is not over."""
        self._done: list[FetchResult | Passed] = []
        self._ending: FileAccessError | CollectionBusyError | None = None
        """Why no other file can, or may, be written either."""
        self._engine = HttpEngine(options)
        self._mailbox: Mailbox[Claim | Verdict] = Mailbox()
        self._claims = Claims(self._mailbox.put, connections=options.connections)
        self._intake = Intake(self._mailbox.put, guard=guard)
        self._servers: Servers[Task] = Servers(options.connections, retry)

    def results(self) -> Iterator[FetchResult | Passed]:
        """Work until every item has its result."""
        while True:
            wait_s = self._fill()
            if not self._tasks and self._items is None and not self._done:
                return
            if self._done:
                wait_s = 0.0
            if self._intake.has_room:
                wake_fds = (self._mailbox.wake_fd,)
                for attempt in self._engine.poll(wait_s, wake_fds=wake_fds):
                    self._take_attempt(attempt)
            else:
                self._mailbox.wait(_BACKLOG_WAIT_S)
            self._take_letters()
            received_bytes = self._engine.take_received_bytes()
            if received_bytes:
                self._observe(BytesReceived(received_bytes))
            if self._ending is not None:
                self._intake.drain()
                self._take_letters()
            done, self._done = self._done, []
            yield from done
            if self._ending is not None:
                raise self._ending

    def close(self) -> None:
        """Drop everything that is not finished; leave only what another run can go on with."""
        # Whatever else interrupts: the rest ends with the process.
        try:
            self._intake.close()
        finally:
            try:
                self._claims.close()
            finally:
                try:
                    self._put_all_aside()
                finally:
                    self._mailbox.close()
                    self._engine.close()

    def _put_all_aside(self) -> None:
        """End the partial files that no worker has any more."""
        claims = [letter for letter in self._mailbox.collect() if isinstance(letter, Claim)]
        parts = [arrival.part for arrival in self._arriving]
        parts += [part for _, part in self._claimed]
        parts += [claim.part for claim in claims if claim.part is not None]
        try:
            for part in parts:
                part.put_aside()
        except BaseException:
            for part in parts:
                part.put_aside()
            raise

    def _fill(self) -> float:
        """Start what is due and what is new while there is room; return how long to wait then."""
        deadline_s = time.monotonic() + _FILL_S
        while True:
            now_s = time.monotonic()
            if now_s > deadline_s:
                return 0.0
            if self._claimed and self._engine.has_room and self._has_room:
                self._start(*self._claimed[0], now_s)
            elif not self._wants_claims:
                return _LONGEST_WAIT_S
            elif self._waiting and self._waiting[0][0] <= now_s:
                self._claim(heappop(self._waiting)[-1], now_s)
            elif self._items is None or len(self._tasks) >= _MOST_TASKS:
                return self._wait_s(now_s)
            else:
                try:
                    item = next(self._items)
                except StopIteration:
                    self._items = None
                    continue
                if isinstance(item, Passed):
                    self._done.append(item)
                    continue
                if item is None:
                    return min(_NEXT_ITEM_S, self._wait_s(now_s))
                task = Task(item, self._retry, now_s)
                self._tasks.add(task)
                self._claim(task, now_s)

    @property
    def _has_room(self) -> bool:
        """Whether the workers are not too far behind."""
        return len(self._arriving) - len(self._arrivals) < _MOST_FINISHING

    @property
    def _wants_claims(self) -> bool:
        """Whether files should be claimed: for every free connection, and some ahead."""
        ahead = self._claims.pending + len(self._claimed)
        return self._has_room and ahead < self._engine.free + self._most_ahead

    def _wait_s(self, now_s: float) -> float:
        """Return how long nothing of our own is due."""
        if not self._waiting:
            return _LONGEST_WAIT_S
        return min(max(0.0, self._waiting[0][0] - now_s), _LONGEST_WAIT_S)

    def _claim(self, task: Task, now_s: float) -> None:
        """Claim the file for an attempt, unless no mirror takes a request in the near future."""
        placement = self._servers.place(task.choice, now_s)
        if placement.admission is Admission.NOW or (
            # Full because of our own limit: by the time the file is claimed there will be room.
            placement.admission is Admission.FULL and not self._engine.has_room
        ):
            self._claims.submit(task)
        else:
            self._wait_for_server(task, placement)

    def _take_claim(self, claim: Claim) -> None:
        """Go on after a claim, unless another process is at the same file or has finished it."""
        self._claims.pending -= 1
        task, now_s = claim.task, time.monotonic()
        if claim.part is not None:
            self._claimed.append((task, claim.part))
        elif isinstance(claim.error, FileAccessError):
            self._fail(task, claim.error)
        elif claim.present is not None:
            self._observe(FilePresent(task.item.name))
            self._finish(task, FetchStatus.PRESENT, verified=claim.present)
        else:
            note_waiting(task, now_s, self._observe)
            self._put_off(task, now_s + BUSY_RETRY_S)

    def _start(self, task: Task, part: PartialFile, now_s: float) -> None:
        """Make the next attempt, unless no mirror takes a request now."""
        placement = self._servers.place(task.choice, now_s)
        if placement.admission is not Admission.NOW:
            part.put_aside()
            self._wait_for_server(task, placement)
        else:
            task.requests += 1
            expectation = task.item.expectation
            subject = without_credentials(task.choice.source.url)
            wanted = None
            if part.resume is not None and part.size_bytes and part.resume.url == subject:
                wanted = Wanted(part.resume, part.size_bytes)
            arrival = self._intake.open(part, expectation, subject=subject)
            request = task.request_for(arrival, wanted)
            ticket = self._servers.begin(task.choice.source, now_s)
            self._arriving[arrival] = _Transfer(task, request, ticket)
            self._arrivals[request] = arrival
            self._engine.start(request)
        # Last, so that an interrupt in between can not make close() overlook the partial file.
        self._claimed.popleft()

    def _wait_for_server(self, task: Task, placement: Placement) -> None:
        """Wait until a mirror may be asked; give up the file if that makes no sense any more."""
        admission = placement.admission
        if admission is Admission.FULL:
            self._servers.park(task.choice.source, task)
        elif admission is Admission.HELD or (
            admission is Admission.RESTING and self._servers.may_wait(task.choice)
        ):
            self._put_off(task, placement.due_s)
        else:
            error = self._servers.trouble(task.choice)
            task.choice.give_up(error)
            self._give_up(task, error)

    def _take_attempt(self, attempt: FinishedAttempt) -> None:
        """Tell whoever has the bytes that the transfer is over."""
        arrival = self._arrivals.pop(attempt.request)
        task, _, ticket = self._arriving[arrival]
        task.answer = attempt.headers
        self._release(ticket, attempt.error)
        mtime_s = task.item.time_of(attempt.headers.last_modified_s)
        arrival.end(Ending(attempt.error, mtime_s))

    def _release(self, ticket: Ticket, error: PdbCliError | None) -> None:
        """Let those go on that wait for the server."""
        now_s = time.monotonic()
        for waiting in self._servers.end(ticket, error, now_s):
            self._put_off(waiting, now_s)

    def _take_letters(self) -> None:
        """Take what the workers have to say."""
        for letter in self._mailbox.collect():
            if isinstance(letter, Claim):
                self._take_claim(letter)
            else:
                self._take_verdict(letter)

    def _take_verdict(self, verdict: Verdict) -> None:
        """Go on after a file was published, or could not be."""
        arrival = verdict.arrival
        self._intake.release(arrival)
        task, request, ticket = self._arriving.pop(arrival)
        if self._arrivals.pop(request, None) is not None:
            # What has come so far is enough to know that it is of no use.
            self._engine.cancel(request)
            self._release(ticket, verdict.error)
        error = verdict.error
        self._servers.judge_body(ticket, error, time.monotonic())
        if verdict.verified is not None:
            self._observe(FilePublished(task.item.name, verdict.verified.size_bytes))
            source = task.choice.source
            self._finish(task, FetchStatus.FETCHED, verified=verdict.verified, source=source)
        elif isinstance(error, HttpStatusError) and error.status == NOT_MODIFIED:
            self._finish(task, FetchStatus.UNCHANGED, source=task.choice.source)
        elif isinstance(error, CollectionBusyError):
            self._ending = error
        elif error is not None and _is_due_to_earlier_try(error, arrival, request):
            # It is not the mirror that is to blame; with nothing left, this can not repeat itself.
            self._observe(AttemptFailed(task.item.name, short_reason(error), 0.0, arrival.subject))
            self._put_off(task, time.monotonic())
        elif error is not None:
            self._try_again(task, error)

    def _try_again(self, task: Task, error: PdbCliError) -> None:
        """Put the next attempt on the list, or give the file up."""
        if isinstance(error, FileAccessError):
            self._fail(task, error)
            return
        jitter = int.from_bytes(os.urandom(4), "big") / 2**32
        delay_s = task.choice.next_delay_s(error, jitter)
        if delay_s is None:
            self._give_up(task, error)
            return
        now_s = time.monotonic()
        delay_s = self._servers.adjust_delay_s(task.choice, delay_s, now_s)
        next_url = without_credentials(task.choice.source.url)
        self._observe(AttemptFailed(task.item.name, short_reason(error), delay_s, next_url))
        self._put_off(task, now_s + delay_s)

    def _give_up(self, task: Task, error: PdbCliError) -> None:
        """Make a result of a file that no mirror delivers."""
        final = task.choice.error
        if task.choice.status is FetchStatus.FAILED:
            untried = "" if task.requests else "not tried: "
            self._observe(FileFailed(task.item.name, untried + short_reason(final or error)))
        self._finish(task, task.choice.status, error=final)

    def _fail(self, task: Task, error: FileAccessError) -> None:
        """Give up a file that can not be written, and the others if they can not be either."""
        if error.errno in _NO_DESCRIPTORS and task.lacks < _DESCRIPTOR_TRIES:
            task.lacks += 1
            self._put_off(task, time.monotonic() + _DESCRIPTOR_RETRY_S)
            return
        if error.errno in _RUN_ENDING:
            self._ending = error
        self._observe(FileFailed(task.item.name, short_reason(error)))
        self._finish(task, FetchStatus.FAILED, error=error)

    def _finish(
        self,
        task: Task,
        status: FetchStatus,
        *,
        verified: VerifiedFile | None = None,
        source: Source | None = None,
        error: PdbCliError | None = None,
    ) -> None:
        """Make a result of a task."""
        self._tasks.discard(task)
        duration_s = time.monotonic() - task.started_s
        size_bytes = verified.size_bytes if verified is not None else 0
        answer = task.answer if status is FetchStatus.FETCHED else None
        self._done.append(
            FetchResult(
                task.item,
                status,
                size_bytes,
                source,
                task.requests,
                duration_s,
                error,
                verified,
                etag=answer.etag if answer is not None else None,
                last_modified_s=answer.last_modified_s if answer is not None else None,
            )
        )

    def _put_off(self, task: Task, due_s: float) -> None:
        """Come back to a task later."""
        self._number += 1
        turn = self._servers.turn(task.choice, task.requests)
        heappush(self._waiting, (due_s, turn, self._number, task))


def _is_due_to_earlier_try(error: PdbCliError, arrival: Arrival, request: Request) -> bool:
    """Tell whether it is the fault of what an earlier try left that an attempt failed."""
    if isinstance(error, HttpStatusError):
        return request.wanted is not None and error.status == RANGE_NOT_SATISFIABLE
    return isinstance(error, ResumeError) or (
        arrival.resumed and isinstance(error, VerificationError)
    )
