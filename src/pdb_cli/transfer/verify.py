"""Is this file what was asked for? Checked before a file gets its final name.

The ladder: not empty; gzip to its end, with CRC32 and length; one gzip member and nothing behind
it; the name in the gzip header; the beginning of the text. The archive publishes no checksums, so
this is all there is to check against. Nothing here looks at the network.

Archive files are one gzip member, ``1f 8b 08 08 <mtime> 02 ff <name> 00``; the name is that of the
file without ``.gz``. A name that belongs to another file of the archive proves that files were
swapped; any other deviation in the header is harmless. The gzip format is RFC 1952.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.identify import identify
from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.transfer.content import HEAD_BYTES, check_content, looks_like_html

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.datatypes import FileFormat
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.layouts import ArchiveFile

_CHUNK_BYTES = 128 * 1024
"""Bytes read and inflated at a time: igzip is fastest there, and two threads stay in the cache."""

_MAGIC = b"\x1f\x8b\x08"
_FLAGS_AT = 3
_FIXED_HEADER_BYTES = 10
_FLAG_EXTRA = 4
_FLAG_NAME = 8

_LARGEST_RATIO = 200
"""Archive files inflate 3 to 20 times; gzip itself can do about 1000 times."""
_LARGEST_TEXT_BYTES = 32 * 1024**3

_SHARED_NAMES = frozenset({DataType.STRUCTURES, DataType.OBSOLETE, DataType.IHM})
"""Types whose files have the same names, in different directories."""


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


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """The figures of a file that is what it should be."""

    size_bytes: int
    """Bytes on disk."""
    text_bytes: int
    """Bytes after inflating; the same where the file is not compressed."""


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
    )


def verify_file(path: Path, expectation: Expectation, *, subject: str) -> VerifiedFile:
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
    try:
        # Else a pipe under that name would be waited for until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileAccessError("read", path, "not a regular file")
            size_bytes = status.st_size
            if size_bytes == 0:
                raise VerificationError(subject, Defect.EMPTY, "no bytes at all")
            if expectation.gzipped:
                text_bytes = _verify_gzip(descriptor, size_bytes, expectation, subject)
            else:
                text_bytes = size_bytes
                check_content(os.read(descriptor, HEAD_BYTES), expectation, subject=subject)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error
    return VerifiedFile(size_bytes=size_bytes, text_bytes=text_bytes)


def gzip_name(head: bytes) -> str | None:
    """Return the original name that a gzip header tells.

    Parameters
    ----------
    head
        The beginning of a gzip file.

    Returns
    -------
    str | None
        None if there is none, or if it does not end within ``head``.

    Examples
    --------
    >>> gzip_name(bytes.fromhex("1f8b08080000000002ff") + b"7jz1.cif" + bytes(9))
    '7jz1.cif'
    """
    if len(head) < _FIXED_HEADER_BYTES or not head[_FLAGS_AT] & _FLAG_NAME:
        return None
    start = _FIXED_HEADER_BYTES
    if head[_FLAGS_AT] & _FLAG_EXTRA:
        start += 2 + int.from_bytes(head[start : start + 2], "little")
    end = head.find(b"\x00", start)
    return head[start:end].decode("latin-1") if end >= 0 else None


def _verify_gzip(descriptor: int, size_bytes: int, expectation: Expectation, subject: str) -> int:
    """Inflate one member to its end, check name and text, and return the length of the text."""
    # python-isal: igzip checks CRC32 and length itself when it reaches the end of the member.
    from isal import igzip_lib

    chunk = os.read(descriptor, _CHUNK_BYTES)
    _check_gzip_head(chunk, expectation, subject)
    largest_bytes = min(_LARGEST_TEXT_BYTES, _LARGEST_RATIO * size_bytes)
    decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    head = bytearray()
    text_bytes = 0
    checked = False
    while not decompressor.eof:
        try:
            text = decompressor.decompress(chunk, _CHUNK_BYTES)
        except igzip_lib.error as error:  # type: ignore[misc]  # its stub says instance
            raise VerificationError(subject, Defect.CORRUPT, str(error)) from error
        text_bytes += len(text)
        if text_bytes > largest_bytes:
            raise VerificationError(subject, Defect.TOO_LARGE, f"inflates beyond {largest_bytes} B")
        if not checked:
            head += text
            if len(head) >= HEAD_BYTES:
                # Early, so that a large file of the wrong kind is not inflated to its end.
                check_content(bytes(head), expectation, subject=subject)
                checked = True
        chunk = b""
        if decompressor.needs_input and not decompressor.eof:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            if not chunk:
                detail = f"the gzip stream does not end within {size_bytes} B"
                raise VerificationError(subject, Defect.TRUNCATED, detail)
    trailing = len(decompressor.unused_data) + size_bytes - os.lseek(descriptor, 0, os.SEEK_CUR)
    if trailing > 0:
        detail = f"{trailing} B behind the end of the gzip stream"
        raise VerificationError(subject, Defect.TRAILING, detail)
    if not checked:
        check_content(bytes(head), expectation, subject=subject)
    return text_bytes


def _check_gzip_head(head: bytes, expectation: Expectation, subject: str) -> None:
    """Make sure that a gzip file begins here, and that its header names no other file."""
    if not head.startswith(_MAGIC[: len(head)]):
        if looks_like_html(head):
            raise VerificationError(subject, Defect.WRONG_KIND, "an HTML page")
        raise VerificationError(subject, Defect.NOT_GZIP, "does not begin like a gzip file")
    name = gzip_name(head)
    if name is None:
        return
    named = identify(name)
    if named is None:
        return
    file = named[0]
    if file.entry != expectation.entry:
        raise VerificationError(subject, Defect.WRONG_ENTRY, f"the gzip header names {name}")
    same_type = file.data_type is expectation.data_type or (
        {file.data_type, expectation.data_type} <= _SHARED_NAMES
    )
    told = (file.file_format, file.assembly)
    if not same_type or told != (expectation.file_format, expectation.assembly):
        raise VerificationError(subject, Defect.WRONG_KIND, f"the gzip header names {name}")
