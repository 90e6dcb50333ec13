"""Look at one file of a collection, as closely as asked.

The record of a file says what it was when it was last verified. A file that no longer is that has a
defect, and the detail tells two causes apart: with the same time, its bytes changed behind
everybody's back, as on a failing disk; with another time, somebody wrote to it.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.index.model import Level
from pdb_cli.operations.validate_model import CollectedFile, FileStatus, Finding
from pdb_cli.transfer.verify import Depth, Digest, Verifier, expect, open_regular

if TYPE_CHECKING:
    import threading

    from pdb_cli.transfer.verify import VerifiedFile

_READ_BYTES = 1024 * 1024
"""Most files are one piece; no more than this of one file is in memory."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What is no fault of a file."""
_MOST_LOOKS = 5
"""How often to look again at a file that is being replaced all the time."""


class Stopped(Exception):  # noqa: N818 - no error: nobody wants to know any more
    """The rest of a file is of no interest."""


def check_file(
    collected: CollectedFile,
    level: Level,
    *,
    record: bool = False,
    stop: threading.Event | None = None,
) -> Finding:
    """Look at one file; change nothing.

    A file that is replaced while it is looked at is looked at again. Needs little memory however
    large the file is, and leaves other threads running.

    Parameters
    ----------
    collected
        The file, with its record if it has one.
    level
        How closely to look.
    record
        Whether a file without a record is to get one: then it is looked at as closely as that
        takes, and hashed.
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
    for _ in range(_MOST_LOOKS):
        finding, identity = _look(collected, level, record=record, stop=stop)
        if finding.status is not FileStatus.DEFECT or identity == _identity(collected):
            break
    return finding


def _look(
    collected: CollectedFile, level: Level, *, record: bool, stop: threading.Event | None
) -> tuple[Finding, tuple[int, ...] | None]:
    """Look once; also tell which file it was."""
    wanted = level
    if record and not collected.is_recorded:
        wanted = max(level, Level.CONTENT)
    descriptor = -1
    status: os.stat_result | None = None
    try:
        try:
            if wanted is Level.SIZE:
                status = os.stat(collected.path)  # noqa: PTH116 - one object less per file
            else:
                descriptor, status = open_regular(collected.path)
            finding = _judge_size(collected, status)
            if finding is None and wanted is not Level.SIZE:
                digest = wanted is Level.HASH or (record and not collected.is_recorded)
                finding = _judge_bytes(
                    collected, wanted, descriptor, status, digest=digest, stop=stop
                )
            if finding is None:
                finding = _judge_record(collected, status)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    except OSError as error:
        finding = _unreadable(collected, FileAccessError.wrap("read", collected.path, error))
    except FileAccessError as error:
        finding = _unreadable(collected, error)
    return finding, None if status is None else _identity_of(status)


def _judge_size(collected: CollectedFile, status: os.stat_result) -> Finding | None:
    """Return what the size says against a file, if anything."""
    if status.st_size == 0:
        return _defect(collected, status, None, Defect.EMPTY, "no bytes at all")
    known = collected.record
    if collected.is_recorded and known is not None and known.size_bytes != status.st_size:
        detail = f"{status.st_size} B, but {known.size_bytes} B {_since(collected, status)}"
        return _defect(collected, status, None, Defect.WRONG_SIZE, detail)
    return None


def _judge_record(collected: CollectedFile, status: os.stat_result) -> Finding:
    """Return what the level ``size`` comes to when nothing speaks against a file."""
    if not collected.is_recorded:
        return _finding(collected, status, FileStatus.NO_RECORD, None, detail=_NO_RECORD)
    return _finding(collected, status, FileStatus.OK, Level.SIZE)


_NO_RECORD = "never verified: nothing to compare with"


def _judge_bytes(
    collected: CollectedFile,
    level: Level,
    descriptor: int,
    status: os.stat_result,
    *,
    digest: bool,
    stop: threading.Event | None,
) -> Finding:
    """Return what the bytes of a file say."""
    depth = Depth.GZIP if level is Level.GZIP else Depth.CONTENT
    try:
        verified = _read(collected, descriptor, status, depth, digest=digest, stop=stop)
    except VerificationError as error:
        return _name_defect(collected, descriptor, status, error, depth, stop=stop)
    reached = Level.GZIP if level is Level.GZIP else Level.CONTENT
    known = collected.record
    outcome, detail = FileStatus.OK, ""
    if level is Level.GZIP and not collected.path.name.endswith(".gz"):
        # There is nothing in it that this level could look at.
        reached = Level.SIZE
        outcome, detail = FileStatus.NO_RECORD, "not compressed: the level content tells more"
    if level is Level.HASH:
        if known is None or known.sha256 is None:
            outcome, detail = FileStatus.NO_RECORD, _NO_RECORD
        elif known.sha256 != verified.sha256:
            detail = f"not the bytes that were there {_since(collected, status)}"
            return _defect(collected, status, reached, Defect.WRONG_HASH, detail, verified)
        else:
            reached = Level.HASH
    return _finding(collected, status, outcome, reached, detail=detail, verified=verified)


def _name_defect(
    collected: CollectedFile,
    descriptor: int,
    status: os.stat_result,
    error: VerificationError,
    depth: Depth,
    *,
    stop: threading.Event | None,
) -> Finding:
    """Return what is wrong first: a file that is not whole is not accused of what it holds."""
    reached = Level.SIZE
    if depth is Depth.CONTENT and collected.path.name.endswith(".gz"):
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            _read(collected, descriptor, status, Depth.GZIP, digest=False, stop=stop)
            reached = Level.GZIP
        except VerificationError as earlier:
            error = earlier
    return _defect(collected, status, reached, error.defect, error.detail)


def _read(
    collected: CollectedFile,
    descriptor: int,
    status: os.stat_result,
    depth: Depth,
    *,
    digest: bool,
    stop: threading.Event | None,
) -> VerifiedFile:
    """Read a file to its end."""
    verifier = Verifier(
        expect(collected.file.archive_file, collected.path.name),
        subject=collected.file.path,
        digest=Digest.SHA256 if digest else Digest.NONE,
        depth=depth,
    )
    left_bytes = status.st_size
    while left_bytes > 0 and (data := os.read(descriptor, _READ_BYTES)):
        if stop is not None and stop.is_set():
            raise Stopped
        verifier.feed(data)
        left_bytes -= len(data)
    return verifier.finish()


def _unreadable(collected: CollectedFile, error: FileAccessError) -> Finding:
    """Return the finding of a file that can not be opened or read."""
    if error.errno in _GONE:
        return Finding(collected, FileStatus.GONE, None)
    if error.errno in _OURS:
        raise error
    return Finding(collected, FileStatus.DEFECT, None, Defect.UNREADABLE, error.reason)


def _since(collected: CollectedFile, status: os.stat_result) -> str:
    """Say when a file was as its record says, and what kind of change it was since."""
    known = collected.record
    if known is None:
        raise ValueError("there is no record")
    day = time.strftime("%Y-%m-%d", time.gmtime(known.verified_at_s))
    if known.mtime_ns == status.st_mtime_ns:
        return f"on {day}, and its time is the same: damaged on the disk"
    return f"on {day}: written to since, by something else than pdb-cli"


def _finding(
    collected: CollectedFile,
    status: os.stat_result,
    outcome: FileStatus,
    level: Level | None,
    *,
    detail: str = "",
    verified: VerifiedFile | None = None,
) -> Finding:
    """Return a finding with the figures of the file."""
    return Finding(
        collected,
        outcome,
        level,
        detail=detail,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        crc32=verified.crc32 if verified is not None else None,
        sha256=verified.sha256 if verified is not None else None,
    )


def _defect(
    collected: CollectedFile,
    status: os.stat_result,
    level: Level | None,
    defect: Defect,
    detail: str,
    verified: VerifiedFile | None = None,
) -> Finding:
    """Return the finding of a file that is not what it should be."""
    return Finding(
        collected,
        FileStatus.DEFECT,
        level,
        defect,
        detail,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        crc32=verified.crc32 if verified is not None else None,
        sha256=verified.sha256 if verified is not None else None,
    )


def _identity(collected: CollectedFile) -> tuple[int, ...] | None:
    """Tell which file has the name now."""
    try:
        return _identity_of(os.stat(collected.path))  # noqa: PTH116 - one object less per file
    except OSError:
        return None


def _identity_of(status: os.stat_result) -> tuple[int, ...]:
    """Tell one file, and one state of it, from another."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
