"""Make files ours to fetch, unless another process has them or has finished them meanwhile.

Opening a file can take long: in a directory where others are just being synced, on a network disk.
So it is done by threads, a few files ahead.
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError, PdbCliError, VerificationError
from pdb_cli.events import Note
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.task import Task, identity_of
from pdb_cli.transfer.threads import wait_for_end
from pdb_cli.transfer.verify import Digest, verify_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pdb_cli.events import Observer
    from pdb_cli.transfer.model import FetchItem
    from pdb_cli.transfer.verify import VerifiedFile

BUSY_RETRY_S = 0.15
"""How often to look whether another process has finished the same file."""
_BUSY_NOTE_S = 10.0
_NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR})
_MOST_WORKERS = 4


class Claim(NamedTuple):
    """What came of it; nothing but the task means that another process is fetching the file."""

    task: Task
    part: PartialFile | None = None
    """The partial file, ours alone."""
    present: VerifiedFile | None = None
    """The figures of the file that has its final name already."""
    error: PdbCliError | None = None
    """Why the partial file can not be made."""


class Claims:
    """Threads that claim files.

    Parameters
    ----------
    deliver
        Called by the threads with one ``Claim`` for each task, or with what they did not expect.
    connections
        How many files are fetched at once.
    """

    def __init__(
        self, deliver: Callable[[Claim | BaseException], None], *, connections: int
    ) -> None:
        self._deliver = deliver
        # One connection: files are fetched in the order they were asked for.
        self._workers = min(connections, _MOST_WORKERS)
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.pending = 0
        """Tasks whose claim was not dealt with yet; the caller counts down."""

    def submit(self, task: Task) -> None:
        """Claim the file of a task; what comes of it is delivered.

        Parameters
        ----------
        task
            The file; belongs to the threads until then.
        """
        if len(self._threads) < self._workers:
            thread = threading.Thread(target=self._work, name="pdb-cli-claim", daemon=True)
            self._threads.append(thread)
            thread.start()
        self.pending += 1
        self._tasks.put(task)

    def close(self) -> None:
        """Forget what was not begun, and wait for the threads to end."""
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            wait_for_end(thread)
        self._threads.clear()

    def _work(self) -> None:
        """Claim one file after the other until told to end."""
        while (task := self._tasks.get()) is not None:
            try:
                self._deliver(claim_file(task))
            except BaseException as error:  # noqa: BLE001 - raised in the main thread
                self._deliver(error)


def claim_file(task: Task) -> Claim:
    """Open the partial file of a task, with the directories it needs.

    A file that got its final name since the task began is looked at first: if it is what is
    wanted, nothing is left to fetch.

    Parameters
    ----------
    task
        The file; its ``before`` is brought up to date.

    Returns
    -------
    Claim
        The partial file, or the finished one, or neither.
    """
    try:
        part = _open_part(task.item.destination)
    except FileAccessError as error:
        return Claim(task, error=error)
    now = identity_of(task.item.destination)
    if now is None or now == task.before:
        return Claim(task, part)
    try:
        present = _verified(task.item)
    except BaseException:
        if part is not None:
            part.discard()
        raise
    if present is None:
        task.before = now
        return Claim(task, part)
    if part is not None:
        part.discard()
    return Claim(task, present=present)


def note_waiting(task: Task, now_s: float, observe: Observer) -> None:
    """Say, once, that a task has been waiting long for another process.

    Parameters
    ----------
    task
        Whose file another process has.
    now_s
        The time, on the monotonic clock.
    observe
        Gets the ``Note``.
    """
    if task.busy_s is None:
        task.busy_s = now_s
    elif not task.noted and now_s - task.busy_s > _BUSY_NOTE_S:
        task.noted = True
        observe(Note(f"waiting for another process that is fetching {task.item.name}"))


def _open_part(destination: Path) -> PartialFile | None:
    """Open the partial file; if that does not work, make the directories it needs first."""
    try:
        return PartialFile.open(destination)
    except FileAccessError as error:
        if error.errno not in _NO_DIRECTORY:
            raise
    parent = destination.parent
    try:
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103 - Path.mkdir looks at it twice
    except OSError as error:
        raise FileAccessError.wrap("create", parent, error) from error
    return PartialFile.open(destination)


def _verified(item: FetchItem) -> VerifiedFile | None:
    """Return the figures of what is under the final name, if it is what is wanted."""
    try:
        expectation = item.expectation.kept
        return verify_file(item.destination, expectation, subject=item.name, digest=Digest.SHA256)
    except (VerificationError, FileAccessError):
        return None
