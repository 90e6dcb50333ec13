"""What a download is asked for: entries, kinds of files, a destination, mirrors.

The values here are named tuples, not dataclasses: they are made before ``--bg`` gives the prompt
back, and a dataclass costs a millisecond at import (docs/adr/0009-start-up-time.md).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.archive.layouts import ArchiveFile, Layout, collection_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pdb_cli.archive.ids import EntryId
    from pdb_cli.archive.mirrors import Mirror


class Arrangement(StrEnum):
    """How files lie below the destination."""

    DIVIDED = "divided"
    """The archive's own relative paths."""
    FLAT = "flat"
    """All in one directory."""


class ExistingFile(StrEnum):
    """What becomes of a file that is already there."""

    SKIP = "skip"
    """Keep it if it is valid."""
    REPLACE = "replace"
    """Fetch it again; it stays until the new one is verified."""


class Destination(NamedTuple):
    """Where files go."""

    root: Path
    arrangement: Arrangement = Arrangement.DIVIDED
    data_type_dirs: Mapping[DataType, Path] = MappingProxyType({})
    """Data types that live elsewhere: this replaces the first part of their path."""

    def path(self, file: ArchiveFile) -> Path:
        """Return the path of a file."""
        relative = PurePosixPath(collection_path(file, Layout.CLASSIC))
        if self.arrangement is Arrangement.FLAT:
            return self.root / relative.name
        elsewhere = self.data_type_dirs.get(file.data_type)
        if elsewhere is not None:
            return elsewhere.joinpath(*relative.parts[1:])
        return self.root.joinpath(*relative.parts)


class DownloadRequest(NamedTuple):
    """What is wanted, and from where."""

    entries: tuple[EntryId, ...]
    data_types: tuple[DataType, ...]
    file_format: FileFormat
    destination: Destination
    mirrors: tuple[Mirror, ...]
    """In order of preference, which is the order of fail-over."""
    assembly: int = 1
    """Number of the assembly, for data types that have several."""
    existing: ExistingFile = ExistingFile.SKIP
    fallback: bool = True
    """Whether an entry without a legacy PDB file is fetched as mmCIF instead."""

    def files(self) -> Iterator[ArchiveFile]:
        """Yield the wanted files, entry by entry.

        Raises
        ------
        UnsupportedError
            The archive has no such combination of type and format.
        """
        for entry in self.entries:
            for data_type in self.data_types:
                yield self._file(entry, data_type)

    @property
    def files_total(self) -> int:
        """Return how many files are wanted."""
        return len(self.entries) * len(self.data_types)

    def check(self) -> None:
        """Raise before anything starts if a wanted combination does not exist.

        Raises
        ------
        UnsupportedError
            The archive has no such combination of type and format, or a mirror can not serve it.
        """
        for data_type in self.data_types:
            for mirror in self.mirrors:
                mirror.url(self._file(self.entries[0], data_type))

    def _file(self, entry: EntryId, data_type: DataType) -> ArchiveFile:
        """Return the wanted file of one entry and type."""
        number = self.assembly if data_type in NUMBERED_TYPES else None
        return ArchiveFile(entry, data_type, self.file_format, assembly=number)
