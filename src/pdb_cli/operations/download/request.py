"""What a download is asked for: entries, kinds of files, a destination, mirrors.

The values here are named tuples, not dataclasses: they are made before ``--bg`` gives the prompt
back, and a dataclass costs a millisecond at import (docs/adr/0009-start-up-time.md).
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self

from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import (
    ArchiveFile,
    Layout,
    collection_path,
    supported_formats,
)
from pdb_cli.archive.mirrors import Mirror, serving_mirrors
from pdb_cli.errors import UnsupportedError

_NAMED_AS_STRUCTURES = frozenset({DataType.OBSOLETE, DataType.IHM})


class Arrangement(StrEnum):
    """How files lie below the destination."""

    DIVIDED = "divided"
    """The archive's own relative paths."""
    FLAT = "flat"
    """All in one directory; obsolete entries and integrative structures in one of their own."""


class Packing(StrEnum):
    """How files are kept."""

    ARCHIVE = "archive"
    """As the archive has them, compressed."""
    PLAIN = "plain"
    """Decompressed, under the name without ``.gz``."""


class ExistingFile(StrEnum):
    """What becomes of a file that is already there."""

    SKIP = "skip"
    """Keep it if it is valid."""
    REPLACE = "replace"
    """Fetch it again; it stays until the new one is verified."""


class ObsoletePolicy(StrEnum):
    """What becomes of an entry that was superseded."""

    REPORT = "report"
    """It is not found, and its successors are named."""
    FOLLOW = "follow"
    """Its successors are fetched instead."""


class FileKind(NamedTuple):
    """A type of data in one format."""

    data_type: DataType
    file_format: FileFormat


class Destination(NamedTuple):
    """Where files go."""

    root: Path
    arrangement: Arrangement = Arrangement.DIVIDED
    data_type_dirs: Mapping[DataType, Path] = MappingProxyType({})
    """Data types that live elsewhere: this replaces the first part of their path."""
    packing: Packing = Packing.ARCHIVE

    def roots(self, kinds: Iterable[FileKind]) -> tuple[Path, ...]:
        """Return the directories below which files of some kinds go, each once."""
        flat = self.arrangement is Arrangement.FLAT
        elsewhere = {} if flat else self.data_type_dirs
        return tuple(dict.fromkeys(elsewhere.get(kind.data_type, self.root) for kind in kinds))

    def path(self, file: ArchiveFile) -> Path:
        """Return the path of a file."""
        return self.place(file, collection_path(file, Layout.CLASSIC))

    def place(self, file: ArchiveFile, relative: str) -> Path:
        """Return the path of a file whose path in a collection is known."""
        if self.packing is Packing.PLAIN:
            relative = relative.removesuffix(".gz")
        if self.arrangement is Arrangement.FLAT:
            # Only their directories tell these from the structures of the same entries.
            own = f"{file.data_type}/" if file.data_type in _NAMED_AS_STRUCTURES else ""
            return self.root / (own + relative.rpartition("/")[2])
        elsewhere = self.data_type_dirs.get(file.data_type)
        if elsewhere is not None:
            return elsewhere / relative.partition("/")[2]
        return self.root / relative


def choose_kinds(
    data_types: Iterable[DataType], *, asked: FileFormat | None, preferred: FileFormat
) -> tuple[FileKind, ...]:
    """Choose a format for each type of data.

    Parameters
    ----------
    data_types
        The types; doubles are dropped.
    asked
        The format the user asked for; it is taken as it is.
    preferred
        Otherwise taken where the archive has it; elsewhere the archive's most usual one.

    Examples
    --------
    >>> kinds = choose_kinds([DataType.BIOUNIT], asked=None, preferred=FileFormat.MMCIF)
    >>> str(kinds[0].file_format)
    'pdb'
    """
    return tuple(
        FileKind(data_type, asked or _offered(data_type, preferred))
        for data_type in dict.fromkeys(data_types)
    )


def _offered(data_type: DataType, preferred: FileFormat) -> FileFormat:
    """Return the preferred format if the archive has it for a type, or for no type at all."""
    offered = supported_formats(data_type, Layout.CLASSIC)
    known = supported_formats(DataType.STRUCTURES, Layout.CLASSIC)
    return offered[0] if offered and preferred in known and preferred not in offered else preferred


AssemblyNumbers = Mapping[DataType, Mapping[EntryId, tuple[int, ...]]]
"""The numbers of the assemblies there are; an entry that is not in it has none."""


class DownloadRequest(NamedTuple):
    """What is wanted, and from where."""

    entries: tuple[EntryId, ...]
    kinds: tuple[FileKind, ...]
    """Of each entry, in this order."""
    destination: Destination
    mirrors: tuple[Mirror, ...]
    """In order of preference, which is the order of fail-over."""
    assembly: int | None = 1
    """Number of the assembly, for data types that have several; None is every one there is."""
    existing: ExistingFile = ExistingFile.SKIP
    fallback: bool = True
    """Whether an entry without a legacy PDB file is fetched as mmCIF instead."""
    obsolete: ObsoletePolicy = ObsoletePolicy.REPORT
    holdings_dir: Path | None = None
    """Where lists of the archive are kept; None: what is not found is not explained."""
    assembly_numbers: AssemblyNumbers = MappingProxyType({})
    """The numbers there are, where every assembly is wanted: see ``find_assemblies``."""

    def files(self) -> Iterator[ArchiveFile]:
        """Yield the wanted files, entry by entry.

        Raises
        ------
        UnsupportedError
            The archive has no such combination of type and format.
        """
        for entry in self.entries:
            for kind in self.kinds:
                for number in self._numbers(entry, kind):
                    yield ArchiveFile(entry, *kind, assembly=number)

    def files_of(self, entry: EntryId) -> int:
        """Return how many files of an entry are wanted."""
        if self.assembly is not None:
            return len(self.kinds)
        return sum(len(self._numbers(entry, kind)) for kind in self.kinds)

    @property
    def files_total(self) -> int:
        """Return how many files are wanted."""
        if self.assembly is None:
            return sum(map(self.files_of, self.entries))
        return len(self.entries) * len(self.kinds)

    def as_mmcif(self, files: Iterable[ArchiveFile]) -> Self:
        """Return the request for the structures of other files' entries as mmCIF."""
        return self._replace(
            entries=tuple(file.entry for file in files),
            kinds=(FileKind(DataType.STRUCTURES, FileFormat.MMCIF),),
            fallback=False,
        )

    def check(self) -> None:
        """Raise before anything starts if a wanted combination does not exist.

        Raises
        ------
        UnsupportedError
            The archive has no such combination of type and format, or no mirror can serve it; or
            the archive's own tree is to hold decompressed files.
        """
        place = self.destination
        if place.packing is Packing.PLAIN and place.arrangement is Arrangement.DIVIDED:
            raise UnsupportedError(
                "--decompress in a collection",
                "it keeps the archive's own files; use -d DIR or --layout flat",
            )
        for kind in self.kinds:
            number = (self.assembly or 1) if kind.data_type in NUMBERED_TYPES else None
            serving_mirrors(self.mirrors, ArchiveFile(self.entries[0], *kind, assembly=number))

    def _numbers(self, entry: EntryId, kind: FileKind) -> tuple[int | None, ...]:
        """Return the numbers of the wanted files of one entry and kind.

        Of an entry without assemblies the first is asked for, so that it is reported.
        """
        if kind.data_type not in NUMBERED_TYPES:
            return (None,)
        if self.assembly is not None:
            return (self.assembly,)
        return self.assembly_numbers[kind.data_type].get(entry) or (1,)
