"""Look at one file of a collection, as closely as asked.

The record of a file says what it was when it was last verified. A file that no longer is that, and
has the same time, has a defect: its bytes changed behind everybody's back, as on a failing disk.
With another time, somebody replaced it: what it holds then says whether it is sound, and if it is,
the record is out of date.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.index.model import Level
from pdb_cli.operations.validate.model import FileStatus, Finding
from pdb_cli.operations.verification_record import file_identity
from pdb_cli.transfer.verify import OUR_LACKS, Depth, Digest, Verifier, expect, open_regular

if TYPE_CHECKING:
    import threading

    from pdb_cli.index.model import Record
    from pdb_cli.operations.validate.model import CollectedFile
    from pdb_cli.transfer.verify import VerifiedFile

_READ_BYTES = 1024 * 1024
"""Most files are one piece; no more than this of one file is in memory."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_NO_RECORD = "never recorded: nothing to compare with"
_REPLACED = "replaced since it was recorded, by something else than pdb-cli"
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
        Whether a file without a record, or with another time than recorded, is to get one: then it
        is looked at as closely as that takes, and hashed.
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
    looks_left = _MOST_LOOKS
    while True:
        look = _Look(collected, level, record=record, stop=stop)
        finding = look.finding()
        looks_left -= 1
        if not looks_left:
            return finding
        # It may be written to, or replaced, while it is read.
        if look.was_still() and (finding.is_good or look.is_same_file()):
            return finding


