"""Compress as the archive does: ``1f 8b 08 08 <mtime> 02 ff <name> 00``, one member."""

from __future__ import annotations

import gzip
import struct
import zlib


def archive_gzip(text: bytes, *, name: str, mtime_s: int = 0) -> bytes:
    """Compress ``text`` with the archive's header: original name, time, XFL 2, OS 255."""
    header = b"\x1f\x8b\x08\x08" + struct.pack("<I", mtime_s) + b"\x02\xff"
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(text) + deflate.flush()
    trailer = struct.pack("<II", zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return header + name.encode("latin-1") + b"\x00" + body + trailer


def stored_name(data: bytes) -> str:
    """Return the original name a gzip header tells."""
    return data[10 : data.index(b"\x00", 10)].decode("latin-1")


def stored_mtime_s(data: bytes) -> int:
    """Return the time a gzip header tells, in seconds since 1970."""
    return int.from_bytes(data[4:8], "little")


def inflate(data: bytes) -> bytes:
    """Return what was compressed."""
    return gzip.decompress(data)
