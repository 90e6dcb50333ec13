"""Wait for threads of ours, also after an interrupt."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading


def wait_for_end(thread: threading.Thread) -> None:
    """Wait for a thread to end; do nothing if an interrupt came while it was being started.

    ``Thread.start`` waits for the thread's first sign of life. A signal in that moment leaves a
    thread that does not run, or that is about to: nobody can tell, and ``join`` refuses both.

    Parameters
    ----------
    thread
        One that ends by itself, and that the end of the process does not have to wait for.
    """
    with suppress(RuntimeError):
        thread.join()
