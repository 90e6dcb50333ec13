"""How often and how late to try again: numbers only, no clock and no network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter that respects what a server asks for.

    Examples
    --------
    >>> policy = RetryPolicy(base_s=0.5)
    >>> [policy.delay_s(attempt, None, 1.0) for attempt in (1, 2, 3, 4)]
    [0.5, 1.0, 2.0, 4.0]
    >>> policy.delay_s(1, 2.0, 0.0)
    2.0
    """

    retries: int = 5
    """Tries after the first one, for each mirror."""
    base_s: float = 0.5
    """Longest delay after the first failure; it doubles with each further one."""
    max_s: float = 30.0
    """Longest delay of our own making."""
    patience_s: float = 300.0
    """Longest delay a server may ask for; from one that wants more, files go to the next mirror."""

    def delay_s(self, attempt: int, retry_after_s: float | None, jitter: float) -> float:
        """Return the seconds to wait after a failed attempt.

        Parameters
        ----------
        attempt
            How many attempts failed so far, from 1.
        retry_after_s
            What the server asked for, in seconds; never waits less than that.
        jitter
            A random number from 0 to 1; it spreads the delay over its upper half, so that many
            clients that failed together do not come back together.

        Returns
        -------
        float
            Seconds, not negative.
        """
        # The exponent is bounded because 2.0**1024 is no float any more.
        ceiling_s = min(self.max_s, self.base_s * 2.0 ** min(attempt - 1, 64))
        own_s = ceiling_s * (1 + jitter) / 2
        if retry_after_s is None:
            return own_s
        return max(own_s, retry_after_s + self.base_s * jitter)

    def is_too_long(self, retry_after_s: float | None) -> bool:
        """Tell whether a server asks for more patience than we have.

        Parameters
        ----------
        retry_after_s
            What the server asked for; None if it did not.
        """
        return retry_after_s is not None and retry_after_s > self.patience_s
