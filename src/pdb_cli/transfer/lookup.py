"""Ask mirrors about files without fetching them: when they changed, how long they are."""

from __future__ import annotations

import os
import time
from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.errors import HttpStatusError
from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.http import HttpEngine
from pdb_cli.transfer.model import FetchStatus
from pdb_cli.transfer.options import affordable_connections
from pdb_cli.transfer.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdb_cli.transfer.http import FinishedAttempt
    from pdb_cli.transfer.model import Source
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.response import BodyStart
    from pdb_cli.transfer.retry import RetryPolicy

_LONGEST_WAIT_S = 1.0
_NO_SUCH_QUESTION = frozenset({405, 501})
"""What servers say that do not answer HEAD."""


class Question(NamedTuple):
    """One file to ask about."""

    sources: tuple[Source, ...]
    """Where it is, in order of preference; at least one."""
    tag: Any = None
    """The caller's own, handed back untouched."""


class Answer(NamedTuple):
    """What mirrors say of a file."""

    tag: Any
    source: Source
    """Whose answer it is."""
    last_modified_s: float | None = None
    """The file's time, in seconds since 1970, if it was told."""
    size_bytes: int | None = None
    """Its length, if it was told."""
    is_missing: bool = False
    """Whether every mirror says there is no such file."""


def look_up(
    questions: Iterable[Question], *, options: HttpOptions, retry: RetryPolicy
) -> Iterator[Answer]:
    """Ask about files, several at a time (HEAD).

    Parameters
    ----------
    questions
        Which files; taken as there is room for them.
    options
        Connections, time limits, certificates.
    retry
        How often and how late to try again.

    Yields
    ------
    Answer
        One for each question, not in their order.

    Raises
    ------
    TransferError
        Nobody can say anything about one of them.
    """
    connections = affordable_connections(options.connections)
    with HttpEngine(options) as engine:
        yield from _Lookup(engine, iter(questions), connections, retry).answers()


class _Asked:
    """A question on its way."""

    __slots__ = ("choice", "question")

    def __init__(self, question: Question, retry: RetryPolicy) -> None:
        self.question = question
        self.choice = MirrorChoice(question.sources, retry)


class _NoSink:
    """There is no body to take."""

    def begin(self, start: BodyStart) -> None:
        """Hear nothing."""

    def take(self, pieces: list[bytes], size_bytes: int) -> None:
        """Take nothing."""


class _Lookup:
    """The state of one call of :func:`look_up`."""

    def __init__(
        self, engine: HttpEngine, questions: Iterator[Question], most: int, retry: RetryPolicy
    ) -> None:
        self._engine = engine
        self._questions: Iterator[Question] | None = questions
        self._most = most
        self._retry = retry
        self._asked: dict[Request, _Asked] = {}
        self._ready: deque[_Asked] = deque()
        self._waiting: list[tuple[float, int, _Asked]] = []
        """A heap of: when it is due, a running number, the question."""
        self._number = 0

    def answers(self) -> Iterator[Answer]:
        """Work until every question is answered."""
        while True:
            self._fill()
            if not self._asked and not self._waiting:
                return
            wait_s = _LONGEST_WAIT_S
            if self._waiting:
                wait_s = min(max(0.0, self._waiting[0][0] - time.monotonic()), wait_s)
            for attempt in self._engine.poll(wait_s):
                answer = self._take(attempt)
                if answer is not None:
                    yield answer

    def _fill(self) -> None:
        """Start what is due and what is new while there is room."""
        now_s = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now_s:
            self._ready.append(heappop(self._waiting)[2])
        while len(self._asked) < self._most and self._engine.has_room:
            if self._ready:
                asked = self._ready.popleft()
            else:
                question = next(self._questions, None) if self._questions is not None else None
                if question is None:
                    self._questions = None
                    return
                asked = _Asked(question, self._retry)
            request = Request(asked.choice.source.url, _NoSink(), head_only=True)
            self._asked[request] = asked
            self._engine.start(request)

    def _take(self, attempt: FinishedAttempt) -> Answer | None:
        """Make an answer of a finished attempt, or put off the next one."""
        asked = self._asked.pop(attempt.request)
        tag, source = asked.question.tag, asked.choice.source
        if attempt.error is None:
            headers = attempt.headers
            return Answer(tag, source, headers.last_modified_s, headers.length_bytes)
        error = attempt.error
        if isinstance(error, HttpStatusError) and error.status in _NO_SUCH_QUESTION:
            return Answer(tag, source)
        jitter = int.from_bytes(os.urandom(4), "big") / 2**32
        delay_s = asked.choice.next_delay_s(error, jitter)
        if delay_s is not None:
            self._number += 1
            heappush(self._waiting, (time.monotonic() + delay_s, self._number, asked))
            return None
        if asked.choice.status is FetchStatus.NOT_FOUND:
            return Answer(tag, source, is_missing=True)
        raise asked.choice.error or error
