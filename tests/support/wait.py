"""Wait for a condition instead of sleeping."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_STEP_S = 0.01


def wait_until(
    condition: Callable[[], T | bool | None], *, timeout_s: float = 10, what: str = ""
) -> T:
    """Call ``condition`` every 10 ms until it returns something true, and return that.

    Raises
    ------
    AssertionError
        ``timeout_s`` seconds went by; the message names ``what`` was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value  # type: ignore[return-value]  # True stands for itself
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s} s still waiting for {what or condition}")
        time.sleep(_STEP_S)
