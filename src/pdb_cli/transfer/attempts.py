"""Which mirror to ask next, and when: the decisions, without a clock and without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.errors import (
    ConnectionFailedError,
    FileAccessError,
    HttpStatusError,
    StaleVersionError,
    TransferError,
    VerificationError,
)
from pdb_cli.transfer.model import FetchStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.model import Source
    from pdb_cli.transfer.retry import RetryPolicy

_NOT_THERE = frozenset({404, 410})
"""What servers say of files they do not have. A refusal (403) says nothing about the file."""


class MirrorChoice:
    """Goes through the mirrors of one file.

    A mirror that has no such file, or that fails in a way that no repetition cures, is not asked
    again. One that is in trouble is asked again, later, until its tries are used up. One that sent
    bad bytes is asked again only after the others.

    Parameters
    ----------
    sources
        In order of preference, at least one.
    policy
        How often and how late to try again.
    """

    __slots__ = (
        "_error",
        "_index",
        "_missing",
        "_policy",
        "_recoveries",
        "_sources",
        "_tries",
        "_usable",
        "_waits",
    )

    def __init__(self, sources: Sequence[Source], policy: RetryPolicy) -> None:
        self._sources = sources
        self._policy = policy
        self._index = 0
        self._tries = [0] * len(sources)
        self._usable = [True] * len(sources)
        self._missing = 0
        self._waits = 0
        self._recoveries = 0
        self._error: PdbCliError | None = None

    @property
    def source(self) -> Source:
        """The one to ask now."""
        return self._sources[self._index]

    @property
    def status(self) -> FetchStatus:
        """What the file's status is if no attempt follows."""
        if self._missing == len(self._sources):
            return FetchStatus.NOT_FOUND
        return FetchStatus.FAILED

    @property
    def error(self) -> PdbCliError | None:
        """The most telling error so far: what went wrong rather than that a mirror lacks it.

        One that lags behind tells less than one in trouble, which may have what is wanted.
        """
        return self._error

    def candidates(self) -> Iterator[Source]:
        """List the mirrors that may be asked: the one to ask now, then the others in turn."""
        count = len(self._sources)
        for step in range(count):
            candidate = (self._index + step) % count
            if self._usable[candidate]:
                yield self._sources[candidate]

    def move_to(self, source: Source) -> None:
        """Ask another mirror now.

        Parameters
        ----------
        source
            One of :meth:`candidates`.
        """
        self._index = self._sources.index(source)

    def may_wait(self, recoveries: int) -> bool:
        """Tell whether the file may wait once more for mirrors that all rest, and count that.

        Waiting for somebody else's try costs as much as an own one: it may do so as often as it
        may try. What it waited before one of them was back does not count: it may have been others
        that used the time.

        Parameters
        ----------
        recoveries
            How often its mirrors came back so far, all together.
        """
        if recoveries != self._recoveries:
            self._recoveries, self._waits = recoveries, 0
        self._waits += 1
        return self._waits <= sum(self._usable) * (1 + self._policy.retries)

    def give_up(self, error: PdbCliError) -> None:
        """Take note that no mirror can be asked.

        Parameters
        ----------
        error
            What is wrong with them, unless the file has met trouble of its own.
        """
        if self._error is None or _is_answer(self._error):
            self._error = error

    def next_delay_s(self, error: PdbCliError, jitter: float) -> float | None:
        """Take note of a failed attempt and choose what comes next.

        Parameters
        ----------
        error
            Why the attempt at :attr:`source` failed.
        jitter
            A random number from 0 to 1.

        Returns
        -------
        float | None
            Seconds until :attr:`source`, which may be another one now, is to be asked; None if
            nothing is left to try.
        """
        failed = self._index
        self._tries[failed] += 1
        is_missing = _is_missing(error)
        self._missing += is_missing
        known = self._error
        is_first = known is None or (_is_missing(known) and not is_missing)
        if is_first or not _is_answer(error):
            self._error = error
        retry_after_s = error.retry_after_s if isinstance(error, HttpStatusError) else None
        if (
            not _may_pass(error)
            or self._tries[failed] > self._policy.retries
            or self._policy.is_too_long(retry_after_s)
        ):
            self._usable[failed] = False
        if isinstance(error, VerificationError) or not self._usable[failed]:
            following = self._following(failed)
            if following is None:
                return None
            self._index = following
        if self._index != failed:
            retry_after_s = None
        tries = self._tries[self._index]
        return self._policy.delay_s(tries, retry_after_s, jitter) if tries else 0.0

    def _following(self, index: int) -> int | None:
        """Return the next mirror in turn that may be asked; the same one if it is the last."""
        count = len(self._sources)
        for step in range(1, count + 1):
            candidate = (index + step) % count
            if self._usable[candidate]:
                return candidate
        return None


def short_reason(error: PdbCliError) -> str:
    """Return why an attempt failed, in a few words for an event.

    Parameters
    ----------
    error
        What went wrong.
    """
    if isinstance(error, TransferError | FileAccessError):
        return error.reason
    if isinstance(error, VerificationError):
        return f"{error.defect}: {error.detail}"
    return type(error).__name__


def _is_missing(error: PdbCliError) -> bool:
    """Tell whether a mirror says it has no such file."""
    return isinstance(error, HttpStatusError) and error.status in _NOT_THERE


def _is_answer(error: PdbCliError) -> bool:
    """Tell whether a mirror has said which file it has, if any."""
    return _is_missing(error) or isinstance(error, StaleVersionError)


def _may_pass(error: PdbCliError) -> bool:
    """Tell whether the same mirror may answer better the next time."""
    if isinstance(error, HttpStatusError):
        return error.retryable
    return isinstance(error, ConnectionFailedError | VerificationError)
