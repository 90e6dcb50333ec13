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
_DIVIDED = "data/structures/divided/"
_REPORT = "validation_reports/{hash}/{id}/{id}"
_ENTRY_DIR = "data/entries/{hash}/{id}"
_ENTRY_REPORT = _ENTRY_DIR + "/validation_reports/{id}"

ROWS: Final = (
    LayoutRow(_C, _T.STRUCTURES, _F.MMCIF, _DIVIDED + "mmCIF/{hash}/{id}.cif.gz"),
    LayoutRow(_C, _T.STRUCTURES, _F.PDB, _DIVIDED + "pdb/{hash}/pdb{id}.ent.gz"),
    LayoutRow(_C, _T.STRUCTURES, _F.XML, _DIVIDED + "XML/{hash}/{id}.xml.gz"),
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
        _DIVIDED + "structure_factors/{hash}/r{id}sf.ent.gz",
    ),
    LayoutRow(
        _C,
        _T.NMR_CHEMICAL_SHIFTS,
        _F.NMR_STAR,
        _DIVIDED + "nmr_chemical_shifts/{hash}/{id}_cs.str.gz",
    ),
    # Version 2, then version 1: the same restraints in one language, and in that of their authors.
    LayoutRow(
        _C, _T.NMR_RESTRAINTS, _F.NMR_STAR, _DIVIDED + "nmr_restraints_v2/{hash}/{id}_mr.str.gz"
    ),
    LayoutRow(_C, _T.NMR_RESTRAINTS, _F.MR, _DIVIDED + "nmr_restraints/{hash}/{id}.mr.gz"),
    LayoutRow(_C, _T.NMR_DATA, _F.NMR_STAR, _DIVIDED + "nmr_data/{hash}/{id}_nmr-data.str.gz"),
    LayoutRow(_C, _T.NMR_DATA, _F.NEF, _DIVIDED + "nmr_data/{hash}/{id}_nmr-data.nef.gz"),
    LayoutRow(_C, _T.VALIDATION, _F.MMCIF, _REPORT + "_validation.cif.gz"),
    LayoutRow(_C, _T.VALIDATION, _F.XML, _REPORT + "_validation.xml.gz"),
    LayoutRow(_C, _T.VALIDATION, _F.PDF, _REPORT + "_full_validation.pdf.gz"),
    LayoutRow(_C, _T.VALIDATION, _F.PNG, _REPORT + "_multipercentile_validation.png.gz"),
    LayoutRow(_C, _T.VALIDATION, _F.SVG, _REPORT + "_multipercentile_validation.svg.gz"),
    LayoutRow(_C, _T.OBSOLETE, _F.MMCIF, "data/structures/obsolete/mmCIF/{hash}/{id}.cif.gz"),
    LayoutRow(_C, _T.OBSOLETE, _F.PDB, "data/structures/obsolete/pdb/{hash}/pdb{id}.ent.gz"),
    LayoutRow(_C, _T.OBSOLETE, _F.XML, "data/structures/obsolete/XML/{hash}/{id}.xml.gz"),
    LayoutRow(_C, _T.IHM, _F.MMCIF, "../pdb_ihm/data/entries/{hash}/{id}/structures/{id}.cif.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.MMCIF, _ENTRY_DIR + "/structures/{id}.cif.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.PDB, _ENTRY_DIR + "/structures/{id}.pdb.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.XML, _ENTRY_DIR + "/structures/{id}.xml.gz"),
    LayoutRow(_E, _T.ASSEMBLIES, _F.MMCIF, _ENTRY_DIR + "/assemblies/{id}-assembly{number}.cif.gz"),
    LayoutRow(_E, _T.STRUCTURE_FACTORS, _F.MMCIF, _ENTRY_DIR + "/experimental_data/{id}-sf.cif.gz"),
    # Where the restraints are is not published yet: no rows rather than guesses.
    LayoutRow(
        _E, _T.NMR_CHEMICAL_SHIFTS, _F.NMR_STAR, _ENTRY_DIR + "/experimental_data/{id}_cs.str.gz"
    ),
    LayoutRow(_E, _T.NMR_DATA, _F.NMR_STAR, _ENTRY_DIR + "/experimental_data/{id}_nmr-data.str.gz"),
    LayoutRow(_E, _T.NMR_DATA, _F.NEF, _ENTRY_DIR + "/experimental_data/{id}_nmr-data.nef.gz"),
    LayoutRow(_E, _T.VALIDATION, _F.MMCIF, _ENTRY_REPORT + "_validation.cif.gz"),
    LayoutRow(_E, _T.VALIDATION, _F.XML, _ENTRY_REPORT + "_validation.xml.gz"),
    LayoutRow(_E, _T.VALIDATION, _F.PDF, _ENTRY_REPORT + "_full_validation.pdf.gz"),
    LayoutRow(_E, _T.VALIDATION, _F.PNG, _ENTRY_REPORT + "_multipercentile_validation.png.gz"),
    LayoutRow(_E, _T.VALIDATION, _F.SVG, _ENTRY_REPORT + "_multipercentile_validation.svg.gz"),
)
"""What the archive itself holds."""

