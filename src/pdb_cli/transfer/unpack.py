"""Keep the text of a compressed file that has arrived and is known to be good."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.storage.guard import no_guard

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.storage.guard import Guard
    from pdb_cli.storage.partial import PartialFile
    from pdb_cli.transfer.verify import VerifiedFile

_READ_BYTES = 128 * 1024


def unpack(
    part: PartialFile,
    verified: VerifiedFile,
    *,
    mtime_s: float | None,
    guard: Guard = no_guard,
) -> VerifiedFile:
    """Give a file's text the final name, in one step, once it is on the disk.

    It is written beside the compressed bytes and compared with what verification said of them, so
    that what the disk gave back is what had arrived. Then it takes their place, and from there the
    final name: a process that dies in between leaves nothing but a partial file without a final
    one, which the next try overwrites.

    Parameters
    ----------
    part
        The compressed bytes, verified; ended here.
    verified
        What verification said.
    mtime_s
        The file's time, in seconds since 1970; None keeps the time of writing.
    guard
        As of ``PartialFile.publish``.

    Returns
    -------
    VerifiedFile
        The figures of the text; ``packed_bytes`` tells how much arrived.

    Raises
    ------
    VerificationError
        The disk gave back something else than was written.
    FileAccessError
        The system refused; what was there under the final name is unchanged.
    """
    # As much our own as the partial file, whose lock we hold; what a dead process left is ours too.
    temporary = part.path.with_name(f"{part.path.name}.text")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        descriptor = os.open(temporary, flags, 0o666)
        try:
            digest = _write_text(part, descriptor, verified)
            part.exchange(temporary, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        part.publish(mtime_s=mtime_s, guard=guard)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - as above
        if isinstance(error, OSError):
            raise FileAccessError.wrap("write", part.destination, error) from error
        raise
    return replace(
        verified,
        size_bytes=verified.text_bytes,
        packed_bytes=verified.size_bytes,
        sha256=digest,
    )


def _write_text(part: PartialFile, descriptor: int, verified: VerifiedFile) -> str:
    """Inflate into a file; return the SHA-256 of the text."""
    from isal import igzip_lib

    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    digest = sha256()
    read_bytes = text_bytes = 0
    while not inflater.eof:
        data = b""
        if inflater.needs_input:
            data = part.read(read_bytes, _READ_BYTES)
            read_bytes += len(data)
        try:
            text = inflater.decompress(data, _READ_BYTES)
        except igzip_lib.error as error:  # type: ignore[misc]  # its stub says instance
            raise _changed(part.destination) from error
        if not (data or text):
            raise _changed(part.destination)
        digest.update(text)
        text_bytes += len(text)
        _write(descriptor, text)
    if text_bytes != verified.text_bytes:
        raise _changed(part.destination)
    return digest.hexdigest()


def _write(descriptor: int, data: bytes) -> None:
    """Write all of some bytes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _changed(destination: Path) -> VerificationError:
    """Return the error for bytes that are not those that were verified."""
    return VerificationError(str(destination), Defect.CORRUPT, "changed on the disk")
