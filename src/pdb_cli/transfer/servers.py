"""The servers of a run: which of them a file may ask now, and what to think of how they answered.

Brings :mod:`~pdb_cli.transfer.breaker` and :mod:`~pdb_cli.transfer.pace` together, for each server
by itself (scheme, host and port), and keeps the files that wait for a free place at one. No clock
and no network.
"""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pdb_cli.errors import (
    ConnectionFailedError,
    ConnectTimeoutError,
    HttpStatusError,
    NobodyListensError,
    TransferError,
    WebPageError,
)
from pdb_cli.transfer.breaker import Breaker, BreakerState
from pdb_cli.transfer.pace import Pace

if TYPE_CHECKING:
    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.attempts import MirrorChoice
    from pdb_cli.transfer.model import Source
    from pdb_cli.transfer.retry import RetryPolicy

_BUSY = frozenset({429, 503})
"""Too many requests; unavailable just now."""
_SERVER_TROUBLE = 500
_MOST_PAGES = 3
"""Web pages in a row in place of files; one or two may be about those files alone."""

_Task = TypeVar("_Task")


class Admission(StrEnum):
    """Whether a file may be asked for now."""

    NOW = "now"
    HELD = "held"
    """The server asked everybody to come back later."""
    RESTING = "resting"
    """Every mirror of the file rests."""
    FULL = "full"
    """The server has as many requests as it gets at once, or just one that probes it."""
    NEVER = "never"
    """Every mirror of the file is out of reach, and waiting makes no sense."""


class Placement(NamedTuple):
    """What a file has to do next."""

    admission: Admission
    due_s: float = math.inf
    """When to ask again, if it is held or its mirrors rest."""


class Ticket(NamedTuple):
    """A request on its way, to be handed back when it ends."""

    origin: str
    """Of the server that was asked; a redirect makes no difference."""
    started_s: float
    is_probe: bool


class _Server(Generic[_Task]):
    """What is known of one server."""

    __slots__ = ("breaker", "error", "has_files", "pace", "pages", "parked")

    def __init__(self, connections: int, policy: RetryPolicy) -> None:
        self.breaker = Breaker(policy)
        self.pace = Pace(connections, policy)
        self.error: PdbCliError | None = None
        """Its last trouble."""
        self.parked: deque[_Task] = deque()
        self.pages = 0
        """Web pages that came in a row in place of files."""
        self.has_files = False
        """Whether any file came that is what it should be."""


