"""The job's lock file: held by the supervisor as long as it lives, hence proof of life.

A lock belongs to the open file, is let go by the system when its holder dies in whatever way, and
is not passed to the command (descriptors of Python are closed on exec). Probing does not look like
a lock to others, so that two readers never take each other for the supervisor.
"""

from __future__ import annotations

import os
import time
from enum import Enum
from typing import TYPE_CHECKING, Self

from pdb_cli.jobs.process import system
from pdb_cli.jobs.regular_file import READ_AT_ONCE

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S = 0.01


class LockState(Enum):
    """What a probe of a lock found."""

    HELD = "held"
    FREE = "free"
    UNKNOWN = "unknown"
    """No lock file, no permission, or a file system without locks."""


class JobLock:
    """An exclusive lock on a file, let go by ``release`` or by the end of the process.

    Opening it raises ``OSError``, as ``os.open`` does. As a context manager it lets the lock go.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self, *, wait_s: float = 0.0) -> bool:
        """Try to take the lock; return whether it is ours now.

        Parameters
        ----------
        wait_s
            How long to go on trying, in seconds.

        Raises
        ------
        OSError
            The file system offers no locks.
        """
        deadline = time.monotonic() + wait_s
        while not system().lock_exclusively(self._fd):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def claim(self, *, wait_s: float = 0.0) -> bool:
        """Take the lock, or go on without it where there are none; False if it is somebody's.

        For writers that have made sure by identity that the supervisor is gone.

        Parameters
        ----------
        wait_s
            As for ``acquire``.
        """
        try:
            return self.acquire(wait_s=wait_s)
        except OSError:
            return True

    def excludes_others(self) -> bool:
        """Tell whether the lock, once taken, keeps a second holder out on this file system."""
        return probe(self._path) is LockState.HELD

    def release(self) -> None:
        """Let the lock go."""
        os.close(self._fd)


def probe(path: Path) -> LockState:
    """Look whether somebody holds the lock, without getting in anybody's way.

    Parameters
    ----------
    path
        The lock file.
    """
    try:
        fd = os.open(path, READ_AT_ONCE)
    except OSError:
        return LockState.UNKNOWN
    try:
        return LockState.HELD if system().is_locked(fd) else LockState.FREE
    except OSError:
        return LockState.UNKNOWN
    finally:
        os.close(fd)
