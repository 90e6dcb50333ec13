"""The last steps of a file, in worker threads: verify, sync to disk, give it its final name.

Inflating and syncing release the interpreter lock, so the thread that talks to the network goes on
meanwhile. There are a few more workers than processors, because syncing is mostly waiting.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from pdb_cli.errors import PdbCliError
from pdb_cli.transfer.verify import verify_file

if TYPE_CHECKING:
    from pdb_cli.storage.partial import PartialFile
    from pdb_cli.transfer.verify import Expectation

_FEWEST_WORKERS = 2
_MOST_WORKERS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A body that has arrived as a whole; each instance is one of its own."""

    part: PartialFile
    """The bytes; published or discarded by the worker."""
    expectation: Expectation
    subject: str
    """The URL, for errors."""
    mtime_s: float | None
    """The time the file shall have."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an arrival."""

    arrival: Arrival
    error: PdbCliError | None
    """None when the file has its final name; else the partial file is gone."""


class Finisher:
    """A few worker threads and the two queues that lead to them and back.

    Parameters
    ----------
    workers
        How many; None means twice the processors, within reason.
    """

    def __init__(self, workers: int | None = None) -> None:
        wanted = workers or 2 * (os.cpu_count() or 1)
        self._workers = min(max(wanted, _FEWEST_WORKERS), _MOST_WORKERS)
        self._arrivals: SimpleQueue[Arrival | None] = SimpleQueue()
        self._verdicts: SimpleQueue[Verdict | BaseException] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self.pending = 0
        """Arrivals whose verdict was not collected yet."""
        self.wake_fd, self._waker_fd = os.pipe()
        """Readable when there is a verdict to collect."""
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._waker_fd, False)

    @property
    def has_room(self) -> bool:
        """Whether the queue is short enough for more to arrive."""
        return self.pending < 4 * self._workers

    def submit(self, arrival: Arrival) -> None:
        """Hand over a body; its verdict comes out of :meth:`collect`.

        Parameters
        ----------
        arrival
            The body; its partial file belongs to the workers from now on.
        """
        if len(self._threads) < self._workers and self.pending >= len(self._threads):
            # Daemons, so that a forgotten generator can not keep the interpreter from ending.
            thread = threading.Thread(target=self._work, name="pdb-cli-finish", daemon=True)
            self._threads.append(thread)
            thread.start()
        self.pending += 1
        self._arrivals.put(arrival)

    def collect(self) -> list[Verdict]:
        """Return the verdicts since the last call, without waiting.

        Raises
        ------
        BaseException
            What a worker did not expect, raised here.
        """
        with suppress(BlockingIOError):
            os.read(self.wake_fd, 4096)
        collected: list[Verdict] = []
        while not self._verdicts.empty():
            verdict = self._verdicts.get()
            self.pending -= 1
            if isinstance(verdict, BaseException):
                raise verdict
            collected.append(verdict)
        return collected

    def drain(self) -> list[Verdict]:
        """Wait for everything that was submitted and return its verdicts; nothing may follow.

        Raises
        ------
        BaseException
            As :meth:`collect`.
        """
        self._end_workers()
        return self.collect()

    def close(self) -> None:
        """Discard what is queued, let the workers end what they have begun, and wait for them."""
        self._closing.set()
        self._end_workers()
        if self.wake_fd >= 0:
            os.close(self.wake_fd)
            os.close(self._waker_fd)
            self.wake_fd = self._waker_fd = -1

    def _end_workers(self) -> None:
        """Let every worker come to the end of the queue, and wait for that."""
        for _ in self._threads:
            self._arrivals.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        """Finish one arrival after the other until told to end."""
        while (arrival := self._arrivals.get()) is not None:
            verdict: Verdict | BaseException
            try:
                verdict = Verdict(arrival, self._finish(arrival))
            except BaseException as error:  # noqa: BLE001 - raised in the main thread
                verdict = error
            self._verdicts.put(verdict)
            with suppress(BlockingIOError):  # a full pipe wakes as well
                os.write(self._waker_fd, b"\0")

    def _finish(self, arrival: Arrival) -> PdbCliError | None:
        """Verify and publish, or discard and say why."""
        with arrival.part as part:
            if self._closing.is_set():
                return None
            try:
                verify_file(part.path, arrival.expectation, subject=arrival.subject)
                part.publish(mtime_s=arrival.mtime_s)
            except PdbCliError as error:
                return error
        return None