COLLECTION_ROWS: Final = (
    LayoutRow(_C, _T.STRUCTURES, _F.BCIF, _DIVIDED + "bcif/{hash}/{id}.bcif.gz"),
    LayoutRow(_E, _T.STRUCTURES, _F.BCIF, _ENTRY_DIR + "/structures/{id}.bcif.gz"),
)
"""What a collection may hold beside that; some mirrors serve it, each under names of its own."""

_TEMPLATES: Final = {row[:3]: row.template for row in ROWS}
_COLLECTION_TEMPLATES: Final = {row[:3]: row.template for row in COLLECTION_ROWS}


def supported_formats(data_type: DataType, layout: Layout) -> tuple[FileFormat, ...]:
    """List the formats in which a type of data is to be had, the most usual first.

    Those that only some mirrors serve are among them, at the end.

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
    rows = (*ROWS, *COLLECTION_ROWS)
    return tuple(row.file_format for row in rows if row[:2] == (layout, data_type))


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
    return _fill_in(_TEMPLATES.get((layout, file.data_type, file.file_format)), file, layout)


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
        As ``archive_path``; also BinaryCIF has a place in a collection, though none in the archive.

    Examples
    --------
    >>> from pdb_cli.archive.ids import EntryId
    >>> file = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.PDB)
    >>> collection_path(file, Layout.CLASSIC)
    'structures/divided/pdb/ab/pdb1abc.ent.gz'
    """
    kind = (layout, file.data_type, file.file_format)
    path = _fill_in(_TEMPLATES.get(kind) or _COLLECTION_TEMPLATES.get(kind), file, layout)
    if path.startswith("../"):
        return path[3:]
    return path.removeprefix("data/")


def _fill_in(template: str | None, file: ArchiveFile, layout: Layout) -> str:
    """Return the path that a template gives for a file; without a template there is none."""
    if template is None:
        raise _unsupported(file, layout)
    _check_assembly(file)
    entry = file.entry
    return template.format(
        hash=entry.hash_dir,
        id=entry.extended if layout is Layout.ENTRY else str(entry),
        number=file.assembly,
    )


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
    if (layout, file.data_type, file.file_format) in _COLLECTION_TEMPLATES:
        return UnsupportedError(subject, "not in the archive; only some mirrors serve them")
    kind = (layout, file.data_type)
    if offered := [row.file_format for row in ROWS if row[:2] == kind]:
        reason = f"the archive offers them as {', '.join(offered)}"
        if beside := [row.file_format for row in COLLECTION_ROWS if row[:2] == kind]:
            reason += f"; some mirrors also as {', '.join(beside)}"
        return UnsupportedError(subject, reason)
    return UnsupportedError(subject, f"their place in the layout {layout} is not known")
