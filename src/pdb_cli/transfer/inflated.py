"""Read a gzip file as its text, piece by piece, with its checksum verified at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, HoldingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE_BYTES = 256 * 1024
_LARGEST_RATIO = 200
"""The lists of the archive inflate 20 to 40 times; gzip itself can do about 1000 times."""


def read_inflated(path: Path, *, subject: str) -> Iterator[bytes]:
    """Yield the text of a list of the archive.

    Parameters
    ----------
    path
        A gzip file of one member, as the archive publishes its lists.
    subject
        What to call it in an error.

    Yields
    ------
    bytes
        A piece of bounded length.

    Raises
    ------
    HoldingsError
        It is no gzip file, cut short or damaged; what was yielded before can not be relied on.
    FileAccessError
        It can not be read.
    """
    # python-isal: igzip checks CRC32 and length itself when it reaches the end of the member.
    from isal import igzip_lib

    decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    text_bytes = 0
    try:
        with path.open("rb", buffering=0) as file:
            largest_bytes = _LARGEST_RATIO * path.stat().st_size
            chunk = b""
            while not decompressor.eof:
                if decompressor.needs_input:
                    chunk = file.read(_PIECE_BYTES)
                    if not chunk:
                        raise HoldingsError(subject, "cut short")
                text = decompressor.decompress(chunk, _PIECE_BYTES)
                chunk = b""
                text_bytes += len(text)
                if text_bytes > largest_bytes:
                    raise HoldingsError(subject, f"inflates more than {_LARGEST_RATIO} times")
                if text:
                    yield text
            if decompressor.unused_data or file.read(1):
                raise HoldingsError(subject, "something follows the end of the gzip stream")
    except igzip_lib.error as error:  # type: ignore[misc]  # its stub says instance
        raise HoldingsError(subject, "damaged, or not a gzip file") from error
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error