class Servers(Generic[_Task]):
    """All servers of a run.

    Parameters
    ----------
    connections
        Requests at once, the most that any one of them gets.
    policy
        How often and how late to try again.
    """

    def __init__(self, connections: int, policy: RetryPolicy) -> None:
        self._connections = connections
        self._policy = policy
        self._servers: dict[str, _Server[_Task]] = {}

    def place(self, choice: MirrorChoice, now_s: float) -> Placement:
        """Choose the mirror a file asks next, and see whether it may do so now.

        The file keeps its mirror if that may be asked. Otherwise it moves on to the next that may,
        or to the one that may be asked again first.

        Parameters
        ----------
        choice
            The file's mirrors; moved on if need be.
        now_s
            The time, on any clock that does not jump.
        """
        best: Source | None = None
        due_s = math.inf
        hopeless = True
        admission = Admission.RESTING
        for source in choice.candidates():
            server = self._of(source)
            if server.breaker.may_ask(now_s):
                ready_s = server.pace.held_until_s
                if ready_s <= now_s:
                    choice.move_to(source)
                    return Placement(Admission.NOW if server.pace.room else Admission.FULL)
                waits = Admission.HELD
            elif server.breaker.is_hopeless(now_s):
                continue
            else:
                is_probing = server.breaker.state is BreakerState.PROBING
                ready_s = math.inf if is_probing else server.breaker.rests_until_s
                waits = Admission.RESTING
            hopeless = False
            if best is None or ready_s < due_s:
                best, due_s, admission = source, ready_s, waits
        if hopeless or best is None:
            return Placement(Admission.NEVER)
        choice.move_to(best)
        if due_s == math.inf:
            return Placement(Admission.FULL)
        return Placement(admission, due_s)

    def adjust_delay_s(self, choice: MirrorChoice, delay_s: float, now_s: float) -> float:
        """Return how long a file waits after a failed attempt, now that this may have had effects.

        Parameters
        ----------
        choice
            The file's mirrors; moved on at once if the current one rests or wants to be left
            alone, and another does not.
        delay_s
            How long the file would wait for the current one by itself.
        now_s
            The time.
        """
        current = choice.source
        if self._is_free(current, now_s):
            return delay_s
        waits_s = []
        for source in choice.candidates():
            breaker = self._of(source).breaker
            if self._is_free(source, now_s):
                choice.move_to(source)
                return 0.0
            if breaker.may_ask(now_s):
                held_s = self._of(source).pace.held_until_s - now_s
                waits_s.append(max(delay_s, held_s) if source is current else held_s)
            if breaker.state is BreakerState.OPEN and not breaker.is_hopeless(now_s):
                rest_s = breaker.rests_until_s - now_s
                waits_s.append(max(delay_s, rest_s) if source is current else rest_s)
        return min(waits_s, default=0.0)

    def _is_free(self, source: Source, now_s: float) -> bool:
        """Tell whether a server neither rests nor wants to be left alone."""
        server = self._of(source)
        return server.breaker.may_ask(now_s) and server.pace.held_until_s <= now_s

    def begin(self, source: Source, now_s: float) -> Ticket:
        """Take note of a request that begins; :meth:`place` said it may.

        Parameters
        ----------
        source
            Whom it asks.
        now_s
            The time.
        """
        server = self._of(source)
        server.pace.begin()
        return Ticket(_origin(source.url), now_s, server.breaker.begin(now_s))

    def end(self, ticket: Ticket, error: PdbCliError | None, now_s: float) -> list[_Task]:
        """Take note of how a request ended.

        Parameters
        ----------
        ticket
            The request.
        error
            Why it failed; None if the whole body arrived.
        now_s
            The time.

        Returns
        -------
        list
            Files that waited for this server and have to be placed again.
        """
        server = self._servers[ticket.origin]
        self._judge(server, ticket, error, now_s)
        server.pace.end()
        # To those who wait for a server that rests now, it can not be too soon to go elsewhere. And
        # with nothing on its way nobody would call those who stay: who is called may not begin.
        stay = server.pace.in_flight and server.breaker.may_ask(now_s)
        free = server.pace.room if stay else len(server.parked)
        return [server.parked.popleft() for _ in range(min(free, len(server.parked)))]

    def judge_body(self, ticket: Ticket, error: PdbCliError | None, now_s: float) -> None:
        """Take note of what a body turned out to be, which may be known later than its end.

        A server that sends a web page in place of every file (a notice of maintenance, a network
        that wants a login) seems to be well; it rests like one that is in trouble.

        Parameters
        ----------
        ticket
            The request.
        error
            What is wrong with the body; None if it is what was asked for.
        now_s
            The time, on the same clock as before.
        """
        server = self._servers[ticket.origin]
        if error is None:
            server.has_files = True
            if server.pages >= _MOST_PAGES:
                server.breaker.note_answer()
            server.pages = 0
        elif isinstance(error, WebPageError):
            server.pages += 1
            if server.pages >= _MOST_PAGES:
                server.error = error
                server.breaker.note_page(
                    now_s, is_probe=ticket.is_probe, has_files=server.has_files
                )

    def park(self, source: Source, task: _Task) -> None:
        """Keep a file until :meth:`end` hands it out again.

        Parameters
        ----------
        source
            The server for which :meth:`place` said ``FULL``.
        task
            The file.
        """
        self._of(source).parked.append(task)

    def may_wait(self, choice: MirrorChoice) -> bool:
        """Tell whether a file may wait once more for its mirrors, which all rest; count that.

        Parameters
        ----------
        choice
            The file's mirrors.
        """
        found = {_origin(source.url) for source in choice.candidates()}
        return choice.may_wait(sum(self._servers[name].breaker.recoveries for name in found))

    def turn(self, choice: MirrorChoice, requests: int) -> float:
        """Return a file's place among those whose waits end together; the first of them may probe.

        Parameters
        ----------
        choice
            The file's mirrors.
        requests
            How often it was asked for.
        """
        untried_first = self._of(choice.source).breaker.wants_untried
        return requests if requests or untried_first else math.inf

    def trouble(self, choice: MirrorChoice) -> PdbCliError:
        """Return what is wrong with the mirrors of a file, the last that was seen of any.

        Parameters
        ----------
        choice
            The file's mirrors.
        """
        found = [self._of(source).error for source in choice.candidates()]
        shown = choice.source.url
        return next((error for error in found if error), TransferError(shown, "can not be reached"))

    def _judge(
        self, server: _Server[_Task], ticket: Ticket, error: PdbCliError | None, now_s: float
    ) -> None:
        """Tell breaker and pace what an ending means."""
        breaker, pace = server.breaker, server.pace
        if error is None and server.pages >= _MOST_PAGES:
            # Whether this is another page, judge_body() will be told.
            breaker.note_nothing(is_probe=ticket.is_probe)
        elif error is None:
            breaker.note_answer()
            pace.note_success()
        elif isinstance(error, ConnectionFailedError):
            server.error = error
            breaker.note_trouble(
                now_s,
                started_s=ticket.started_s,
                # Seconds of vain asking, repeated by the system all along.
                is_certain=isinstance(error, ConnectTimeoutError),
                is_probe=ticket.is_probe,
                is_refused=isinstance(error, NobodyListensError),
            )
        elif isinstance(error, HttpStatusError):
            wait_s = error.retry_after_s
            if error.status in _BUSY:
                pace.note_busy(now_s, started_s=ticket.started_s, retry_after_s=wait_s)
            is_trouble = error.status in _BUSY or error.status >= _SERVER_TROUBLE
            if is_trouble and self._policy.is_too_long(wait_s):
                server.error = error
                breaker.shut(now_s + (wait_s or 0.0))
            elif error.status >= _SERVER_TROUBLE and wait_s is None:
                server.error = error
                breaker.note_trouble(
                    now_s, started_s=ticket.started_s, answered=True, is_probe=ticket.is_probe
                )
            else:
                breaker.note_answer()
        else:
            # A full disk, a refused certificate, a redirect to nowhere: no trouble that passes.
            breaker.note_nothing(is_probe=ticket.is_probe)

    def _of(self, source: Source) -> _Server[_Task]:
        """Return what is known of a source's server."""
        origin = _origin(source.url)
        server = self._servers.get(origin)
        if server is None:
            server = self._servers[origin] = _Server(self._connections, self._policy)
        return server


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL, without credentials.

    >>> _origin("https://me:secret@Mirror.example:8443/pub/pdb/x")
    'https://mirror.example:8443'
    """
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}".lower()
