"""What becomes of the bytes: worker threads check, write, sync and publish while they arrive.

The thread that talks to the network hands over pieces and never waits for a disk. Each file belongs
to one worker from its first byte to its last, so its pieces stay in order without a lock. Hashing,
inflating, writing and syncing release the interpreter lock; there are more workers than processors,
because syncing is mostly waiting.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import ConnectionFailedError, HttpStatusError, PdbCliError
from pdb_cli.storage.guard import no_guard
from pdb_cli.transfer.response import BodyStart
from pdb_cli.transfer.threads import wait_for_end
from pdb_cli.transfer.unpack import unpack
from pdb_cli.transfer.verify import Digest, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdb_cli.storage.guard import Guard
    from pdb_cli.storage.partial import PartialFile
    from pdb_cli.transfer.verify import Expectation, VerifiedFile

_FEWEST_WORKERS = 4
_MOST_WORKERS = 8
_LARGEST_BACKLOG_BYTES = 12 * 1024**2
"""Bytes that were read from the network and not looked at yet: then the network has to wait."""
_REPLAY_BYTES = 256 * 1024
_WORTH_RESUMING_BYTES = 1024**2
"""Smaller files are fetched again as a whole: that is sooner done than noted."""


class Ending(NamedTuple):
    """No more bytes will come."""

    error: PdbCliError | None
    """Why the transfer failed; None if the whole body arrived."""
    mtime_s: float | None
    """The time the file shall have."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an arrival; it comes exactly once."""

    arrival: Arrival
    verified: VerifiedFile | None
    """The figures of the file, which has its final name now."""
    error: PdbCliError | None
    """Why it has not; the partial file is closed, and put aside or gone."""


class Arrival:
    """A body on its way: where the network puts what it reads.

    Parameters
    ----------
    part
        Gets the bytes; published, put aside or discarded by the worker.
    expectation
        What the file should be.
    subject
        The URL, for errors.
    worker
        Who looks at the bytes.
    guard
        Asked before the file gets its name.
    """

    __slots__ = (
        "_guard",
        "_is_unpacked",
        "_may_resume",
        "_verifier",
        "_worker",
        "is_over",
        "part",
        "resumed",
        "size_bytes",
        "subject",
    )

    def __init__(
        self,
        part: PartialFile,
        expectation: Expectation,
        subject: str,
        worker: _Worker,
        guard: Guard,
    ) -> None:
        self.part = part
        self._guard = guard
        self.subject = subject
        self.size_bytes = 0
        """Bytes that were taken."""
        self.resumed = False
        """Whether the server went on from bytes of an earlier try."""
        self.is_over = False
        """Set by the worker: there is a verdict."""
        self._worker = worker
        self._is_unpacked = expectation.unpacked
        # The checksum of the whole is what tells whether two halves belong together.
        self._may_resume = expectation.gzipped
        self._verifier = Verifier(expectation, subject=subject, digest=Digest.SHA256)

    def begin(self, start: BodyStart) -> None:
        """Say what the bytes to come are; before the first of them.

        Parameters
        ----------
        start
            Where they belong.
        """
        self.resumed = start.offset_bytes > 0
        self._worker.put(self, start)

    def take(self, pieces: list[bytes], size_bytes: int) -> None:
        """Take some bytes.

        Parameters
        ----------
        pieces
            In order; the list belongs to the worker from now on.
        size_bytes
            How many bytes they are.
        """
        self.size_bytes += size_bytes
        self._worker.put(self, pieces, size_bytes)

    def end(self, ending: Ending) -> None:
        """Say that no more bytes will come: the verdict follows, unless there was one before.

        Parameters
        ----------
        ending
            How the transfer ended.
        """
        self._worker.put(self, ending)

    def handle(self, news: BodyStart | Ending | list[bytes]) -> Verdict | None:
        """Do the work; only ever called by the worker.

        Parameters
        ----------
        news
            What was handed over.

        Returns
        -------
        Verdict | None
            None while more has to come.
        """
        try:
            if isinstance(news, list):
                self._look_at(news[0] if len(news) == 1 else b"".join(news))
                return None
            if isinstance(news, BodyStart):
                self._start(news)
                return None
            self.is_over = True
            if news.error is not None:
                self._stop(news.error)
                return Verdict(self, None, news.error)
            verified = self._verifier.finish()
            if self._is_unpacked:
                verified = unpack(self.part, verified, mtime_s=news.mtime_s, guard=self._guard)
            else:
                self.part.publish(mtime_s=news.mtime_s, guard=self._guard)
        except PdbCliError as error:
            self.is_over = True
            self.part.discard()
            return Verdict(self, None, error)
        return Verdict(self, verified, None)

    def _start(self, start: BodyStart) -> None:
        """Look at what is there already, or make place for all of it."""
        if start.offset_bytes:
            at_bytes = 0
            while at_bytes < start.offset_bytes:
                data = self.part.read(at_bytes, min(_REPLAY_BYTES, start.offset_bytes - at_bytes))
                self._verifier.feed(data)
                at_bytes += len(data)
            return
        if self.part.size_bytes:
            self.part.restart()
        version = start.version
        if version is None or not self._may_resume:
            return
        if version.length_bytes >= _WORTH_RESUMING_BYTES:
            self.part.remember(version)

    def _look_at(self, data: bytes) -> None:
        """Check some bytes and write them: what is put aside is good as far as it goes."""
        self._verifier.feed(data)
        self.part.write(data)

    def _stop(self, error: PdbCliError) -> None:
        """Keep what another try can go on with, if the server may let it."""
        if isinstance(error, ConnectionFailedError) or (
            isinstance(error, HttpStatusError) and error.retryable
        ):
            self.part.put_aside()
        else:
            self.part.discard()


