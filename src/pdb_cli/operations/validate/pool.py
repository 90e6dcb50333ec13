"""Look at many files at the same time; findings come out in the order the files went in.

Inflating, hashing and reading release the interpreter lock, so threads use all processors. Files
go to them by the handful: to hand over each one costs more than to look at a small one.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pdb_cli.index.model import Level
from pdb_cli.operations.validate.check import Stopped, check_file
from pdb_cli.operations.validate.model import FileStatus, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

    from pdb_cli.operations.validate.model import CollectedFile, ValidateRequest

_MOST_TOGETHER = 256
"""Files in a handful."""
_ENOUGH_BYTES = 8 * 1024**2
"""A handful this large is full: some milliseconds of work for each."""
_AHEAD = 4
"""Handfuls in work or waiting, for each thread."""
_MOST_WAIT_S = 0.002
"""How long to wait for a handful before saying that nothing is known just now."""


def look_at_files(
    files: Iterable[CollectedFile],
    look: Callable[[CollectedFile, threading.Event], Finding],
    request: ValidateRequest,
    *,
    patient: bool = True,
) -> Generator[list[Finding] | None, None, None]:
    """Look at files in threads, some handfuls ahead.

    Closing the generator ends the threads soon, also in the middle of a large file.

    Parameters
    ----------
    files
        Taken as there is room for them.
    look
        Looks at one of them, in a thread; once the event is set, nobody wants to know any more.
    request
        How closely that is, and with how many threads.
    patient
        False: do not keep the caller waiting.

    Yields
    ------
    list of Finding, or None
        A finding for each file, in their order; None where nothing is known just now, unless
        ``patient``.

    Raises
    ------
    FileAccessError
        The process has no descriptors or no memory left.
    """
    stop = threading.Event()
    handfuls = _handfuls(files, most_bytes=_ENOUGH_BYTES if request.level > Level.SIZE else None)
    ahead: deque[Future[list[Finding]]] = deque()

    def look_at_all(handful: list[CollectedFile]) -> list[Finding]:
        """Look at some files, in a thread."""
        return [look(collected, stop) for collected in handful]

    with ThreadPoolExecutor(request.workers, thread_name_prefix="validate") as pool:
        try:
            while True:
                while len(ahead) < _AHEAD * request.workers:
                    handful = next(handfuls, None)
                    if handful is None:
                        break
                    ahead.append(pool.submit(look_at_all, handful))
                if not ahead:
                    return
                try:
                    findings = ahead[0].result(None if patient else _MOST_WAIT_S)
                except TimeoutError:
                    yield None
                    continue
                ahead.popleft()
                yield findings
        finally:
            stop.set()
            for future in ahead:
                future.cancel()


def look_at_file(
    collected: CollectedFile,
    request: ValidateRequest,
    *,
    before_s: float | None = None,
    stop: threading.Event | None = None,
) -> Finding:
    """Look at one file, unless it was looked at lately enough.

    Parameters
    ----------
    collected
        The file.
    request
        How to look.
    before_s
        When the run began that this one goes on with, POSIX seconds: what passed since then, and is
        still the same file, is not looked at again.
    stop
        Once set, the rest of the file is not looked at.

    Returns
    -------
    Finding
        What it came to.

    Raises
    ------
    Stopped
        ``stop`` was set.
    FileAccessError
        The process has no descriptors or no memory left.
    """
    if stop is not None and stop.is_set():
        raise Stopped
    if before_s is not None:
        finding = _from_before(collected, request, before_s)
        if finding is not None:
            return finding
    if request.since_s is not None and _passed_since(collected, request, request.since_s):
        return Finding(collected, FileStatus.SKIPPED, request.level)
    return check_file(collected, request.level, record=request.records, stop=stop)


def _from_before(
    collected: CollectedFile, request: ValidateRequest, before_s: float
) -> Finding | None:
    """Return what an earlier run found out about the file that is there now, if it was good."""
    known, outcome = collected.record, FileStatus.OK
    if request.level is Level.HASH and not collected.is_recorded:
        # No look at it can come to more.
        request, outcome = request._replace(level=Level.CONTENT), FileStatus.NO_RECORD
    if not _passed_since(collected, request, before_s):
        return None
    try:
        status = os.stat(collected.path)  # noqa: PTH116 - one object less per file
    except OSError:
        return None
    is_compared = known is not None and request.level is Level.HASH
    return Finding(
        collected,
        outcome,
        request.level,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        sha256=known.sha256 if known is not None and is_compared else None,
        is_from_before=True,
    )


def _passed_since(collected: CollectedFile, request: ValidateRequest, since_s: float) -> bool:
    """Tell whether the file that is there now passed the level, or a higher one, lately."""
    if request.records and not collected.is_recorded:
        return False
    record, check = collected.record, collected.check
    looks = [
        look
        for look, at_s in (
            (record, 0.0 if record is None else record.verified_at_s),
            (check, 0.0 if check is None else check.checked_at_s),
        )
        if look is not None and look.level >= request.level and at_s >= since_s
    ]
    if not looks:
        return False
    try:
        status = os.stat(collected.path)  # noqa: PTH116 - one object less per file
    except OSError:
        return False
    if check is not None and check.condemns(status, record):
        return False
    return any(look.vouches_for(status) for look in looks)


def _handfuls(
    files: Iterable[CollectedFile], *, most_bytes: int | None
) -> Iterator[list[CollectedFile]]:
    """Divide files into handfuls of about the same work."""
    handful: list[CollectedFile] = []
    size_bytes = 0
    for collected in files:
        handful.append(collected)
        size_bytes += collected.file.size_bytes
        is_full = most_bytes is not None and size_bytes >= most_bytes
        if is_full or len(handful) >= _MOST_TOGETHER:
            yield handful
            handful, size_bytes = [], 0
    if handful:
        yield handful
