"""Make a file ours to fetch, unless another process has it or has finished it meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError, VerificationError
from pdb_cli.events import Note
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.task import identity_of
from pdb_cli.transfer.verify import verify_file

if TYPE_CHECKING:
    from pdb_cli.events import Observer
    from pdb_cli.transfer.model import FetchItem
    from pdb_cli.transfer.task import Task
    from pdb_cli.transfer.verify import VerifiedFile

BUSY_RETRY_S = 0.15
"""How often to look whether another process has finished the same file."""
_BUSY_NOTE_S = 10.0


class Claim(NamedTuple):
    """What came of it; neither means that another process is fetching the file."""

    part: PartialFile | None
    """The partial file, ours alone."""
    present: VerifiedFile | None
    """The figures of the file that has its final name already; then there is no part."""


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

    Raises
    ------
    FileAccessError
        The partial file can not be made.
    """
    part = _open_part(task.item)
    now = identity_of(task.item.destination)
    if now is not None and now != task.before:
        try:
            present = _verified(task.item)
        except BaseException:  # an interrupt: nobody else knows of the part yet
            if part is not None:
                part.discard()
            raise
        if present is not None:
            if part is not None:
                part.discard()
            return Claim(None, present)
        task.before = now
    return Claim(part, None)


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


def _open_part(item: FetchItem) -> PartialFile | None:
    """Open the partial file, and make the directories it needs."""
    parent = item.destination.parent
    try:
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103 - Path.mkdir looks at it twice
    except OSError as error:
        raise FileAccessError.wrap("create", parent, error) from error
    return PartialFile.open(item.destination)


def _verified(item: FetchItem) -> VerifiedFile | None:
    """Return the figures of what is under the final name, if it is what is wanted."""
    try:
        return verify_file(item.destination, item.expectation, subject=item.name)
    except (VerificationError, FileAccessError):
        return None
