"""Ask mirrors whether files here are still theirs: one small request each, many at a time.

Where the server's tag of the very file is known, the request is conditional, and "not modified"
(304) settles it. Otherwise the server is asked for the last bytes of its file alone: length and
CRC-32 of a gzip file stand there, and the answer tells how long the whole is. A server that knows
no ranges sends all of it, of which again only the end is kept. Times never settle anything: a file
that was copied by hand is newer than what it is a copy of.

Whoever has only a name, a time and a size, and will not open the file, asks what the server has
under that name (HEAD) and compares himself.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.errors import HttpStatusError, TransferError
from pdb_cli.events import AttemptFailed, BytesReceived, ignore_event
from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.http import HttpEngine
from pdb_cli.transfer.model import FetchStatus
from pdb_cli.transfer.options import affordable_connections
from pdb_cli.transfer.request import Request
from pdb_cli.transfer.response import RANGE_NOT_SATISFIABLE
from pdb_cli.transfer.servers import Admission, Servers
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.transfer.http import FinishedAttempt
    from pdb_cli.transfer.model import Source
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.response import BodyStart
    from pdb_cli.transfer.retry import RetryPolicy
    from pdb_cli.transfer.servers import Ticket

TRAILER_BYTES = 8
"""The end of a gzip file: CRC-32 of its text, and the text's length (RFC 1952)."""
_NOT_MODIFIED = 304
_NO_SUCH_QUESTION = frozenset({405, 501})
"""What servers say that do not answer HEAD."""
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_WAIT_S = 1.0
_MOST_IN_HAND = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """A file here, and where it may be asked about."""

    name: str
    """Its path in the collection, for events."""
    sources: tuple[Source, ...]
    """In order of preference, at least one."""
    size_bytes: int = 0
    """Of the file here."""
    trailer: bytes | None = None
    """Its last :data:`TRAILER_BYTES`; without them the answer is ``TOLD``."""
    url: str | None = None
    """Where it came from, without credentials, if that is known."""
    etag: str | None = None
    """The tag it had there."""
    tag: Any = None
    """The caller's own, handed back untouched."""


class AnswerKind(StrEnum):
    """What a mirror says."""

    SAME = "same"
    """The mirror has the very file."""
    OTHER = "other"
    """The mirror has another one."""
    TOLD = "told"
    """The mirror has a file of that name, and tells what it tells of it."""
    ABSENT = "absent"
    """No mirror has such a file."""
    NONE = "none"
    """No mirror gave an answer."""


class Answer(NamedTuple):
    """What came of one question."""

    question: Question
    kind: AnswerKind
    source: Source | None = None
    """Who answered."""
    last_modified_s: float | None = None
    """The time of the file there, in seconds since 1970, if it was told."""
    error: PdbCliError | None = None
    """Why there is no answer."""
    size_bytes: int | None = None
    """The length of the file there, with ``TOLD``, if it was told."""


def ask_mirrors(
    questions: Iterable[Question],
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    observe: Observer = ignore_event,
) -> Generator[Answer, None, None]:
    """Ask about files and yield the answers as they come.

    Closing the generator drops what is on its way. Nothing is written.

    Parameters
    ----------
    questions
        Taken as there is room.
    options
        Connections, time limits, certificates.
    retry
        How often and how late to try again.
    observe
        Gets ``BytesReceived`` and ``AttemptFailed``.

    Yields
    ------
    Answer
        One for each question, not in their order.
    """
    options = replace(options, connections=affordable_connections(options.connections))
    run = _Asking(iter(questions), options, retry, observe)
    with run.engine:
        yield from run.answers()


class _End:
    """Keeps the last bytes of a body, and counts all of them."""

    def __init__(self) -> None:
        self.bytes = b""
        self.count_bytes = 0
        self.is_gzip = False
        """Whether it begins as a gzip file, if it came from its beginning."""

    def begin(self, start: BodyStart) -> None:
        """Nothing to prepare."""

    def take(self, pieces: list[bytes], size_bytes: int) -> None:
        """Keep the end of what has come."""
        come = self.bytes + b"".join(pieces)
        if self.count_bytes < len(_GZIP_MAGIC):
            self.is_gzip = come.startswith(_GZIP_MAGIC)
        self.count_bytes += size_bytes
        self.bytes = come[-TRAILER_BYTES:]


class _Task(NamedTuple):
    """A question in hand."""

    question: Question
    choice: MirrorChoice


