"""Look at a file while its bytes go by, and tell whether it is what was asked for.

The ladder: not empty; the name in the gzip header; the beginning of the text; gzip to its end, with
CRC32 and length; one gzip member and nothing behind it; the end of the text. The archive publishes
no checksums, so this is all there is to check against.

Archive files are one gzip member, ``1f 8b 08 08 <mtime> 02 ff <name> 00``; the name is that of the
file without ``.gz``. A name that belongs to another file of the archive proves that files were
swapped; any other deviation in the header is harmless. The gzip format is RFC 1952.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.identify import identify
from pdb_cli.errors import Defect, VerificationError, WebPageError
from pdb_cli.transfer.content import (
    HEAD_BYTES,
    TAIL_BYTES,
    check_content,
    check_end,
    looks_like_html,
)

if TYPE_CHECKING:
    from pdb_cli.transfer.verify import Expectation

INFLATE_BYTES = 128 * 1024
"""Bytes inflated at a time: igzip is fastest there, and two threads stay in the cache."""

_MAGIC = b"\x1f\x8b\x08"
_FLAGS_AT = 3
_FIXED_HEADER_BYTES = 10
_FLAG_EXTRA = 4
_FLAG_NAME = 8
_HEADER_WITHIN = 512
"""Bytes that hold the header of every gzip file we know: what is needed for a first look."""
_TRAILER_BYTES = 8
"""CRC32 of the text, and its length modulo 2**32."""

_LARGEST_RATIO = 200
"""Archive files inflate 3 to 20 times; gzip itself can do about 1000 times."""
_RATIO_COUNTS_FROM_BYTES = 256 * 1024
"""The beginning of a good file may be more regular than the rest."""
_LARGEST_TEXT_BYTES = 32 * 1024**3

_SHARED_NAMES = frozenset({DataType.STRUCTURES, DataType.OBSOLETE, DataType.IHM})
"""Types whose files have the same names, in different directories."""


class Digest(StrEnum):
    """Whether to compute what takes as long as half of the checks."""

    NONE = "none"
    SHA256 = "sha256"


class Depth(StrEnum):
    """How much of the ladder to climb."""

    GZIP = "gzip"
    """Only whether the compressed file is whole; of what it holds nothing is asked."""
    CONTENT = "content"
    """All of it."""


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """The figures of a file that is what it should be."""

    size_bytes: int
    """Bytes on disk."""
    text_bytes: int
    """Bytes after inflating; the same where the file is not compressed."""
    crc32: int | None = None
    """CRC-32 of the text, from the gzip file itself; None where it is not compressed."""
    sha256: str | None = None
    """Of the bytes on disk, in hexadecimal, where it was asked for."""
    packed_bytes: int | None = None
    """Bytes that arrived, of a file that is kept decompressed; else None."""


class Verifier:
    r"""Takes the bytes of one file in order, in pieces of any size, and keeps none of them.

    Bad bytes are refused as soon as they can be known; what only the whole can tell, by
    :meth:`finish`. Needs little memory however large the file is. Inflating and hashing leave other
    threads running.

    Parameters
    ----------
    expectation
        What the file should be.
    subject
        The URL or path to name in an error.
    digest
        Whether to compute the SHA-256 of the bytes.
    depth
        Which rungs; a file that is not compressed has only those of the content.

    Examples
    --------
    >>> from pdb_cli.archive.identify import identify
    >>> from pdb_cli.transfer.verify import expect
    >>> file, _ = identify("1abc.cif")
    >>> verifier = Verifier(expect(file, "1abc.cif"), subject="1abc.cif")
    >>> verifier.feed(b"data_1ABC\n")
    >>> verifier.feed(b"_entry.id 1ABC\n#\n")
    >>> verifier.finish().size_bytes
    27
    """

    def __init__(
        self,
        expectation: Expectation,
        *,
        subject: str,
        digest: Digest = Digest.NONE,
        depth: Depth = Depth.CONTENT,
    ) -> None:
        self._expectation = expectation
        self._subject = subject
        self._looks_inside = depth is Depth.CONTENT
        self._sha256 = sha256() if digest is Digest.SHA256 else None
        self._size_bytes = 0
        self._text_bytes = 0
        self._header: bytearray | None = bytearray()
        """The first bytes of a gzip file, until there are enough for a first look."""
        self._trailer = b""
        self._head: bytearray | None = bytearray()
        """The first bytes of the text, until there are enough to know it by."""
        self._tail = b""
        self._inflater: Any = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Parameters
        ----------
        data
            Any number of them.

        Raises
        ------
        VerificationError
            This can not become what was asked for; ``defect`` says why.
        """
        if not data:
            return
        self._size_bytes += len(data)
        if self._sha256 is not None:
            self._sha256.update(data)
        if not self._expectation.gzipped:
            self._take_text(data)
            return
        self._trailer = (self._trailer + data[-_TRAILER_BYTES:])[-_TRAILER_BYTES:]
        if self._header is None:
            self._inflate(data)
            return
        self._header += data
        if len(self._header) >= _HEADER_WITHIN:
            self._begin()

    def finish(self) -> VerifiedFile:
        """Make sure that the file is whole.

        Returns
        -------
        VerifiedFile
            Its figures.

        Raises
        ------
        VerificationError
            It is not, or it is something else.
        """
        if self._size_bytes == 0:
            raise VerificationError(self._subject, Defect.EMPTY, "no bytes at all")
        if self._expectation.gzipped:
            if self._header is not None:
                self._begin()
            if not self._inflater.eof:
                detail = f"the gzip stream does not end within {self._size_bytes} B"
                raise VerificationError(self._subject, Defect.TRUNCATED, detail)
            self._check_ratio(self._size_bytes)
        if self._looks_inside:
            if self._head is not None:
                check_content(bytes(self._head), self._expectation, subject=self._subject)
            check_end(self._tail, self._expectation, subject=self._subject)
        gzipped = self._expectation.gzipped
        return VerifiedFile(
            size_bytes=self._size_bytes,
            text_bytes=self._text_bytes,
            crc32=int.from_bytes(self._trailer[:4], "little") if gzipped else None,
            sha256=self._sha256.hexdigest() if self._sha256 is not None else None,
        )

    def _begin(self) -> None:
        """Look at the gzip header, then inflate what has come so far."""
        # python-isal: igzip checks CRC32 and length itself when it reaches the end of the member.
        from isal import igzip_lib

        header, self._header = bytes(self._header or b""), None
        _check_gzip_head(header, self._subject)
        if self._looks_inside:
            _check_gzip_name(header, self._expectation, self._subject)
        self._inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        self._inflate(header)

    def _inflate(self, data: bytes) -> None:
        """Inflate some bytes and look at the text."""
        from isal import igzip_lib

        inflater = self._inflater
        while not inflater.eof:
            try:
                text = inflater.decompress(data, INFLATE_BYTES)
            except igzip_lib.error as error:  # type: ignore[misc]  # its stub says instance
                raise VerificationError(self._subject, Defect.CORRUPT, str(error)) from error
            self._take_text(text)
            self._check_ratio(max(self._size_bytes, _RATIO_COUNTS_FROM_BYTES))
            data = b""
            if inflater.needs_input:
                break
        trailing_bytes = len(data) + (len(inflater.unused_data) if inflater.eof else 0)
        if trailing_bytes:
            detail = f"{trailing_bytes} B or more behind the end of the gzip stream"
            raise VerificationError(self._subject, Defect.TRAILING, detail)

    def _take_text(self, text: bytes) -> None:
        """Look at the next bytes of the text."""
        self._text_bytes += len(text)
        if not self._looks_inside:
            return
        self._tail = (text if len(text) >= TAIL_BYTES else self._tail + text)[-TAIL_BYTES:]
        if self._head is not None:
            self._head += text[: HEAD_BYTES - len(self._head)]
            if len(self._head) == HEAD_BYTES:
                head, self._head = bytes(self._head), None
                check_content(head, self._expectation, subject=self._subject)

    def _check_ratio(self, size_bytes: int) -> None:
        """Refuse what inflates beyond all reason."""
        largest_bytes = min(_LARGEST_TEXT_BYTES, _LARGEST_RATIO * size_bytes)
        if self._text_bytes > largest_bytes:
            detail = f"inflates beyond {largest_bytes} B"
            raise VerificationError(self._subject, Defect.TOO_LARGE, detail)


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


def _check_gzip_head(head: bytes, subject: str) -> None:
    """Make sure that a gzip file begins here."""
    if not head.startswith(_MAGIC[: len(head)]):
        if looks_like_html(head):
            raise WebPageError(subject)
        raise VerificationError(subject, Defect.NOT_GZIP, "does not begin like a gzip file")


def _check_gzip_name(head: bytes, expectation: Expectation, subject: str) -> None:
    """Make sure that the gzip header names no other file of the archive."""
    name = gzip_name(head)
    # As a rule the name is right, and to look up what it could stand for takes as long as the rest.
    if name is None or name == expectation.name:
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
