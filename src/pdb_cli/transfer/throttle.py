"""A limit on bytes per second over all transfers together: no clock and no network.

A bucket of bytes that fills at the limit's rate. Bytes that arrived are taken out, into debt if
need be, since they can not be sent back; while it is in debt, nobody reads.
"""

from __future__ import annotations

import math

_BURST_S = 0.1
"""How much of the limit may come at once after a pause, in seconds' worth."""


class Throttle:
    """Says when reading has to pause so that a rate is kept.

    Parameters
    ----------
    rate_bytes_s
        The limit, at least 1.

    Examples
    --------
    >>> throttle = Throttle(1000)
    >>> throttle.take(500, now_s=10.0)
    >>> throttle.pause_s(10.0), throttle.pause_s(10.5)
    (0.4, 0.0)
    """

    __slots__ = ("_filled_s", "_left_bytes", "_rate_bytes_s")

    def __init__(self, rate_bytes_s: int) -> None:
        self._rate_bytes_s = rate_bytes_s
        self._left_bytes = rate_bytes_s * _BURST_S
        self._filled_s = float("-inf")

    def take(self, size_bytes: int, *, now_s: float) -> None:
        """Take note of bytes that arrived.

        Parameters
        ----------
        size_bytes
            How many.
        now_s
            The time, on any clock that does not jump.
        """
        self._fill(now_s)
        self._left_bytes -= size_bytes

    def pause_s(self, now_s: float) -> float:
        """Return how long nothing may be read; 0 if reading may go on.

        Parameters
        ----------
        now_s
            The time.
        """
        self._fill(now_s)
        return max(0.0, -self._left_bytes / self._rate_bytes_s)

    def ready_bytes(self, now_s: float) -> int:
        """Return how many bytes may be read at once; 0 while in debt.

        Parameters
        ----------
        now_s
            The time.
        """
        self._fill(now_s)
        return max(0, math.ceil(self._left_bytes))

    def _fill(self, now_s: float) -> None:
        """Add what the time since the last look is worth."""
        added_bytes = (now_s - self._filled_s) * self._rate_bytes_s
        self._left_bytes = min(self._left_bytes + added_bytes, self._rate_bytes_s * _BURST_S)
        self._filled_s = now_s
