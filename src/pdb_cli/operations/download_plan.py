"""Compare what is wanted with what is on the disk; change nothing."""

from __future__ import annotations

import errno
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, VerificationError
from pdb_cli.operations.download_model import Action, PlannedFile
from pdb_cli.operations.download_request import ExistingFile
from pdb_cli.transfer.verify import Digest, expect, verify_file

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future
    from pathlib import Path

    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.operations.download_request import DownloadRequest

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
_FILES_TOGETHER = 64
"""Files looked at by a thread in one go: handing over each costs more than looking at it."""
_MOST_AHEAD = 16
"""Such handfuls looked at before anybody asks for them."""
_MOST_WAIT_S = 0.002
"""How long to wait for a handful before saying that nothing is known just now."""


def plan_download(
    request: DownloadRequest, *, digest: Digest = Digest.NONE
) -> Generator[PlannedFile, None, None]:
    """Compare what is wanted with what is there; change nothing.

    A file that is there is checked to its last byte (in threads, some files ahead), so that a
    damaged one is fetched again.

    Parameters
    ----------
    request
        What is wanted.
    digest
        Whether to compute the SHA-256 of files that are kept.

    Yields
    ------
    PlannedFile
        In the order of the request.

    Raises
    ------
    UnsupportedError
        The archive has no such combination of type and format.
    """
    for planned in look_at_files(request, digest=digest):
        if planned is not None:
            yield planned


def look_at_files(
    request: DownloadRequest, *, digest: Digest
) -> Generator[PlannedFile | None, None, None]:
    """Plan as :func:`plan_download` does, without keeping anybody waiting.

    Parameters
    ----------
    request
        What is wanted.
    digest
        Whether to compute the SHA-256 of files that are kept.

    Yields
    ------
    PlannedFile or None
        In the order of the request; None while a large file is being looked at.

    Raises
    ------
    UnsupportedError
        As :func:`plan_download`.
    """
    files = request.files()
    ahead: deque[Future[list[PlannedFile]]] = deque()
    with ThreadPoolExecutor(thread_name_prefix="check") as pool:
        try:
            while True:
                while len(ahead) < _MOST_AHEAD and (some := list(islice(files, _FILES_TOGETHER))):
                    ahead.append(pool.submit(_look_at_all, some, request, digest))
                if not ahead:
                    return
                try:
                    planned = ahead[0].result(_MOST_WAIT_S)
                except TimeoutError:
                    yield None
                    continue
                ahead.popleft()
                yield from planned
        finally:
            # Else whoever stops here would wait for what nobody wants to know any more.
            for future in ahead:
                future.cancel()


def _look_at_all(
    files: list[ArchiveFile], request: DownloadRequest, digest: Digest
) -> list[PlannedFile]:
    """Look at some files."""
    return [_look_at(file, request, digest) for file in files]


def _look_at(file: ArchiveFile, request: DownloadRequest, digest: Digest) -> PlannedFile:
    """Look whether one file is there, and is what it should be."""
    path = request.destination.path(file)
    if request.existing is ExistingFile.REPLACE:
        size_bytes = _size_bytes(path)
        reason = "missing" if size_bytes is None else "wanted again"
        return PlannedFile(Action.FETCH, file, path, reason, size_bytes)
    try:
        found = verify_file(path, expect(file, path.name), subject=str(path), digest=digest)
    except VerificationError as error:
        return PlannedFile(Action.FETCH, file, path, str(error.defect), _size_bytes(path))
    except FileAccessError as error:
        # What can not be read is fetched again, not lost.
        reason = "missing" if error.errno in _NOT_THERE else error.reason
        return PlannedFile(Action.FETCH, file, path, reason, None)
    return PlannedFile(Action.KEEP, file, path, "up to date", found.size_bytes, found.sha256)


def _size_bytes(path: Path) -> int | None:
    """Return the size of a file; None if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None