class _Worker:
    """A thread and the queue that leads to it."""

    __slots__ = ("arrivals", "done_bytes", "given_bytes", "queue", "thread")

    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[Arrival, BodyStart | Ending | list[bytes], int] | None] = (
            SimpleQueue()
        )
        self.thread: threading.Thread | None = None
        self.arrivals = 0
        """Files that were given to it and have no verdict yet."""
        self.given_bytes = 0
        """Counted by the thread that gives."""
        self.done_bytes = 0
        """Counted by the worker."""

    def put(
        self, arrival: Arrival, news: BodyStart | Ending | list[bytes], size_bytes: int = 0
    ) -> None:
        """Hand something over."""
        self.given_bytes += size_bytes
        self.queue.put((arrival, news, size_bytes))

    @property
    def load(self) -> tuple[int, int]:
        """How much it has to do."""
        return self.given_bytes - self.done_bytes, self.arrivals


class Intake:
    """The workers.

    Parameters
    ----------
    deliver
        Called by the workers with one ``Verdict`` for each arrival, or with what they did not
        expect.
    workers
        How many; None means twice the processors, within reason.
    guard
        Asked, by the workers, before a file gets its name: what it raises keeps it from that.
    """

    def __init__(
        self,
        deliver: Callable[[Verdict | BaseException], None],
        workers: int | None = None,
        *,
        guard: Guard = no_guard,
    ) -> None:
        # Now, and not in a worker: later there may be no descriptor left to load it with.
        from isal import igzip_lib  # noqa: F401

        wanted = workers or 2 * (os.cpu_count() or 1)
        self._deliver = deliver
        self._guard = guard
        self._workers = [_Worker() for _ in range(min(max(wanted, _FEWEST_WORKERS), _MOST_WORKERS))]
        self._closing = threading.Event()

    @property
    def has_room(self) -> bool:
        """Whether the network may bring more bytes now."""
        backlog_bytes = sum(worker.given_bytes - worker.done_bytes for worker in self._workers)
        return backlog_bytes < _LARGEST_BACKLOG_BYTES

    def open(self, part: PartialFile, expectation: Expectation, *, subject: str) -> Arrival:
        """Prepare for a body.

        Parameters
        ----------
        part
            Its partial file: belongs to the workers from now on.
        expectation
            What it should be.
        subject
            The URL, without credentials.

        Returns
        -------
        Arrival
            Give it to :meth:`release` after its verdict.
        """
        worker = min(self._workers, key=lambda worker: worker.load)
        worker.arrivals += 1
        if worker.thread is None:
            # Daemons, so that a forgotten generator can not keep the interpreter from ending.
            worker.thread = threading.Thread(
                target=self._work, args=(worker,), name="pdb-cli-intake", daemon=True
            )
            worker.thread.start()
        return Arrival(part, expectation, subject, worker, self._guard)

    def release(self, arrival: Arrival) -> None:
        """Take note that an arrival has its verdict.

        Parameters
        ----------
        arrival
            As it came out of :meth:`open`.
        """
        arrival._worker.arrivals -= 1  # noqa: SLF001 - of the same module

    def drain(self) -> None:
        """Wait until everything that was handed over is done; nothing may follow."""
        self._end_workers()

    def close(self) -> None:
        """Drop what was handed over and not begun, and wait for the workers to end.

        The partial files of arrivals without a verdict are left to the caller.
        """
        self._closing.set()
        self._end_workers()

    def _end_workers(self) -> None:
        """Let every worker come to the end of its queue, and wait for that."""
        begun = [worker for worker in self._workers if worker.thread is not None]
        for worker in begun:
            worker.queue.put(None)
        for worker in begun:
            if worker.thread is not None:
                wait_for_end(worker.thread)
            worker.thread = None

    def _work(self, worker: _Worker) -> None:
        """Handle what is handed over, one piece after the other, until told to end."""
        while (given := worker.queue.get()) is not None:
            arrival, news, size_bytes = given
            if not (arrival.is_over or self._closing.is_set()):
                try:
                    verdict = arrival.handle(news)
                    if verdict is not None:
                        self._deliver(verdict)
                except BaseException as error:  # noqa: BLE001 - raised in the main thread
                    self._deliver(error)
            worker.done_bytes += size_bytes
            del given, arrival, news
