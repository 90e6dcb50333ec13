"""Compare what is wanted with what is on the disk; change nothing."""

from __future__ import annotations

import errno
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from pdb_cli.archive.layouts import Layout, collection_path
from pdb_cli.errors import FileAccessError, VerificationError
from pdb_cli.operations.download_memory import DownloadMemory
from pdb_cli.operations.download_model import Action, PlannedFile
from pdb_cli.operations.download_request import ExistingFile
from pdb_cli.operations.verification_record import check_of_look, stat_file
from pdb_cli.transfer.verify import Digest, expect, verify_file

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Check, Record
    from pdb_cli.operations.download_request import DownloadRequest

_KEPT = "up to date"
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
_FILES_TOGETHER = 64
"""Files looked at by a thread in one go: handing over each costs more than looking at it."""
_MOST_AHEAD = 16
"""Such handfuls looked at before anybody asks for them."""
_MOST_WAIT_S = 0.002
"""How long to wait for a handful before saying that nothing is known just now."""


def plan_download(
    request: DownloadRequest,
    *,
    digest: Digest = Digest.NONE,
    catalogue: Catalogue | None = None,
) -> Generator[PlannedFile, None, None]:
    """Compare what is wanted with what is there; change nothing.

    A file that is there is checked to its last byte (in threads, some files ahead), so that a
    damaged one is fetched again; but not one that was verified before, by what the catalogue knows
    of it, and has the size and time it had then.

    Parameters
    ----------
    request
        What is wanted.
    digest
        Whether to compute the SHA-256 of files that are kept.
    catalogue
        Of the collection that files go to; None where it is none.

    Yields
    ------
    PlannedFile
        In the order of the request.

    Raises
    ------
    UnsupportedError
        The archive has no such combination of type and format.
    """
    memory = DownloadMemory(catalogue, request.destination)
    for planned in look_at_files(request, digest=digest, memory=memory):
        if planned is not None:
            yield planned


def look_at_files(
    request: DownloadRequest, *, digest: Digest, memory: DownloadMemory
) -> Generator[PlannedFile | None, None, None]:
    """Plan as :func:`plan_download` does, without keeping anybody waiting.

    Parameters
    ----------
    request
        What is wanted.
    digest
        Whether to compute the SHA-256 of files that are kept.
    memory
        What is known of the files; not changed.

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
    looks = _Looks(request, digest, memory)
    ahead: deque[Future[list[PlannedFile]]] = deque()
    with ThreadPoolExecutor(thread_name_prefix="check") as pool:
        try:
            while True:
                while len(ahead) < _MOST_AHEAD and (some := list(islice(files, _FILES_TOGETHER))):
                    ahead.append(pool.submit(looks.look_at_all, some))
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


class _Looks:
    """Looks at files; used by several threads."""

    def __init__(self, request: DownloadRequest, digest: Digest, memory: DownloadMemory) -> None:
        self._destination = request.destination
        self._replaces = request.existing is ExistingFile.REPLACE
        self._digest = digest
        self._memory = memory

    def look_at_all(self, files: list[ArchiveFile]) -> list[PlannedFile]:
        """Look at some files."""
        names = [collection_path(file, Layout.CLASSIC) for file in files]
        known = {} if self._replaces else self._memory.look_up(names)
        return [self._look_at(file, name, known) for file, name in zip(files, names, strict=True)]

    def _look_at(
        self, file: ArchiveFile, name: str, known: Mapping[str, Record | Check]
    ) -> PlannedFile:
        """Look whether one file is there, and is what it should be."""
        path = self._destination.place(file, name)
        status = stat_file(path)
        if self._replaces:
            reason = "missing" if status is None else "wanted again"
            size_bytes = None if status is None else status.st_size
            return PlannedFile(Action.FETCH, file, path, reason, size_bytes, name=name)
        found = known.get(name)
        if (
            status is not None
            and found is not None
            and found.fits(status.st_size, status.st_mtime_ns)
            and stat.S_ISREG(status.st_mode)
        ):
            sha256 = getattr(found, "sha256", None)
            if sha256 is not None or self._digest is Digest.NONE:
                return PlannedFile(
                    Action.KEEP, file, path, _KEPT, status.st_size, sha256, name=name
                )
        return self._read(file, name, path, status)

    def _read(
        self, file: ArchiveFile, name: str, path: Path, before: os.stat_result | None
    ) -> PlannedFile:
        """Read a file to its end."""
        try:
            found = verify_file(
                path, expect(file, path.name), subject=str(path), digest=self._digest
            )
        except VerificationError as error:
            size_bytes = None if before is None else before.st_size
            reason = str(error.defect)
            return PlannedFile(Action.FETCH, file, path, reason, size_bytes, name=name)
        except FileAccessError as error:
            # What can not be read is fetched again, not lost.
            reason = "missing" if error.errno in _NOT_THERE else error.reason
            return PlannedFile(Action.FETCH, file, path, reason, None, name=name)
        after = stat_file(path)
        check = None
        if before is not None and after is not None:
            check = check_of_look(name, before, after)
        return PlannedFile(
            Action.KEEP, file, path, _KEPT, found.size_bytes, found.sha256, name=name, check=check
        )