class _Asking:
    """The state of one call of :func:`ask_mirrors`."""

    def __init__(
        self,
        questions: Iterator[Question],
        options: HttpOptions,
        retry: RetryPolicy,
        observe: Observer,
    ) -> None:
        self.engine = HttpEngine(options)
        self._questions: Iterator[Question] | None = questions
        self._retry = retry
        self._observe = observe
        self._servers: Servers[_Task] = Servers(options.connections, retry)
        self._ready: deque[_Task] = deque()
        self._waiting: list[tuple[float, int, _Task]] = []
        self._number = 0
        self._asked: dict[Request, tuple[_Task, Ticket, _End]] = {}
        self._in_hand = 0
        self._done: list[Answer] = []

    def answers(self) -> Iterator[Answer]:
        """Work until every question has its answer."""
        while True:
            wait_s = self._fill()
            if not self._done and self._in_hand:
                for attempt in self.engine.poll(wait_s):
                    self._take(attempt)
                if received_bytes := self.engine.take_received_bytes():
                    self._observe(BytesReceived(received_bytes))
            done, self._done = self._done, []
            yield from done
            if not self._in_hand and self._questions is None:
                return

    def _fill(self) -> float:
        """Start what is due and what is new while there is room; return how long to wait then."""
        while self.engine.has_room:
            now_s = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now_s:
                self._ready.append(heappop(self._waiting)[2])
            task = self._ready.popleft() if self._ready else self._next()
            if task is None:
                break
            self._place(task, now_s)
        if self._waiting:
            return min(max(0.0, self._waiting[0][0] - time.monotonic()), _LONGEST_WAIT_S)
        return _LONGEST_WAIT_S

    def _next(self) -> _Task | None:
        """Take a new question, if there is one and room for it."""
        if self._questions is None or self._in_hand >= _MOST_IN_HAND:
            return None
        question = next(self._questions, None)
        if question is None:
            self._questions = None
            return None
        self._in_hand += 1
        return _Task(question, MirrorChoice(question.sources, self._retry))

    def _place(self, task: _Task, now_s: float) -> None:
        """Ask now, or later, or not at all."""
        placement = self._servers.place(task.choice, now_s)
        match placement.admission:
            case Admission.NOW:
                self._start(task, now_s)
            case Admission.FULL:
                self._servers.park(task.choice.source, task)
            case Admission.HELD:
                self._put_off(task, placement.due_s)
            case Admission.RESTING if self._servers.may_wait(task.choice):
                self._put_off(task, placement.due_s)
            case _:
                task.choice.give_up(self._servers.trouble(task.choice))
                self._give_up(task)

    def _start(self, task: _Task, now_s: float) -> None:
        """Send the request."""
        question, source, end = task.question, task.choice.source, _End()
        headers: tuple[str, ...] = ()
        if question.etag is not None and question.url == without_credentials(source.url):
            headers = (f"If-None-Match: {question.etag}",)
        if question.trailer is None:
            request = Request(source.url, end, headers=headers, head_only=True)
        else:
            request = Request(source.url, end, headers=headers, tail_bytes=TRAILER_BYTES)
        self._asked[request] = task, self._servers.begin(source, now_s), end
        self.engine.start(request)

    def _take(self, attempt: FinishedAttempt) -> None:
        """Read an answer."""
        task, ticket, end = self._asked.pop(attempt.request)
        kind, error = _read(task.question, attempt, end), attempt.error
        now_s = time.monotonic()
        for parked in self._servers.end(ticket, None if kind else error, now_s):
            self._ready.append(parked)
        if kind is not None:
            told, source = attempt.headers, task.choice.source
            size_bytes = told.length_bytes if kind is AnswerKind.TOLD else None
            self._finish(
                Answer(task.question, kind, source, told.last_modified_s, size_bytes=size_bytes)
            )
            return
        if error is None:
            error = TransferError(without_credentials(attempt.request.url), "no sensible answer")
        jitter = int.from_bytes(os.urandom(4), "big") / 2**32
        delay_s = task.choice.next_delay_s(error, jitter)
        if delay_s is None:
            self._give_up(task)
            return
        delay_s = self._servers.adjust_delay_s(task.choice, delay_s, now_s)
        next_url = without_credentials(task.choice.source.url)
        reason = getattr(error, "reason", type(error).__name__)
        self._observe(AttemptFailed(task.question.name, reason, delay_s, next_url))
        self._put_off(task, now_s + delay_s)

    def _give_up(self, task: _Task) -> None:
        """Say that there is no answer, or no such file."""
        absent = task.choice.status is FetchStatus.NOT_FOUND
        kind = AnswerKind.ABSENT if absent else AnswerKind.NONE
        self._finish(Answer(task.question, kind, error=task.choice.error))

    def _finish(self, answer: Answer) -> None:
        """Hand out an answer."""
        self._in_hand -= 1
        self._done.append(answer)

    def _put_off(self, task: _Task, due_s: float) -> None:
        """Come back to a question later."""
        self._number += 1
        heappush(self._waiting, (due_s, self._number, task))


def _read(question: Question, attempt: FinishedAttempt, end: _End) -> AnswerKind | None:
    """Return what an answer says; None if it says nothing."""
    error = attempt.error
    if question.trailer is None and _is_answer_to_head(error):
        return AnswerKind.TOLD
    if isinstance(error, HttpStatusError):
        if error.status == _NOT_MODIFIED and attempt.request.headers:
            return AnswerKind.SAME
        # There are not even so many bytes.
        return AnswerKind.OTHER if error.status == RANGE_NOT_SATISFIABLE else None
    if error is not None:
        return None
    size_bytes = _size_told(attempt, end)
    if size_bytes is None:
        return None
    is_same = (size_bytes, end.bytes) == (question.size_bytes, question.trailer)
    return AnswerKind.SAME if is_same else AnswerKind.OTHER


def _size_told(attempt: FinishedAttempt, end: _End) -> int | None:
    """Return how long a server's file is; None if its answer makes no sense."""
    sent = attempt.headers.content_range
    if sent is None:
        # All of it; or a page that says to come back later, or a part of nobody knows what.
        return end.count_bytes if end.is_gzip else None
    is_end = sent.last == sent.length_bytes - 1
    return sent.length_bytes if is_end and end.count_bytes == sent.last - sent.first + 1 else None


def _is_answer_to_head(error: PdbCliError | None) -> bool:
    """Tell whether a server has a file, be it that it answers no such question about it."""
    return error is None or (
        isinstance(error, HttpStatusError) and error.status in _NO_SUCH_QUESTION
    )
