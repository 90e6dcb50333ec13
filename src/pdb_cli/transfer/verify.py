"""Is this file what was asked for? What to expect of a file, and a look at one that is on disk.

What is looked at is in :mod:`pdb_cli.transfer.verifier`, the same for a file that is there and for
one that is just arriving. Nothing here looks at the network.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError
from pdb_cli.transfer.verifier import Depth, Digest, VerifiedFile, Verifier, gzip_name

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.datatypes import DataType, FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.layouts import ArchiveFile

__all__ = [
    "Depth",
    "Digest",
    "Expectation",
    "VerifiedFile",
    "Verifier",
    "expect",
    "gzip_name",
    "verify_file",
]

OUR_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Errors of the system that are no fault of a file that could not be read."""
_READ_BYTES = 128 * 1024

LARGEST_FILE_BYTES = 4 * 1024**3
"""No file of the archive comes near it; what is longer is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a file should turn out to be."""

    entry: EntryId
    """Whose data it holds."""
    data_type: DataType
    """What kind of data."""
    file_format: FileFormat
    """How the data are written."""
    gzipped: bool
    """Whether the file is compressed, as all files of the archive proper are."""
    assembly: int | None = None
    """The number of the assembly, for types that are numbered."""
    max_bytes: int = LARGEST_FILE_BYTES
    """The most bytes it may have; from the archive's own lists where they tell."""
    unpacked: bool = False
    """Whether it is kept decompressed, once it has arrived and is known to be good."""

    name: str = ""
    """The name it is stored under, as far as the gzip header is concerned: without ``.gz``."""

    @property
    def kept(self) -> Expectation:
        """What the file under the final name should be."""
        return replace(self, gzipped=False, unpacked=False) if self.unpacked else self


def expect(file: ArchiveFile, name: str) -> Expectation:
    """Say what a file of the archive should turn out to be.

    Parameters
    ----------
    file
        Which file of the archive.
    name
        The name it is stored under; one that ends in ``.gz`` means a compressed file.

    Returns
    -------
    Expectation
        For :func:`verify_file`.
    """
    return Expectation(
        file.entry,
        file.data_type,
        file.file_format,
        gzipped=name.endswith(".gz"),
        assembly=file.assembly,
        name=name.removesuffix(".gz"),
    )


def verify_file(
    path: Path, expectation: Expectation, *, subject: str, digest: Digest = Digest.NONE
) -> VerifiedFile:
    """Read a file to its end and make sure it is what was asked for.

    Needs little memory however large the file is, and leaves other threads running while it
    inflates.

    Parameters
    ----------
    path
        The file.
    expectation
        What it should be.
    subject
        The URL or path to name in an error.
    digest
        Whether to compute its SHA-256, too.

    Returns
    -------
    VerifiedFile
        Its figures.

    Raises
    ------
    VerificationError
        It is something else, damaged or cut short; ``defect`` says which.
    FileAccessError
        It can not be read, or is no regular file.
    """
    verifier = Verifier(expectation, subject=subject, digest=digest)
    try:
        descriptor, status = open_regular(path)
        try:
            left_bytes = status.st_size
            # Most files are one piece: another call only to hear that it was the last one counts,
            # and so does memory for more bytes than there are.
            while left_bytes > 0 and (data := os.read(descriptor, min(left_bytes, _READ_BYTES))):
                verifier.feed(data)
                left_bytes -= len(data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error
    return verifier.finish()


def open_regular(path: Path) -> tuple[int, os.stat_result]:
    """Open a file for reading if it is a regular one; nothing else is waited for.

    Parameters
    ----------
    path
        The file; a link is followed.

    Returns
    -------
    descriptor : int
        To be closed by the caller.
    status : os.stat_result
        Of what is open, whatever becomes of the name.

    Raises
    ------
    FileAccessError
        It is something else.
    OSError
        The system refused.
    """
    # Else a pipe under that name would be waited for until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise FileAccessError("read", path, "not a regular file")
    return descriptor, status
