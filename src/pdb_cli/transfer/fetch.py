"""Fetch many files: several at a time, from several mirrors, each verified before it has its name.

Everything happens in the calling thread except verifying and syncing
(:mod:`pdb_cli.transfer.finish`). Waiting for another try, or for another process that is fetching
the same file, takes no connection.
"""

from __future__ import annotations

import errno
import os
import time
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, TransferError, VerificationError
from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    FileFailed,
    FilePresent,
    FilePublished,
    ignore_event,
)
from pdb_cli.transfer.claim import BUSY_RETRY_S, claim_file, note_waiting
from pdb_cli.transfer.finish import Arrival, Finisher
from pdb_cli.transfer.http import HttpEngine, Request
from pdb_cli.transfer.model import FetchItem, FetchResult, FetchStatus, Source
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.servers import Admission, Servers
from pdb_cli.transfer.task import Task
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.storage.partial import PartialFile
    from pdb_cli.transfer.finish import Verdict
    from pdb_cli.transfer.http import FinishedAttempt
    from pdb_cli.transfer.retry import RetryPolicy
    from pdb_cli.transfer.servers import Placement, Ticket

__all__ = ["FetchItem", "FetchResult", "FetchStatus", "HttpOptions", "Source", "fetch_files"]

_MOST_TASKS = 1000
"""Files in hand at once, those that wait for another try included."""
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


def fetch_files(
    items: Iterable[FetchItem | None],
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
) -> Generator[FetchResult, None, None]:
    """Fetch files and yield what became of each, as they finish.

    Items are taken as there is room for them, so the iterable may be endless. A file gets its
    final name only when it is whole: all bytes of Content-Length, gzip to its end with its
    checksum, the right beginning, synced to disk; its time is Last-Modified. Until then what was
    there before stays. Missing directories are made. Of several processes that want the same
    file one fetches it and the others wait for it.

    Closing the generator, or an exception in it (``KeyboardInterrupt`` from a signal included),
    drops what is on its way and removes the partial files; what has its final name stays.

    Parameters
    ----------
    items
        What to fetch. None means that nothing is known just now: transfers go on for a moment,
        then the next item is asked for.
    options
        Connections, time limits, certificates.
    retry
        How often and how late to try again.
    observe
        Gets ``BytesReceived``, ``AttemptFailed``, ``FilePublished``, ``FilePresent`` and, for
        status ``FAILED``, ``FileFailed``. There is no event for ``NOT_FOUND``: whether that is a
        failure, or something else is fetched instead, is for the caller to say.

    Yields
    ------
    FetchResult
        One for each item, not in their order.

    Raises
    ------
    FileAccessError
        The disk is full, over quota or read-only; other refusals are results of single files.
    """
    run = _Run(iter(items), options, retry, observe)
    try:
        yield from run.results()
    finally:
        run.close()


