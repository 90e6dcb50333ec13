"""Read what is in the collection, as far as ``update`` has to."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import FileAccessError, VerificationError
from pdb_cli.operations.update.model import FileState
from pdb_cli.transfer.ask import TRAILER_BYTES
from pdb_cli.transfer.verify import OUR_LACKS, expect, verify_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from pdb_cli.operations.update.model import JudgedFile

_AHEAD: Final = 16
"""Files per thread that are looked at before anybody asks for them."""
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


def read_trailer(path: Path) -> bytes:
    """Read the end of a gzip file.

    Parameters
    ----------
    path
        The file; links, pipes and the like are not waited for.

    Returns
    -------
    bytes
        Its last bytes, as many as a mirror is asked for; fewer if it has fewer.

    Raises
    ------
    FileAccessError
        It can not be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileAccessError("read", path, "not a regular file")
            offset_bytes = max(0, status.st_size - TRAILER_BYTES)
            return os.pread(descriptor, TRAILER_BYTES, offset_bytes)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error


def read_current(judged: Iterable[JudgedFile], *, workers: int) -> Iterator[JudgedFile]:
    """Read files that are up to date to their ends, several at a time.

    Parameters
    ----------
    judged
        Files; those in another state are passed on.
    workers
        Threads.

    Yields
    ------
    JudgedFile
        As they came, but ``DAMAGED`` or ``MISSING`` where reading shows that.

    Raises
    ------
    FileAccessError
        The process has no descriptors or no memory left.
    """
    ahead: deque[Future[JudgedFile]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="verify") as pool:
        try:
            for one in judged:
                if one.state is not FileState.UP_TO_DATE:
                    yield one
                    continue
                ahead.append(pool.submit(_read, one))
                if len(ahead) >= workers * _AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _read(judged: JudgedFile) -> JudgedFile:
    """Read a file to its end; say what is wrong with it, if anything is."""
    path = judged.path
    try:
        verify_file(path, expect(judged.file, path.name), subject=str(path))
    except VerificationError as error:
        reason = f"{error.defect}: {error.detail}"
        return judged._replace(state=FileState.DAMAGED, reason=reason)
    except FileAccessError as error:
        return unreadable(judged, error)
    return judged


def unreadable(judged: JudgedFile, error: FileAccessError) -> JudgedFile:
    """Say what a file is that can not be read.

    Parameters
    ----------
    judged
        The file.
    error
        What the system said.

    Returns
    -------
    JudgedFile
        ``MISSING`` if it is not there any more, else ``DAMAGED``.

    Raises
    ------
    FileAccessError
        The error, if it is no fault of the file.
    """
    if error.errno in OUR_LACKS:
        raise error
    if error.errno in _GONE:
        return judged._replace(state=FileState.MISSING, size_bytes=None, reason="it was here")
    return judged._replace(state=FileState.DAMAGED, reason=error.reason)
