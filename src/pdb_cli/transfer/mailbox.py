"""From worker threads to the thread that talks to the network: results, and a bell."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

_Letter = TypeVar("_Letter")


class Mailbox(Generic[_Letter]):
    """Any thread puts something in; one thread waits for the bell and takes everything out."""

    def __init__(self) -> None:
        self._letters: SimpleQueue[_Letter | BaseException] = SimpleQueue()
        self._is_rung = False
        self.wake_fd, self._waker_fd = os.pipe()
        """Readable when there is something to collect."""
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._waker_fd, False)

    def put(self, letter: _Letter | BaseException) -> None:
        """Put something in; never waits.

        Parameters
        ----------
        letter
            What :meth:`collect` returns. An exception is raised there instead.
        """
        self._letters.put(letter)
        # In this order, and the other way round in collect: one ring for many letters is enough.
        if not self._is_rung:
            self._is_rung = True
            with suppress(BlockingIOError):  # a full pipe wakes as well
                os.write(self._waker_fd, b"\0")

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something to collect.

        Parameters
        ----------
        timeout_s
            The longest time, in seconds.
        """
        poller = select.poll()
        poller.register(self.wake_fd, select.POLLIN)
        poller.poll(timeout_s * 1000)

    def collect(self) -> list[_Letter]:
        """Return everything since the last call, without waiting.

        Raises
        ------
        BaseException
            What a worker did not expect.
        """
        # Always: whoever rings may have been interrupted between the mark and the bell.
        with suppress(BlockingIOError):
            os.read(self.wake_fd, 4096)
        self._is_rung = False
        collected: list[_Letter] = []
        while not self._letters.empty():
            letter = self._letters.get()
            if isinstance(letter, BaseException):
                raise letter
            collected.append(letter)
        return collected

    def close(self) -> None:
        """Take the bell down; whoever puts something in must have ended."""
        if self.wake_fd >= 0:
            os.close(self.wake_fd)
            os.close(self._waker_fd)
            self.wake_fd = self._waker_fd = -1
