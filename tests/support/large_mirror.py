"""A mirror of thousands of entries with real content and real sizes, made in seconds.

The texts are those of the bundled entries. Large entries of the archive are mostly atoms, so an
entry is enlarged by repeating its atoms. They come back after more than the 32 kB that deflate
looks back, so nothing is lost by compressing them once, by the archive's own level, and repeating
what comes out. Only the beginning, which holds the id, is compressed for each entry.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile, Layout, archive_path
from support.archive_gzip import inflate
from support.real_entries import CLASSIC_ROOT, real_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SOURCES = ("3hya", "1kqe", "1dsr", "1c58", "1o3q", "1dul")
REPEATS = (1, 2, 3, 5, 8, 15)
"""How often the atoms of an entry come: with these, files have 175 kB on average."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_WITHIN = 2048
"""Bytes of a text within which it says which entry it is."""
_ATOMS_BEGIN = (b"\nATOM ", b"\nHETATM ")


@dataclass(frozen=True, slots=True)
class LargeMirror:
    """What was made."""

    root: Path
    """The root of the archive, ``pub/pdb``."""
    paths: Mapping[str, Path]
    """Id to the mmCIF file of its structure."""

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(path.stat().st_size for path in self.paths.values())


class _Template:
    """One text of a source with its atoms repeated, ready for an id."""

    def __init__(self, source: str, text: bytes, repeats: int) -> None:
        begin, end = _find_atoms(text)
        head, before = text[:_ID_WITHIN], text[_ID_WITHIN:begin]
        atoms, after = text[begin:end], text[end:]
        self._source = source.upper().encode()
        self._head, self._tail = head, before + atoms * repeats + after
        self._packed_tail = (
            _deflate(before, zlib.Z_FULL_FLUSH)
            + _deflate(atoms, zlib.Z_FULL_FLUSH) * repeats
            + _deflate(after, zlib.Z_FINISH)
        )

    def file_of(self, entry: str) -> bytes:
        """Return the file of an entry, as the archive would publish it."""
        head = self._head.replace(self._source, entry.upper().encode())
        name = f"{entry}.cif".encode()
        checksum = zlib.crc32(self._tail, zlib.crc32(head))
        length = len(head) + len(self._tail)
        return (
            b"\x1f\x8b\x08\x08\0\0\0\0\x02\xff" + name + b"\0"
            + _deflate(head, zlib.Z_FULL_FLUSH) + self._packed_tail
            + struct.pack("<II", checksum, length)
        )  # fmt: skip


def make_large_mirror(
    folder: Path,
    *,
    files: int,
    repeats: tuple[int, ...] = REPEATS,
    sources: tuple[str, ...] = SOURCES,
) -> LargeMirror:
    """Fill ``folder`` with a piece of the archive.

    Parameters
    ----------
    folder
        What a server serves: gets ``pub/pdb``.
    files
        How many entries.
    repeats
        How often the atoms of an entry come, in turn.
    sources
        The bundled entries whose texts are taken, in turn.
    """
    root = folder / "pub" / "pdb"
    real = {str(entry): found[0] for entry, found in real_files(CLASSIC_ROOT).items()}
    templates = [
        _Template(source, inflate(real[source].data), times)
        for times in repeats
        for source in sources
    ]
    paths = {}
    for number in range(files):
        entry = synthetic_id(number)
        wanted = ArchiveFile(EntryId.parse(entry), DataType.STRUCTURES, FileFormat.MMCIF)
        path = root / archive_path(wanted, Layout.CLASSIC)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(templates[number % len(templates)].file_of(entry))
        paths[entry] = path
    return LargeMirror(root, paths)


def synthetic_id(number: int) -> str:
    """Return an id of our own: 9000, 9001, ... 900a, ... 9zzz, 8000, ..."""
    lead, number = divmod(number, len(_DIGITS) ** 3)
    rest = ""
    for _ in range(3):
        number, digit = divmod(number, len(_DIGITS))
        rest = _DIGITS[digit] + rest
    return f"{9 - lead}{rest}"


def _find_atoms(text: bytes) -> tuple[int, int]:
    """Return where the lines of the atoms begin and end."""
    begin = min(place for start in _ATOMS_BEGIN if (place := text.find(start)) >= 0) + 1
    return begin, text.index(b"\n#", begin) + 1


def _deflate(text: bytes, end: int) -> bytes:
    """Compress a piece that refers to nothing before it."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush(end)