class _Run:
    """The state of one call of :func:`fetch_files`."""

    def __init__(
        self,
        items: Iterator[FetchItem | None],
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
    ) -> None:
        self._items: Iterator[FetchItem | None] | None = items
        self._retry = retry
        self._observe = observe
        self._tasks: set[Task] = set()
        self._transferring: dict[Request, tuple[Task, PartialFile, Ticket]] = {}
        self._finishing: dict[Arrival, Task] = {}
        self._waiting: list[tuple[float, int, Task]] = []
        """A heap of: when it is due, a running number, the task."""
        self._number = 0
        self._done: list[FetchResult] = []
        self._ending: FileAccessError | None = None
        """Why no other file can be written either."""
        self._engine = HttpEngine(options)
        self._finisher = Finisher()
        self._servers: Servers[Task] = Servers(options.connections, retry)

    def results(self) -> Iterator[FetchResult]:
        """Work until every item has its result."""
        while True:
            wait_s = self._fill()
            if not self._tasks and self._items is None and not self._done:
                return
            if self._done:
                wait_s = 0.0
            for attempt in self._engine.poll(wait_s, wake_fds=(self._finisher.wake_fd,)):
                self._take_attempt(attempt)
            for verdict in self._finisher.collect():
                self._take_verdict(verdict)
            received_bytes = self._engine.take_received_bytes()
            if received_bytes:
                self._observe(BytesReceived(received_bytes))
            if self._ending is not None:
                for verdict in self._finisher.drain():
                    self._take_verdict(verdict)
            done, self._done = self._done, []
            yield from done
            if self._ending is not None:
                raise self._ending

    def close(self) -> None:
        """Drop everything that is not finished and leave no partial file."""
        parts = [part for _, part, _ in self._transferring.values()]
        arrived = [arrival.part for arrival in self._finishing]
        # Partial files first, and whatever else interrupts: the rest ends with the process.
        try:
            _discard_all(parts)
        finally:
            try:
                self._finisher.close()
            finally:
                try:
                    _discard_all(arrived)
                finally:
                    self._engine.close()

    def _fill(self) -> float:
        """Start what is due and what is new while there is room; return how long to wait then."""
        deadline_s = time.monotonic() + _FILL_S
        while self._engine.has_room and self._finisher.has_room:
            now_s = time.monotonic()
            if now_s > deadline_s:
                return 0.0
            if self._waiting and self._waiting[0][0] <= now_s:
                self._start(heappop(self._waiting)[2], now_s)
                continue
            if self._items is None or len(self._tasks) >= _MOST_TASKS:
                break
            try:
                item = next(self._items)
            except StopIteration:
                self._items = None
                break
            if item is None:
                return min(_NEXT_ITEM_S, self._wait_s())
            task = Task(item, self._retry, now_s)
            self._tasks.add(task)
            self._start(task, now_s)
        return self._wait_s()

    def _wait_s(self) -> float:
        """Return how long nothing of our own is due."""
        if not (self._waiting and self._engine.has_room and self._finisher.has_room):
            return _LONGEST_WAIT_S
        return min(max(0.0, self._waiting[0][0] - time.monotonic()), _LONGEST_WAIT_S)

    def _start(self, task: Task, now_s: float) -> None:
        """Make the next attempt, unless another process is at the same file or has finished it.

        Or no mirror takes a request now.
        """
        placement = self._servers.place(task.choice, now_s)
        if placement.admission is not Admission.NOW:
            self._wait_for_server(task, placement)
            return
        try:
            part, present = claim_file(task)
        except FileAccessError as error:
            self._fail(task, error)
            return
        if present is not None:
            self._observe(FilePresent(task.item.name))
            self._finish(task, FetchStatus.PRESENT, size_bytes=present.size_bytes)
        elif part is None:
            note_waiting(task, now_s, self._observe)
            self._put_off(task, now_s + BUSY_RETRY_S)
        else:
            task.requests += 1
            request = Request(task.choice.source.url, part)
            ticket = self._servers.begin(task.choice.source, now_s)
            self._transferring[request] = (task, part, ticket)
            self._engine.start(request)

    def _wait_for_server(self, task: Task, placement: Placement) -> None:
        """Wait until a mirror may be asked; give up the file if that makes no sense any more."""
        admission = placement.admission
        if admission is Admission.FULL:
            self._servers.park(task.choice.source, task)
        elif admission is Admission.HELD or (
            admission is Admission.RESTING and task.choice.may_wait()
        ):
            self._put_off(task, placement.due_s)
        else:
            error = self._servers.trouble(task.choice)
            task.choice.give_up(error)
            self._give_up(task, error)

    def _take_attempt(self, attempt: FinishedAttempt) -> None:
        """Go on after a transfer: verify what arrived, or see what else can be done."""
        task, part, ticket = self._transferring[attempt.request]
        error = attempt.error
        now_s = time.monotonic()
        for waiting in self._servers.end(ticket, error, now_s):
            self._put_off(waiting, now_s)
        if error is not None:
            part.discard()
            self._try_again(task, error)
        else:
            subject = without_credentials(attempt.request.url)
            mtime_s = attempt.headers.last_modified_s
            arrival = Arrival(part, task.item.expectation, subject, mtime_s)
            self._finishing[arrival] = task
            self._finisher.submit(arrival)
        # Last, so that an interrupt in between can not make close() overlook the partial file.
        del self._transferring[attempt.request]

    def _take_verdict(self, verdict: Verdict) -> None:
        """Go on after verification."""
        task = self._finishing.pop(verdict.arrival)
        if verdict.error is not None:
            self._try_again(task, verdict.error)
            return
        size_bytes = verdict.arrival.part.size_bytes
        self._observe(FilePublished(task.item.name, size_bytes))
        self._finish(task, FetchStatus.FETCHED, size_bytes=size_bytes, source=task.choice.source)

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
        self._observe(AttemptFailed(task.item.name, _reason(error), delay_s, next_url))
        self._put_off(task, now_s + delay_s)

    def _give_up(self, task: Task, error: PdbCliError) -> None:
        """Make a result of a file that no mirror delivers."""
        final = task.choice.error
        if task.choice.status is FetchStatus.FAILED:
            self._observe(FileFailed(task.item.name, _reason(final or error)))
        self._finish(task, task.choice.status, error=final)

    def _fail(self, task: Task, error: FileAccessError) -> None:
        """Give up a file that can not be written, and the others if they can not be either."""
        if error.errno in _NO_DESCRIPTORS and task.lacks < _DESCRIPTOR_TRIES:
            task.lacks += 1
            self._put_off(task, time.monotonic() + _DESCRIPTOR_RETRY_S)
            return
        if error.errno in _RUN_ENDING:
            self._ending = error
        self._observe(FileFailed(task.item.name, _reason(error)))
        self._finish(task, FetchStatus.FAILED, error=error)

    def _finish(
        self,
        task: Task,
        status: FetchStatus,
        *,
        size_bytes: int = 0,
        source: Source | None = None,
        error: PdbCliError | None = None,
    ) -> None:
        """Make a result of a task."""
        self._tasks.discard(task)
        duration_s = time.monotonic() - task.started_s
        self._done.append(
            FetchResult(task.item, status, size_bytes, source, task.requests, duration_s, error)
        )

    def _put_off(self, task: Task, due_s: float) -> None:
        """Come back to a task later."""
        self._number += 1
        heappush(self._waiting, (due_s, self._number, task))


def _discard_all(parts: list[PartialFile]) -> None:
    """Discard partial files, also when an interrupt comes in between."""
    try:
        for part in parts:
            part.discard()
    except BaseException:
        for part in parts:
            part.discard()
        raise


def _reason(error: PdbCliError) -> str:
    """Return a short reason for an event."""
    if isinstance(error, TransferError | FileAccessError):
        return error.reason
    if isinstance(error, VerificationError):
        return f"{error.defect}: {error.detail}"
    return type(error).__name__
