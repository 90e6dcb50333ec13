"""The real entries below tests/data, and copies of them under other ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.archive.identify import identify
from pdb_cli.archive.layouts import ArchiveFile, Layout, archive_path
from support.archive_gzip import archive_gzip, inflate, stored_mtime_s

if TYPE_CHECKING:
    from pdb_cli.archive.ids import EntryId

CLASSIC_ROOT = Path(__file__).resolve().parents[1] / "data" / "pub" / "pdb"
"""A small piece of the archive as published until July 2027."""
ENTRY_ROOT = CLASSIC_ROOT.parent / "wwpdb" / "pdb"
"""A small piece of the archive as published from then on."""


@dataclass(frozen=True, slots=True)
class RealFile:
    """One published file: what it is, and its bytes as served."""

    file: ArchiveFile
    data: bytes

    def named_for(self, layout: Layout) -> RealFile:
        """Return the file as a layout names it: the gzip header holds the file's own name."""
        name = archive_path(self.file, layout).rpartition("/")[2].removesuffix(".gz")
        mtime_s = stored_mtime_s(self.data)
        return replace(self, data=archive_gzip(inflate(self.data), name=name, mtime_s=mtime_s))

    def copied_to(self, entry: EntryId, layout: Layout = Layout.CLASSIC) -> RealFile:
        """Return a copy that says it is another entry: in its text, its name and its header."""
        old, new = str(self.file.entry), str(entry)
        text = inflate(self.data)
        for before, after in ((old.upper(), new.upper()), (old, new)):
            # Extended ids are lower case wherever they stand.
            after_text = after if entry.classic else entry.extended
            text = text.replace(before.encode(), after_text.encode())
        data = archive_gzip(text, name="", mtime_s=stored_mtime_s(self.data))
        return RealFile(self.file._replace(entry=entry), data).named_for(layout)

    def revised(self, note: str) -> RealFile:
        """Return a later version of the file: other bytes, still whole and of the same entry."""
        name_end = self.data.index(b"\x00", 10)
        first, _, rest = inflate(self.data).partition(b"\n")
        remark = b"# " if first.startswith(b"data_") else b"REMARK   3 "
        text = first + b"\n" + remark + note.encode() + b"\n" + rest
        name = self.data[10:name_end].decode()
        return replace(
            self, data=archive_gzip(text, name=name, mtime_s=stored_mtime_s(self.data) + 1)
        )


def real_files(root: Path = CLASSIC_ROOT) -> dict[EntryId, list[RealFile]]:
    """Return every bundled file, by entry."""
    found: dict[EntryId, list[RealFile]] = {}
    for path in sorted(root.rglob("*.gz")):
        known = identify(path.relative_to(root))
        if known is None:
            raise AssertionError(f"{path} is not a file of the archive")
        found.setdefault(known[0].entry, []).append(RealFile(known[0], path.read_bytes()))
    return found
