"""What the catalogue tells: files, records of verification, what a refresh found."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile
from pdb_cli.errors import Defect

if TYPE_CHECKING:
    import os

    from pdb_cli.archive.datatypes import DataType, FileFormat
    from pdb_cli.archive.layouts import Layout


class Level(IntEnum):
    """How thoroughly a file was looked at; each includes those before it."""

    SIZE = 1
    """Not empty."""
    GZIP = 2
    """Inflates to its end: checksum, length, one member, nothing behind it."""
    CONTENT = 3
    """The right kind, the right entry, complete."""
    HASH = 4
    """The very bytes that were recorded when it was last verified."""


class CatalogueFile(NamedTuple):
    """A file of the archive that is in the collection."""

    path: str
    """Relative to the collection, with ``/``; ``Collection.locate`` finds it on the disk."""
    entry_id: str
    """The extended form of the entry's id, ``pdb_00001abc``: text, because there are so many."""
    data_type: DataType
    file_format: FileFormat
    assembly: int | None
    """The number of the assembly, for types that are numbered."""
    layout: Layout
    """The one its name belongs to."""
    size_bytes: int
    mtime_ns: int
    """Its time, in nanoseconds since 1970."""

    @property
    def entry(self) -> EntryId:
        """Whose data it holds."""
        return EntryId(self.entry_id)

    @property
    def archive_file(self) -> ArchiveFile:
        """Which file of the archive it is."""
        return ArchiveFile(self.entry, self.data_type, self.file_format, self.assembly)


class OtherFile(NamedTuple):
    """A file in the collection whose name is not one of the archive's."""

    path: str
    """Relative to the collection, with ``/``."""
    size_bytes: int
    mtime_ns: int


class Record(NamedTuple):
    """What was found when a file was verified; it vouches for the file while nobody touched it."""

    path: str
    """Relative to the collection, with ``/``."""
    size_bytes: int
    mtime_ns: int
    level: Level
    """The most thorough look it passed."""
    verified_at_s: float
    """When it was last verified, in seconds since 1970."""
    sha256: str | None = None
    """Of the bytes on disk, in hexadecimal."""
    crc32: int | None = None
    """Of the text, from the gzip file."""
    url: str | None = None
    """Where it came from, without credentials; None if it was there already."""
    etag: str | None = None
    """The server's entity tag, as sent."""
    last_modified_s: float | None = None
    """The server's time of the file, in seconds since 1970."""
    ctime_ns: int | None = None
    """When the system last changed anything about the file, in nanoseconds since 1970: nobody can
    set it. None if it is not known."""

    def fits(self, size_bytes: int, mtime_ns: int) -> bool:
        """Tell whether it speaks of the version that is there now; not whether that is unharmed.

        Parameters
        ----------
        size_bytes
            The file's size.
        mtime_ns
            Its time, in nanoseconds since 1970.
        """
        return self.mtime_ns == mtime_ns and self.size_bytes == size_bytes

    def vouches_for(self, status: os.stat_result) -> bool:
        """Tell whether a file is as it was then, by all that the system says without reading it.

        Parameters
        ----------
        status
            What the system says of it now.
        """
        return status.st_ctime_ns == self.ctime_ns and self.fits(status.st_size, status.st_mtime_ns)


class Check(NamedTuple):
    """The last look at a file, good or bad; apart from records, which no check replaces."""

    path: str
    """Relative to the collection, with ``/``."""
    size_bytes: int
    mtime_ns: int
    level: Level
    """How thorough it was; of a bad file, the level that it did not pass."""
    checked_at_s: float
    """When, in seconds since 1970."""
    ctime_ns: int | None = None
    """As of ``Record``."""
    defect: str | None = None
    """What was wrong with the file; None for a good one."""

    def fits(self, size_bytes: int, mtime_ns: int) -> bool:
        """Tell whether it speaks of the version that is there now; as ``Record.fits``."""
        return self.mtime_ns == mtime_ns and self.size_bytes == size_bytes

    def vouches_for(self, status: os.stat_result) -> bool:
        """Tell whether a file was found good, and is as it was then; as ``Record.vouches_for``."""
        is_untouched = status.st_ctime_ns == self.ctime_ns and self.defect is None
        return is_untouched and self.fits(status.st_size, status.st_mtime_ns)

    def condemns(self, status: os.stat_result, record: Record | None) -> bool:
        """Tell whether a file is to be taken for bad.

        Bad bytes stay bad under another mode or with another link, so what was found holds while
        size and time stay. What the system did not give out may be readable by now: that holds
        only while nobody touched the file.

        Parameters
        ----------
        status
            What the system says of the file now.
        record
            What was recorded of it: of the file that is there now, if it has come since.
        """
        if self.defect is None or not self.fits(status.st_size, status.st_mtime_ns):
            return False
        if self.ctime_ns == status.st_ctime_ns:
            return True
        is_replaced = record is not None and record.vouches_for(status)
        return not is_replaced and self.defect != Defect.UNREADABLE


_OUTDATED = "outdated for "


class Mark(NamedTuple):
    """The state of the archive that a file was last compared with, and what came of it."""

    path: str
    """Relative to the collection, with ``/``."""
    size_bytes: int
    mtime_ns: int
    against: str
    """The archive's date of the file, word for word, for a file that is current. Of one that is
    not, more: see :meth:`outdated`."""

    @classmethod
    def outdated(cls, path: str, size_bytes: int, mtime_ns: int, date: str) -> Mark:
        """Return the mark of a file that is another version than the archive's.

        Parameters
        ----------
        path, size_bytes, mtime_ns
            The file.
        date
            The archive's date, word for word.
        """
        return cls(path, size_bytes, mtime_ns, _OUTDATED + date)

    @property
    def is_outdated(self) -> bool:
        """Whether the file was found to be another version than the archive's."""
        return self.against.startswith(_OUTDATED)

    @property
    def date(self) -> str:
        """The archive's date, whatever came of the comparison."""
        return self.against.removeprefix(_OUTDATED)

    def fits(self, size_bytes: int, mtime_ns: int) -> bool:
        """Tell whether it speaks of the file that is there now; as ``Record.fits``."""
        return self.mtime_ns == mtime_ns and self.size_bytes == size_bytes


class Known(NamedTuple):
    """A file with what is known of it, whether that still fits or not."""

    file: CatalogueFile
    record: Record | None
    check: Check | None


class Occasion(Enum):
    """Why a record is made."""

    ARRIVAL = "arrival"
    """The file came from a mirror, verified: the record replaces what was there."""
    CHECK = "check"
    """The file was there and was looked at: a record only gains by it. One that has a SHA-256 goes
    on with the same bytes under a new time, and is not changed by other bytes."""


class Refreshed(NamedTuple):
    """What a refresh found."""

    files: int
    """Files in the collection now, those with other names included."""
    directories: int
    directories_read: int
    """Those that had changed since the catalogue last saw them."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Directories that could not be read, and why: what is in them is not known."""
    saved: bool = True
    """Whether a later refresh will profit from this one."""
