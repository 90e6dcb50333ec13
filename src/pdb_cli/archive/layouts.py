"""Where the archive keeps a file, as one table with a row per layout, data type and format.

``archive_path`` reads the table forwards; :mod:`pdb_cli.archive.identify` reads it backwards.
Sources: wwPDB and RCSB file download pages for the classic layout; for the entry layout the wwPDB
beta archive (wwpdb.org/ftp/pdb-beta-ftp-sites), which replaces the classic one on 21 July 2027.
The names of its sub-directories are known from use only, hence rows and not code.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from enum import StrEnum
from typing import Final, NamedTuple

from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import InvalidValueError, UnsupportedError

MAX_ASSEMBLY: Final = 99_999
"""Far above any real assembly number; keeps nonsense out of file names."""


class Layout(StrEnum):
    """How an archive arranges its directories and names."""

    CLASSIC = "classic"
    """By kind of data, then by hash, names with classic ids: until July 2027."""
    ENTRY = "entry"
    """One directory per entry, names with extended ids: from 21 July 2027."""


class ArchiveFile(NamedTuple):
    """One file of the archive: which entry, what about it, how written."""

    entry: EntryId
    data_type: DataType
    file_format: FileFormat
    assembly: int | None = None
    """The number of the assembly, from 1, for numbered types; None for all others."""


class LayoutRow(NamedTuple):
    """Where the files of one kind are."""

    layout: Layout
    data_type: DataType
    file_format: FileFormat
    template: str
    """Path below the mirror's root with ``{hash}``, ``{id}`` and ``{number}``.

    ``../`` stands for a tree beside the root."""


_C, _E = Layout.CLASSIC, Layout.ENTRY
_T, _F = DataType, FileFormat
_ENTRY_DIR = "data/entries/{hash}/{id}"

ROWS: Final = (
    LayoutRow(_C, _T.STRUCTURES, _F.MMCIF, "data/structures/divided/mmCIF/{hash}/{id}.cif.gz"),
    LayoutRow(_C, _T.STRUCTURES, _F.PDB, "data/structures/divided/pdb/{hash}/pdb{id}.ent.gz"),
    LayoutRow(_C, _T.STRUCTURES, _F.XML, "data/structures/divided/XML/{hash}/{id}.xml.gz"),
    LayoutRow(
        _C,
        _T.ASSEMBLIES,
        _F.MMCIF,
        "data/assemblies/mmCIF/divided/{hash}/{id}-assembly{number}.cif.gz",
    ),
    LayoutRow(
        _C, _T.BIOUNIT, _F.PDB, "data/biounit/coordinates/divided/{hash}/{id}.pdb{number}.gz"
    ),
    # The text inside is mmCIF, whatever the name says.
    LayoutRow(
        _C,
        _T.STRUCTURE_FACTORS,
        _F.MMCIF,
        "data/structures/divided/structure_factors/{hash}/r{id}sf.ent.gz",
    ),
    LayoutRow(_C, _T.VALIDATION, _F.MMCIF, "validation_reports/{hash}/{id}/{id}_validation.cif.gz"),
    LayoutRow(_C, _T.VALIDATION, _F.XML, "validation_reports/{hash}/{id}/{id}_validation.xml.gz"),
    LayoutRow(_C, _T.OBSOLETE, _F.MMCIF, "data/structures/obsolete/mmCIF/{hash}/{id}.cif.gz"),
    LayoutRow(_C, _T.OBSOLETE, _F.PDB, "data/structures/obsolete/pdb/{hash}/pdb{id}.ent.gz"),
    LayoutRow(_C, _T.OBSOLETE, _F.XML, "data/structures/obsolete/XML/{hash}/{id}.xml.gz"),
    LayoutRow(_C, _T.IHM, _F.MMCIF, "../pdb_ihm/data/entries/{hash}/{id}/structures/{id}.cif.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.MMCIF, _ENTRY_DIR + "/structures/{id}.cif.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.PDB, _ENTRY_DIR + "/structures/{id}.pdb.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.XML, _ENTRY_DIR + "/structures/{id}.xml.gz"),
    LayoutRow(_E, _T.ASSEMBLIES, _F.MMCIF, _ENTRY_DIR + "/assemblies/{id}-assembly{number}.cif.gz"),
    LayoutRow(_E, _T.STRUCTURE_FACTORS, _F.MMCIF, _ENTRY_DIR + "/experimental_data/{id}-sf.cif.gz"),
    LayoutRow(
        _E, _T.VALIDATION, _F.MMCIF, _ENTRY_DIR + "/validation_reports/{id}_validation.cif.gz"
    ),
    LayoutRow(_E, _T.VALIDATION, _F.XML, _ENTRY_DIR + "/validation_reports/{id}_validation.xml.gz"),
)

_TEMPLATES: Final = {(row.layout, row.data_type, row.file_format): row.template for row in ROWS}


def supported_formats(data_type: DataType, layout: Layout) -> tuple[FileFormat, ...]:
    """List the formats in which a layout offers a type of data, the most usual first.

    Parameters
    ----------
    data_type
        The type of data.
    layout
        The layout.

    Returns
    -------
    tuple of FileFormat
        Empty when the layout has no known place for the type.

    Examples
    --------
    >>> [str(name) for name in supported_formats(DataType.BIOUNIT, Layout.CLASSIC)]
    ['pdb']
    """
    return tuple(row.file_format for row in ROWS if row[:2] == (layout, data_type))


def archive_path(file: ArchiveFile, layout: Layout) -> str:
    """Return the path of a file below a mirror's root (``pub/pdb``).

    Parameters
    ----------
    file
        The file.
    layout
        How the archive is arranged.

    Returns
    -------
    str
        A relative path; it begins with ``../`` for a tree beside the root (``pub/pdb_ihm``).

    Raises
    ------
    UnsupportedError
        The archive has no such combination of type and format, or its place is not known.
    InvalidValueError
        The assembly number is missing, not needed, or not a sensible number.

    Examples
    --------
    >>> from pdb_cli.archive.ids import EntryId
    >>> file = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.MMCIF)
    >>> archive_path(file, Layout.CLASSIC)
    'data/structures/divided/mmCIF/ab/1abc.cif.gz'
    >>> archive_path(file, Layout.ENTRY)
    'data/entries/ab/pdb_00001abc/structures/pdb_00001abc.cif.gz'
    """
    template = _TEMPLATES.get((layout, file.data_type, file.file_format))
    if template is None:
        raise _unsupported(file, layout)
    _check_assembly(file)
    entry = file.entry
    return template.format(
        hash=entry.hash_dir,
        id=entry.extended if layout is Layout.ENTRY else str(entry),
        number=file.assembly,
    )


def collection_path(file: ArchiveFile, layout: Layout) -> str:
    """Return the path of a file below the root of a collection (``$PDB_DIR``).

    A collection mirrors ``pub/pdb/data``; trees from outside of it keep their name at its top.

    Parameters
    ----------
    file
        The file.
    layout
        How the collection is arranged.

    Returns
    -------
    str
        A relative path that never leaves the collection.

    Raises
    ------
    UnsupportedError, InvalidValueError
        As ``archive_path``.

    Examples
    --------
    >>> from pdb_cli.archive.ids import EntryId
    >>> file = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.PDB)
    >>> collection_path(file, Layout.CLASSIC)
    'structures/divided/pdb/ab/pdb1abc.ent.gz'
    """
    path = archive_path(file, layout)
    if path.startswith("../"):
        return path[3:]
    return path.removeprefix("data/")


def _check_assembly(file: ArchiveFile) -> None:
    """Refuse a number where there is none, and no number where there must be one."""
    if file.data_type in NUMBERED_TYPES:
        if file.assembly is None or not 1 <= file.assembly <= MAX_ASSEMBLY:
            expected = f"the number of an assembly, from 1 to {MAX_ASSEMBLY}"
            raise InvalidValueError("assembly", str(file.assembly), expected)
    elif file.assembly is not None:
        raise InvalidValueError("assembly", str(file.assembly), f"none, for {file.data_type}")


def _unsupported(file: ArchiveFile, layout: Layout) -> UnsupportedError:
    """Say why a combination has no path, and what there is instead."""
    subject = f"{file.data_type} as {file.file_format}"
    if offered := supported_formats(file.data_type, layout):
        return UnsupportedError(subject, f"the archive offers them as {', '.join(offered)}")
    if any(row.data_type is file.data_type for row in ROWS):
        return UnsupportedError(subject, f"their place in the layout {layout} is not known")
    return UnsupportedError(subject, "not among the types that are addressed by entry")
