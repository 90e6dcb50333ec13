"""A guard is asked before something that can not be undone, and raises if that may not be."""

from __future__ import annotations

from collections.abc import Callable

Guard = Callable[[], None]
"""Called by any thread, for each file, so it is quick; ``CollectionLock.check`` is one."""


def no_guard() -> None:
    """Let everything happen."""
