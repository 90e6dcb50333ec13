"""How files are shared out among several rsync processes."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_FILES: Final = 2000
"""In a share, about. rsync since 3.2.5 checks each file a mirror sends against each that was asked
for: with 2,000 that takes 60 ms, with 50,000 it would be half a minute."""
_WORTH_FILES: Final = 16
_WORTH_BYTES: Final = 4 * 1024 * 1024
"""What makes it worth to start another process: either of them."""
_PIECES: Final = 4
"""A directory is cut where it is more than this part of a share."""


def share_out(files: Iterable[tuple[str, int]], processes: int) -> list[list[str]]:
    """Share files out so that each share has about as many bytes, and not too many files.

    The files of a directory stay together unless they are much of the whole: one process then
    sets the directory's time, and the mirror reads it once.

    Parameters
    ----------
    files
        Paths below a tree, with ``/``, and sizes in bytes.
    processes
        How many work at once at most, from 1.

    Returns
    -------
    list of list of str
        A multiple of the processes, or fewer than those where there is too little for so many;
        none for no files. Files keep their order.

    Examples
    --------
    >>> share_out([("aa/1", 3_000_000), ("bb/1", 2_000_000), ("bb/2", 4_000_000)], 2)
    [['bb/2'], ['aa/1', 'bb/1']]
    >>> share_out([("aa/1", 30), ("bb/1", 20)], 2)
    [['aa/1', 'bb/1']]
    """
    all_files = list(files)
    if not all_files:
        return []
    total = sum(size for _, size in all_files)
    count = len(all_files)
    useful = max(count // _WORTH_FILES, total // _WORTH_BYTES, 1)
    number = max(1, min(processes, count, useful))
    number *= -(-count // (number * _MOST_FILES))
    if number == 1:
        return [[path for path, _ in all_files]]
    # Each file weighs its bytes, and as much as a mean one for the work it is.
    weights = [size + total // count + 1 for _, size in all_files]
    # The largest pieces first, each to whoever has least.
    heap = [(0, index) for index in range(number)]
    chosen: list[list[int]] = [[] for _ in range(number)]
    pieces = _pieces(all_files, weights, sum(weights) // (number * _PIECES))
    for weight, members in sorted(pieces, key=lambda piece: -piece[0]):
        load, index = heapq.heappop(heap)
        chosen[index] += members
        heapq.heappush(heap, (load + weight, index))
    return [[all_files[one][0] for one in sorted(members)] for members in chosen if members]


def _pieces(
    files: list[tuple[str, int]], weights: list[int], most: int
) -> list[tuple[int, list[int]]]:
    """Return weights and positions of what is not cut any further."""
    by_directory: dict[str, list[int]] = {}
    for index, (path, _) in enumerate(files):
        by_directory.setdefault(path.rpartition("/")[0], []).append(index)
    pieces: list[tuple[int, list[int]]] = []
    for members in by_directory.values():
        weight, piece = 0, []
        for index in members:
            piece.append(index)
            weight += weights[index]
            if weight > most:
                pieces.append((weight, piece))
                weight, piece = 0, []
        if piece:
            pieces.append((weight, piece))
    return pieces
