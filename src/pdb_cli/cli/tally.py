"""The running sums of an operation's events: how much is done, how fast, how long still."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, assert_never

from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    EntrySettled,
    FileFailed,
    FilePresent,
    FilePublished,
    FileRemoved,
    FilesChecked,
    MoreFilesFailed,
    Note,
    PhaseBegan,
    PlanMade,
)
from pdb_cli.jobs.model import utc_now
from pdb_cli.jobs.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdb_cli.events import Event

_SAMPLE_EVERY_S = 0.5
_RATE_OVER_S = 10.0
"""Short enough that a rate is what the line gives now."""
_ETA_OVER_S = 60.0
"""Longer, since files end one by one and some are large."""


class _Sample(NamedTuple):
    """The sums at some moment."""

    at_s: float
    bytes_received: int
    files_settled: int


class Tally:
    """Sums up events; what it keeps does not grow with their number.

    Parameters
    ----------
    clock
        Returns a time in seconds that never goes back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.files_total = 0
        self.files_done = 0
        self.files_failed = 0
        self.entries_total = 0
        self.entries_done = 0
        self.bytes_received = 0
        self.phase = "planning"
        self._clock = clock
        self._started_s = clock()
        self._samples = deque([_Sample(self._started_s, 0, 0)])
        """Oldest first; the first is the newest of those that are old enough for the ETA."""

    def add(self, event: Event) -> None:
        """Count one event."""
        self._keep_sample()
        match event:
            case BytesReceived():
                self.bytes_received += event.size_bytes
            case FilePublished() | FilePresent():
                self.files_done += 1
            case FilesChecked():
                self.files_done += event.good
                self.files_failed += event.bad
                self.bytes_received += event.size_bytes
            case FileFailed():
                self.files_failed += 1
            case MoreFilesFailed():
                self.files_failed += event.count
            case EntrySettled():
                self.entries_done += 1
            case PlanMade():
                self.files_total = event.files_total
                self.entries_total = event.entries_total
            case PhaseBegan():
                self.phase = event.phase
            case AttemptFailed() | FileRemoved() | Note():
                pass
            case _:
                assert_never(event)

    def snapshot(self) -> Progress:
        """Return the sums, the rate of the last ten seconds, and the time that is left."""
        now_s = self._clock()
        return Progress(
            files_total=self.files_total,
            files_done=self.files_done,
            files_failed=self.files_failed,
            bytes_received=self.bytes_received,
            rate_bytes_s=round(self._rate_bytes_s(now_s)),
            elapsed_s=round(now_s - self._started_s, 1),
            eta_s=self._eta_s(now_s),
            phase=self.phase,
            entries_total=self.entries_total,
            entries_done=self.entries_done,
            updated_at=utc_now(),
        )

    def _keep_sample(self) -> None:
        """Remember the sums as they are now, and forget those nobody will ask for."""
        now_s = self._clock()
        if now_s - self._samples[-1].at_s < _SAMPLE_EVERY_S:
            return
        settled = self.files_done + self.files_failed
        self._samples.append(_Sample(now_s, self.bytes_received, settled))
        while self._samples[1].at_s <= now_s - _ETA_OVER_S:
            self._samples.popleft()

    def _since(self, at_s: float) -> _Sample:
        """Return the newest sample that is as old as a moment, or the oldest."""
        return next(
            (sample for sample in reversed(self._samples) if sample.at_s <= at_s),
            self._samples[0],
        )

    def _rate_bytes_s(self, now_s: float) -> float:
        """Return how many bytes arrive in a second now."""
        before = self._since(now_s - _RATE_OVER_S)
        return (self.bytes_received - before.bytes_received) / max(now_s - before.at_s, 1e-6)

    def _eta_s(self, now_s: float) -> float | None:
        """Return how long the rest takes if files go on being settled as in the last minute."""
        settled = self.files_done + self.files_failed
        left = self.files_total - settled
        before = self._since(now_s - _ETA_OVER_S)
        lately = settled - before.files_settled
        if left <= 0 < self.files_total:
            return 0.0
        if lately == 0 or left <= 0:
            return None
        return round((now_s - before.at_s) / lately * left, 1)
