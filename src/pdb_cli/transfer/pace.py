"""How many requests a server gets at once, and when it gets none: no clock and no network.

As TCP does with packets: a server that says it has too much to do (429, 503) gets half as many
requests at once, and one more again for each round of requests that went well. Retry-After holds
back every request to that server, not only the one it was said to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdb_cli.transfer.retry import RetryPolicy


class Pace:
    """The pace of one server.

    Parameters
    ----------
    most
        Requests at once to begin with, and never more than that.
    policy
        How long to hold back a server that stays busy and does not say for how long, and how much
        patience there is for one that says it.

    Examples
    --------
    >>> from pdb_cli.transfer.retry import RetryPolicy
    >>> pace = Pace(16, RetryPolicy())
    >>> for _ in range(16):
    ...     pace.begin()
    >>> pace.note_busy(5.0, started_s=4.0, retry_after_s=2.0)
    >>> pace.limit, pace.held_until_s
    (8, 7.0)
    """

    __slots__ = (
        "_allowed",
        "_busy_rounds",
        "_eased_s",
        "_most",
        "_policy",
        "held_until_s",
        "in_flight",
    )

    def __init__(self, most: int, policy: RetryPolicy) -> None:
        self._most = most
        self._policy = policy
        self._allowed = float(most)
        self._eased_s = float("-inf")
        """When it last became slower."""
        self._busy_rounds = 0
        """How often in a row it became slower, with no success in between."""
        self.held_until_s = float("-inf")
        """Until when no request may begin."""
        self.in_flight = 0
        """Requests on their way."""

    @property
    def limit(self) -> int:
        """Requests that may be on their way at once, from 1 to the most allowed."""
        return int(self._allowed)

    @property
    def room(self) -> int:
        """How many more may begin; holds are another matter."""
        return max(0, self.limit - self.in_flight)

    def begin(self) -> None:
        """Take note of a request that begins."""
        self.in_flight += 1

    def end(self) -> None:
        """Take note of a request that ended, however it did."""
        self.in_flight -= 1

    def note_success(self) -> None:
        """Take note of a file that arrived."""
        self._busy_rounds = 0
        # One more per round: each of the requests of a round adds its share.
        self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)

    def note_busy(self, now_s: float, *, started_s: float, retry_after_s: float | None) -> None:
        """Take note of a server that says it has too much to do.

        Parameters
        ----------
        now_s
            The time, on any clock that does not jump.
        started_s
            When the request began. One from before the last slowing down, which could not heed it,
            slows nothing down again.
        retry_after_s
            What the server asked for, if it did. More than our patience is no matter of pace: then
            the file goes elsewhere.
        """
        if retry_after_s is not None and not self._policy.is_too_long(retry_after_s):
            self.held_until_s = max(self.held_until_s, now_s + retry_after_s)
        if started_s < self._eased_s:
            return
        self._eased_s = now_s
        self._allowed = max(1.0, min(self._allowed, float(self.in_flight)) / 2)
        if retry_after_s is None and self._busy_rounds:
            hold_s = self._policy.delay_s(self._busy_rounds, None, 1.0)
            self.held_until_s = max(self.held_until_s, now_s + hold_s)
        self._busy_rounds += 1
