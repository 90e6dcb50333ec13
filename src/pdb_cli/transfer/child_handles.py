"""Children of our children, held so that they can be ended whatever becomes of their parents."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class ChildHandles:
    """Handles of all children some processes have now; a context manager that closes them.

    A number may be another process's by the time it is used, a handle (``pidfd_open(2)``) never
    is. Without those or ``/proc`` (macOS, Linux before 5.3) there are none, and :meth:`kill` does
    nothing.

    Parameters
    ----------
    parents
        Processes of ours that have not been waited for.
    """

    def __init__(self, parents: Iterable[int]) -> None:
        self._handles: list[int] = []
        if not hasattr(os, "pidfd_open"):
            return
        for parent in parents:
            for child in _children(parent):
                with suppress(OSError):
                    handle = os.pidfd_open(child)
                    # Still the same one? Then the handle is of it for good.
                    if child in _children(parent):
                        self._handles.append(handle)
                    else:
                        os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            os.close(handle)
        self._handles.clear()

    def kill(self) -> None:
        """Send KILL to those that still run."""
        for handle in self._handles:
            with suppress(OSError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    """Return the children of a process of one thread, as far as they can be known."""
    with suppress(OSError, ValueError):
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [int(word) for word in text.split()]
    return []
