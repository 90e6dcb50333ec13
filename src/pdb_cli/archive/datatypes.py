"""The kinds of data the archive holds, and the formats they come in, with every name users know."""

from __future__ import annotations

from enum import StrEnum

from pdb_cli.errors import UnknownNameError


class DataType(StrEnum):
    """What a file is about."""

    STRUCTURES = "structures"
    """The coordinates of an entry."""
    ASSEMBLIES = "assemblies"
    """A biological assembly as mmCIF, numbered from 1."""
    BIOUNIT = "biounit"
    """A biological assembly in the legacy PDB format, numbered from 1."""
    STRUCTURE_FACTORS = "structure-factors"
    NMR_CHEMICAL_SHIFTS = "nmr-chemical-shifts"
    NMR_RESTRAINTS = "nmr-restraints"
    """In NMR-STAR as the wwPDB wrote them anew, or word for word as they were deposited."""
    NMR_DATA = "nmr-data"
    """Shifts and restraints in one file, for entries of the last years."""
    VALIDATION = "validation"
    """wwPDB validation reports: as data, as the full report to read, as an overview to look at."""
    OBSOLETE = "obsolete"
    """The coordinates of entries that were withdrawn or superseded."""
    IHM = "ihm"
    """Integrative structures, which have an archive of their own."""


class FileFormat(StrEnum):
    """How a file is written."""

    MMCIF = "mmcif"
    PDB = "pdb"
    """The legacy format; missing for a growing part of the entries."""
    XML = "xml"
    """PDBML, or the XML of a validation report."""
    BCIF = "bcif"
    """BinaryCIF; served by some sites, not part of the archive."""
    NMR_STAR = "nmr-star"
    NEF = "nef"
    """NMR Exchange Format."""
    MR = "mr"
    """NMR restraints in whatever their authors wrote: free text."""
    PDF = "pdf"
    PNG = "png"
    SVG = "svg"


NUMBERED_TYPES = frozenset({DataType.ASSEMBLIES, DataType.BIOUNIT})
"""Types of which an entry has several files, numbered from 1."""

_DATA_TYPES = {str(data_type): data_type for data_type in DataType} | {
    "st": DataType.STRUCTURES,
    "struct": DataType.STRUCTURES,
    "asm": DataType.ASSEMBLIES,
    "assembly": DataType.ASSEMBLIES,
    "sf": DataType.STRUCTURE_FACTORS,
    "xray": DataType.STRUCTURE_FACTORS,
    "nmr-cs": DataType.NMR_CHEMICAL_SHIFTS,
    "cs": DataType.NMR_CHEMICAL_SHIFTS,
    "nmr-r": DataType.NMR_RESTRAINTS,
    "validation-reports": DataType.VALIDATION,
}
_FORMATS = {str(file_format): file_format for file_format in FileFormat} | {
    "cif": FileFormat.MMCIF,
    "pdbml": FileFormat.XML,
    "star": FileFormat.NMR_STAR,
    "str": FileFormat.NMR_STAR,
}


def parse_data_type(text: str) -> DataType:
    """Read a data type by any of its names, in any case.

    Parameters
    ----------
    text
        The name.

    Returns
    -------
    DataType
        The data type.

    Raises
    ------
    UnknownNameError
        It is none of the known names.

    Examples
    --------
    >>> parse_data_type("SF").value
    'structure-factors'
    """
    found = _DATA_TYPES.get(text.strip().lower())
    if found is None:
        raise UnknownNameError("data type", text, tuple(_DATA_TYPES))
    return found


def parse_format(text: str) -> FileFormat:
    """Read a file format by any of its names, in any case.

    Parameters
    ----------
    text
        The name.

    Returns
    -------
    FileFormat
        The format.

    Raises
    ------
    UnknownNameError
        It is none of the known names.

    Examples
    --------
    >>> parse_format("cif").value
    'mmcif'
    """
    found = _FORMATS.get(text.strip().lower())
    if found is None:
        raise UnknownNameError("format", text, tuple(_FORMATS))
    return found
