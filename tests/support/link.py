"""A slow link that all transfers of a server share."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE_BYTES = 4096


class Piece(NamedTuple):
    """Some bytes, and how long to wait before they may be sent."""

    wait_s: float
    data: bytes


class Link:
    """Says when bytes may be sent, so that all who ask get a rate together.

    Parameters
    ----------
    rate_bytes_per_s
        None is no limit.
    """

    def __init__(self, rate_bytes_per_s: float | None) -> None:
        self._rate = rate_bytes_per_s
        self._lock = threading.Lock()
        self._free_s = 0.0

    def pieces(self, data: bytes) -> Iterator[Piece]:
        """Cut a body into pieces, each with its turn."""
        if self._rate is None:
            yield Piece(0.0, data)
            return
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            with self._lock:
                now_s = time.monotonic()
                turn_s = max(now_s, self._free_s)
                self._free_s = turn_s + len(piece) / self._rate
            yield Piece(turn_s - now_s, piece)