class _Look:
    """One look at one file."""

    def __init__(
        self,
        collected: CollectedFile,
        level: Level,
        *,
        record: bool,
        stop: threading.Event | None,
    ) -> None:
        self._collected = collected
        self._path = collected.path
        self._is_to_record = record
        self._makes_record = record and not collected.is_recorded
        self._level = max(level, Level.CONTENT) if self._makes_record else level
        self._asked = level
        self._stop = stop
        self._descriptor = -1
        self._status: os.stat_result | None = None
        self._after: os.stat_result | None = None
        """What the system said of the file before and after it was read."""

    def finding(self) -> Finding:
        """Return what it comes to."""
        try:
            try:
                if self._level is Level.SIZE:
                    self._status = os.stat(self._path)  # noqa: PTH116 - one object less per file
                    self._look_closer(self._status)
                if self._status is None or self._level is not Level.SIZE:
                    self._descriptor, self._status = open_regular(self._path)
                    self._look_closer(self._status)
                finding = self._judge(self._status)
                if self._descriptor >= 0:
                    self._after = os.fstat(self._descriptor)
                return finding
            finally:
                if self._descriptor >= 0:
                    os.close(self._descriptor)
        except OSError as error:
            return self._unreadable(FileAccessError.wrap("read", self._path, error))
        except FileAccessError as error:
            return self._unreadable(error)

    def was_still(self) -> bool:
        """Tell whether nobody wrote to the file while it was read."""
        if self._status is None or self._after is None:
            return True
        return file_identity(self._after) == file_identity(self._status)

    def is_same_file(self) -> bool:
        """Tell whether the name still belongs to what was looked at, in the same state."""
        try:
            now = os.stat(self._path)  # noqa: PTH116 - one object less per file
        except OSError:
            return self._status is None
        return self._status is not None and file_identity(now) == file_identity(self._status)

    def _look_closer(self, status: os.stat_result) -> None:
        """See to it that a file that somebody wrote to is judged by what it holds."""
        known = self._collected.record
        if known is None or not self._has_other_time(status):
            return
        self._makes_record = self._is_to_record
        if self._makes_record or known.size_bytes != status.st_size:
            self._level = max(self._level, Level.CONTENT)

    def _has_other_time(self, status: os.stat_result) -> bool:
        """Tell whether a file has another time than its record, if it has one."""
        known = self._collected.record
        is_other = known is not None and known.mtime_ns != status.st_mtime_ns
        return is_other and self._collected.is_recorded

    def _judge(self, status: os.stat_result) -> Finding:
        """Go from level to level until one is not passed, or it is the last one asked for."""
        collected, known = self._collected, self._collected.record
        if status.st_size == 0:
            return self._defect(None, Defect.EMPTY, "no bytes at all")
        is_comparable = collected.is_recorded and not self._has_other_time(status)
        if known is not None and is_comparable and known.size_bytes != status.st_size:
            detail = f"{status.st_size} B, but {known.size_bytes} B {_since(known)}"
            return self._defect(None, Defect.WRONG_SIZE, detail)
        if self._level is not Level.SIZE:
            return self._judge_bytes(status)
        if known is None or not collected.is_recorded:
            return self._finding(FileStatus.NO_RECORD, None, detail=_NO_RECORD)
        return self._finding(FileStatus.OK, Level.SIZE)

    def _judge_bytes(self, status: os.stat_result) -> Finding:
        """Return what the bytes say."""
        is_packed = self._path.name.endswith(".gz")
        depth = Depth.GZIP if self._level is Level.GZIP else Depth.CONTENT
        digest = self._makes_record or self._level is Level.HASH
        try:
            verified = self._read(status, depth, digest=digest)
        except VerificationError as error:
            return self._name_defect(status, error, is_whole=depth is Depth.GZIP or not is_packed)
        if self._level is Level.GZIP:
            if is_packed:
                return self._finding(FileStatus.OK, Level.GZIP, verified=verified)
            detail = "not compressed: the level content tells more"
            return self._finding(FileStatus.NO_RECORD, Level.SIZE, detail=detail)
        if self._level is Level.CONTENT and not self._is_replaced(status, verified):
            return self._finding(FileStatus.OK, Level.CONTENT, verified=verified)
        return self._judge_hash(status, verified)

    def _is_replaced(self, status: os.stat_result, verified: VerifiedFile) -> bool:
        """Tell whether a sound file is known to be another one than its record's."""
        known = self._collected.record
        if known is None or not self._has_other_time(status):
            return False
        if verified.sha256 is None:
            return known.size_bytes != status.st_size
        return known.sha256 != verified.sha256

    def _judge_hash(self, status: os.stat_result, verified: VerifiedFile) -> Finding:
        """Return what a comparison with the record says."""
        known = self._collected.record
        if known is None or known.sha256 is None:
            outcome = FileStatus.OK if self._makes_record else FileStatus.NO_RECORD
            return self._finding(outcome, Level.CONTENT, detail=_NO_RECORD, verified=verified)
        if self._is_replaced(status, verified):
            is_enough = self._makes_record or self._asked in {Level.GZIP, Level.CONTENT}
            outcome = FileStatus.OK if is_enough else FileStatus.NO_RECORD
            finding = self._finding(outcome, Level.CONTENT, detail=_REPLACED, verified=verified)
            return replace(finding, is_replaced=True)
        if known.sha256 != verified.sha256:
            detail = f"not the bytes that were there {_since(known)}"
            return self._defect(Level.CONTENT, Defect.WRONG_HASH, detail)
        return self._finding(FileStatus.OK, Level.HASH, verified=verified)

    def _name_defect(
        self, status: os.stat_result, error: VerificationError, *, is_whole: bool
    ) -> Finding:
        """Return what is wrong first: a file that is not whole is not accused of what it holds."""
        if is_whole:
            return self._defect(Level.SIZE, error.defect, error.detail)
        try:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._read(status, Depth.GZIP, digest=False)
        except VerificationError as earlier:
            return self._defect(Level.SIZE, earlier.defect, earlier.detail)
        return self._defect(Level.GZIP, error.defect, error.detail)

    def _read(self, status: os.stat_result, depth: Depth, *, digest: bool) -> VerifiedFile:
        """Read the file to its end."""
        verifier = Verifier(
            expect(self._collected.file.archive_file, self._path.name),
            subject=self._collected.file.path,
            digest=Digest.SHA256 if digest else Digest.NONE,
            depth=depth,
        )
        left_bytes = status.st_size
        # Not more than there is: the system is asked for as much memory as is named here.
        while left_bytes > 0 and (data := os.read(self._descriptor, min(left_bytes, _READ_BYTES))):
            if self._stop is not None and self._stop.is_set():
                raise Stopped
            verifier.feed(data)
            left_bytes -= len(data)
        return verifier.finish()

    def _unreadable(self, error: FileAccessError) -> Finding:
        """Return the finding of a file that can not be opened or read."""
        if error.errno in _GONE:
            return self._finding(FileStatus.GONE, None)
        if error.errno in OUR_LACKS:
            raise error
        return self._defect(None, Defect.UNREADABLE, error.reason)

    def _defect(self, level: Level | None, defect: Defect, detail: str) -> Finding:
        """Return the finding of a file that is not what it should be."""
        return self._finding(FileStatus.DEFECT, level, defect=defect, detail=detail)

    def _finding(
        self,
        outcome: FileStatus,
        level: Level | None,
        *,
        defect: Defect | None = None,
        detail: str = "",
        verified: VerifiedFile | None = None,
    ) -> Finding:
        """Return a finding with the figures of the file."""
        status = self._status
        return Finding(
            self._collected,
            outcome,
            level,
            defect,
            detail,
            size_bytes=status.st_size if status is not None else 0,
            mtime_ns=status.st_mtime_ns if status is not None else 0,
            ctime_ns=status.st_ctime_ns if status is not None else 0,
            crc32=verified.crc32 if verified is not None else None,
            sha256=verified.sha256 if verified is not None else None,
        )


def _since(known: Record) -> str:
    """Say when a file was as its record says, and what kind of change it was since."""
    day = time.strftime("%Y-%m-%d", time.gmtime(known.verified_at_s))
    return f"on {day}, and its time is the same: damaged on the disk"
