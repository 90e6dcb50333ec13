"""Compare what is wanted with what is on the disk; change nothing."""

from __future__ import annotations

import errno
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from pdb_cli.archive.layouts import Layout, collection_path
from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.operations.download.memory import DownloadMemory
from pdb_cli.operations.download.model import Action, PlannedFile
from pdb_cli.operations.download.request import Arrangement, ExistingFile
from pdb_cli.operations.verification_record import check_of_look, stat_file
from pdb_cli.transfer.verify import Digest, expect, verify_file

if TYPE_CHECKING:
    import os
    from collections.abc import Generator
    from concurrent.futures import Future
    from pathlib import Path

    from pdb_cli.archive.layouts import ArchiveFile
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.index.model import Check, Record
    from pdb_cli.operations.download.request import DownloadRequest

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
    of it, and was not touched since. What was found bad is fetched again without a look.

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
        self._parent: tuple[str, Path] | None = None
        """The directory of the last file: many files have the same."""

    def look_at_all(self, files: list[ArchiveFile]) -> list[PlannedFile]:
        """Look at some files."""
        names = [collection_path(file, Layout.CLASSIC) for file in files]
        paths = [self._path(file, name) for file, name in zip(files, names, strict=True)]
        statuses = {name: stat_file(path) for name, path in zip(names, paths, strict=True)}
        if self._replaces:
            return [
                _replaced(file, path, name, statuses[name])
                for file, path, name in zip(files, paths, names, strict=True)
            ]
        there = {
            name: status
            for name, status in statuses.items()
            if status is not None and stat.S_ISREG(status.st_mode)
        }
        known = self._memory.look_up(there)
        reasons = dict.fromkeys(self._memory.find_outdated(there), "outdated")
        reasons.update(self._memory.find_condemned(there))
        return [
            _replaced(file, path, name, statuses[name], reason=reasons[name])
            if name in reasons
            else self._look_at(file, path, name, statuses[name], known.get(name))
            for file, path, name in zip(files, paths, names, strict=True)
        ]

    def _path(self, file: ArchiveFile, name: str) -> Path:
        """Return where a file is, or will be."""
        if self._destination.arrangement is Arrangement.FLAT:
            return self._destination.place(file, name)
        directory, _, base = name.rpartition("/")
        parent = self._parent
        # Only the type of a file decides which tree it is in, and so does the directory.
        if parent is None or parent[0] != directory:
            parent = self._parent = (directory, self._destination.place(file, name).parent)
        return parent[1] / base

    def _look_at(
        self,
        file: ArchiveFile,
        path: Path,
        name: str,
        status: os.stat_result | None,
        known: Record | Check | None,
    ) -> PlannedFile:
        """Look whether one file is there, and is what it should be."""
        if status is not None and known is not None:
            sha256 = getattr(known, "sha256", None)
            if sha256 is not None or self._digest is Digest.NONE:
                size_bytes = status.st_size
                return PlannedFile(Action.KEEP, file, path, _KEPT, size_bytes, sha256, name=name)
        return self._read(file, name, path, status)

    def _read(
        self, file: ArchiveFile, name: str, path: Path, before: os.stat_result | None
    ) -> PlannedFile:
        """Read a file to its end."""
        record = None if before is None else self._memory.find_record(name, before)
        digest = self._digest if record is None else Digest.SHA256
        try:
            found = verify_file(path, expect(file, path.name), subject=str(path), digest=digest)
        except VerificationError as error:
            size_bytes = None if before is None else before.st_size
            reason = str(error.defect)
            return PlannedFile(Action.FETCH, file, path, reason, size_bytes, name=name)
        except FileAccessError as error:
            # What can not be read is fetched again, not lost.
            reason = "missing" if error.errno in _NOT_THERE else error.reason
            return PlannedFile(Action.FETCH, file, path, reason, None, name=name)
        after = stat_file(path)
        if record is not None and record.sha256 != found.sha256:
            # The very version that was recorded, by size and time, and not its bytes.
            reason = str(Defect.WRONG_HASH)
            return PlannedFile(Action.FETCH, file, path, reason, found.size_bytes, name=name)
        check: Record | Check | None = None
        if before is not None and after is not None:
            check = check_of_look(name, before, after)
            if check is not None and record is not None:
                check = record._replace(ctime_ns=check.ctime_ns, verified_at_s=check.checked_at_s)
        return PlannedFile(
            Action.KEEP, file, path, _KEPT, found.size_bytes, found.sha256, name=name, check=check
        )


def _replaced(
    file: ArchiveFile,
    path: Path,
    name: str,
    status: os.stat_result | None,
    *,
    reason: str = "wanted again",
) -> PlannedFile:
    """Return the plan for a file that is fetched whatever is there."""
    if status is None:
        return PlannedFile(Action.FETCH, file, path, "missing", None, name=name)
    return PlannedFile(Action.FETCH, file, path, reason, status.st_size, name=name)
