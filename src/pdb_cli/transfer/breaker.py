"""When a server in trouble is left alone, and when it is tried again: no clock and no network.

A circuit breaker. Closed: the server is asked. After some failures in a row, whichever files they
hit, it opens: the server rests and is not asked at all. After the rest a single request, the probe,
shows whether it is back. Each probe that fails makes the next rest longer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdb_cli.transfer.retry import RetryPolicy

_FAILURES = 3
"""In a row: one or two are what a file's own retries are for."""
_RETRIES_PER_PROBE = 5
_PROBES_IN_TURN = 3
_RETRIED_PROBE = 2
"""Which of them a file makes that was asked for before."""


class BreakerState(StrEnum):
    """What may be done with a server."""

    CLOSED = "closed"
    """It is asked."""
    OPEN = "open"
    """It rests; when the rest is over, one request may go to it."""
    PROBING = "probing"
    """That request is on its way."""


class Breaker:
    """The circuit breaker of one server.

    Parameters
    ----------
    policy
        Its ``base_s`` and ``max_s`` scale the rests: twice the one for the first, doubled with each
        probe that fails, up to the other. Nor is a rest shorter than what the failure took, so that
        a server that swallows requests does not keep somebody waiting most of the time.

    Examples
    --------
    >>> from pdb_cli.transfer.retry import RetryPolicy
    >>> breaker = Breaker(RetryPolicy(base_s=0.5))
    >>> for _ in range(3):
    ...     breaker.note_trouble(10.0, started_s=9.9)
    >>> breaker.may_ask(10.9), breaker.may_ask(11.0)
    (False, True)
    """

    __slots__ = (
        "_answered",
        "_failures",
        "_is_shut",
        "_openings",
        "_policy",
        "_probes",
        "_refusals",
        "recoveries",
        "rests_until_s",
        "state",
    )

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._probes = max(1, policy.retries // _RETRIES_PER_PROBE)
        self._failures = 0
        self._openings = 0
        self._refusals = 0
        """Probes in a row that nobody listened to."""
        self._answered = False
        self._is_shut = False
        """Whether the server itself said how long it wants to rest."""
        self.recoveries = 0
        """Rests that ended with an answer."""
        self.state = BreakerState.CLOSED
        self.rests_until_s = 0.0
        """When a probe is due, while it is open."""

    @property
    def wants_untried(self) -> bool:
        """Whether the next probe is better made by a file that was not asked for yet.

        It is, lest a few files that always fail keep a good server shut. But each second of three
        goes to one that was asked for: a server that fails the first request for each file, as some
        caches do, would never be seen to be well.
        """
        return self._openings % _PROBES_IN_TURN != _RETRIED_PROBE

    def may_ask(self, now_s: float) -> bool:
        """Tell whether a request may go to the server now.

        Parameters
        ----------
        now_s
            The time, on any clock that does not jump.
        """
        if self.state is BreakerState.OPEN:
            return now_s >= self.rests_until_s
        return self.state is BreakerState.CLOSED

    def is_hopeless(self, now_s: float) -> bool:
        """Tell whether waiting for the end of this rest makes no sense.

        So it is for a server that never gave any answer, not even to its probes (one, or one per
        five retries): then it is rather the network that is not there. An outage of one that did
        answer is waited for, unless it said itself that it takes longer than we have patience, or
        as many probes as a file has retries found that no server runs there any more.

        Parameters
        ----------
        now_s
            The time.
        """
        resting = self.state is BreakerState.OPEN and now_s < self.rests_until_s
        is_gone = self._refusals >= max(1, self._policy.retries)
        is_nowhere = not self._answered and self._openings > self._probes
        return resting and (self._is_shut or is_gone or is_nowhere)

    def begin(self, now_s: float) -> bool:
        """Take note of a request; ask :meth:`may_ask` first.

        Parameters
        ----------
        now_s
            The time.

        Returns
        -------
        bool
            Whether it is the probe; to be given back with its end.
        """
        is_probe = self.state is BreakerState.OPEN and self.may_ask(now_s)
        if is_probe:
            self.state = BreakerState.PROBING
        return is_probe

    def note_answer(self) -> None:
        """Take note of an answer that shows no trouble: a file, or that there is none."""
        self._answered = True
        self._is_shut = False
        self.recoveries += self.state is not BreakerState.CLOSED
        self._failures = self._openings = self._refusals = 0
        self.state = BreakerState.CLOSED

    def note_trouble(
        self,
        now_s: float,
        *,
        started_s: float,
        answered: bool = False,
        is_certain: bool = False,
        is_probe: bool = False,
        is_refused: bool = False,
    ) -> None:
        """Take note of a failure: no connection, a broken or stalled one, or status 5xx.

        Parameters
        ----------
        now_s
            The time.
        started_s
            When the request began.
        answered
            Whether there was an answer at all.
        is_certain
            Whether this failure alone says enough.
        is_probe
            What :meth:`begin` returned. While it rests, only the probe counts: requests that were
            on their way when it began tell nothing new.
        """
        self._answered = self._answered or answered
        self._failures += self.state is BreakerState.CLOSED
        if is_probe:
            self._refusals = self._refusals + 1 if is_refused else 0
        is_enough = is_certain or self._failures >= _FAILURES
        if is_probe or (self.state is BreakerState.CLOSED and is_enough):
            self._open(now_s, took_s=now_s - started_s)

    def note_page(self, now_s: float, *, is_probe: bool, has_files: bool) -> None:
        """Take note of web pages in place of files, too many in a row.

        Parameters
        ----------
        now_s
            The time.
        is_probe
            What :meth:`begin` returned.
        has_files
            Whether it ever sent a file; else what looked like answers were none.
        """
        self._answered = self._answered and has_files
        # How long a page took says nothing about how long to rest.
        self.note_trouble(now_s, started_s=now_s, is_certain=True, is_probe=is_probe)

    def shut(self, until_s: float) -> None:
        """Take note of a server that wants to be left alone for longer than we have patience.

        Parameters
        ----------
        until_s
            Until when.
        """
        self._is_shut = self._answered = True
        self.state = BreakerState.OPEN
        self.rests_until_s = until_s

    def note_nothing(self, *, is_probe: bool) -> None:
        """Take note of a request that ended for reasons of our own.

        Parameters
        ----------
        is_probe
            What :meth:`begin` returned; another request may be the probe then.
        """
        if is_probe and self.state is BreakerState.PROBING:
            self.state = BreakerState.OPEN

    def _open(self, now_s: float, *, took_s: float) -> None:
        """Begin a rest."""
        self._is_shut = False
        self._openings += 1
        self.state = BreakerState.OPEN
        # The exponent is bounded because 2.0**1024 is no float any more.
        rest_s = self._policy.base_s * 2.0 ** min(self._openings, 64)
        self.rests_until_s = now_s + min(max(rest_s, took_s), self._policy.max_s)
