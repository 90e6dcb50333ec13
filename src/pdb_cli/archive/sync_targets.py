"""What ``sync`` can keep: every directory of the archive and of its neighbours, one row each.

A row says which kind of data a directory holds and nothing but that kind. It knows no host: a
mirror's roots come from :mod:`pdb_cli.archive.mirrors`, and ``../`` at the start of a directory
leads to the trees beside ``pub/pdb`` (or, twice, to those beside ``pub``).

How sure a row is: *official* (text of the site itself), *measured* (others have seen it, January
2026) or *unverified*. A row that turns out wrong fails with the mirror's own words; the root of a
mirror can be overridden by ``[mirrors.NAME]``.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.layouts import Layout

_T, _F = DataType, FileFormat


class Certainty(StrEnum):
    """How sure a row is."""

    OFFICIAL = "official"
    MEASURED = "measured"
    UNVERIFIED = "unverified"


class TargetRow(NamedTuple):
    """One directory."""

    name: str
    """Unique in its table: ``structures-mmcif``."""
    type_name: str
    """What ``-t`` calls it."""
    directory: str
    """Below a mirror's root (``pub/pdb``), without a slash at its end."""
    certainty: Certainty
    pattern: str | None = None
    """Path of a file in it, with ``{hash}``, ``{id}``, ``{number}`` and ``*``; None where names
    are not those of entries."""
    data_type: DataType | None = None
    file_format: FileFormat | None = None
    """None where all formats of the type are in it."""
    content_types: tuple[str, ...] = ()
    """The names of its files in the holdings."""
    all_directory: str | None = None
    """The directory of links to all of its files, without hashes."""
    shared: bool = False
    """Whether other kinds of data are in the directory: then :attr:`pattern` is needed always."""


_OFFICIAL, _MEASURED, _UNVERIFIED = Certainty
_DIVIDED: Final = "data/structures/divided/"
_ALL: Final = "data/structures/all/"
_ENTRIES: Final = "data/entries"
_ENTRY: Final = "{hash}/{id}/"


def _divided(
    name: str,
    data_type: DataType,
    folder: str,
    file: str,
    *content_types: str,
    file_format: FileFormat | None = None,
    certainty: Certainty = _OFFICIAL,
) -> TargetRow:
    """Make the row of a directory below ``structures/divided``."""
    return TargetRow(
        name,
        str(data_type),
        _DIVIDED + folder,
        certainty,
        "{hash}/" + file,
        data_type,
        file_format,
        content_types,
        _ALL + folder,
    )


def _of_entry(
    name: str,
    data_type: DataType,
    file: str,
    *content_types: str,
    file_format: FileFormat | None = None,
) -> TargetRow:
    """Make the row of one kind of data in the directories of the entries."""
    return TargetRow(
        f"{name}-entry",
        str(data_type),
        _ENTRIES,
        _UNVERIFIED,  # the names of the directories are known from use only
        _ENTRY + file,
        data_type,
        file_format,
        content_types,
        shared=True,
    )


def _beside(name: str, directory: str, certainty: Certainty) -> TargetRow:
    """Make the row of a tree that is not of entries."""
    return TargetRow(name, name, directory, certainty)


ARCHIVE_ROWS: Final[Mapping[Layout, tuple[TargetRow, ...]]] = {
    Layout.CLASSIC: (
        _divided(
            "structures-mmcif", _T.STRUCTURES, "mmCIF", "{id}.cif.gz", "mmcif", file_format=_F.MMCIF
        ),
        _divided(
            "structures-pdb", _T.STRUCTURES, "pdb", "pdb{id}.ent.gz", "pdb", file_format=_F.PDB
        ),
        TargetRow(
            "assemblies",
            "assemblies",
            "data/assemblies/mmCIF/divided",
            _OFFICIAL,
            "{hash}/{id}-assembly{number}.cif.gz",
            _T.ASSEMBLIES,
            _F.MMCIF,
            ("assembly_mmcif",),
            "data/assemblies/mmCIF/all",
        ),
        TargetRow(
            "biounit",
            "biounit",
            "data/biounit/coordinates/divided",
            _OFFICIAL,
            "{hash}/{id}.pdb{number}.gz",
            _T.BIOUNIT,
            _F.PDB,
            ("assembly_pdb",),
            "data/biounit/coordinates/all",
        ),
        _divided(
            "structure-factors",
            _T.STRUCTURE_FACTORS,
            "structure_factors",
            "r{id}sf.ent.gz",
            "structure_factors",
            file_format=_F.MMCIF,
        ),
        _divided(
            "nmr-chemical-shifts",
            _T.NMR_CHEMICAL_SHIFTS,
            "nmr_chemical_shifts",
            "{id}_cs.str.gz",
            "nmr_chemical_shifts",
            file_format=_F.NMR_STAR,
        ),
        _divided(
            "nmr-restraints-v2",
            _T.NMR_RESTRAINTS,
            "nmr_restraints_v2",
            "{id}_mr.str.gz",
            "nmr_restraints_v2",
            file_format=_F.NMR_STAR,
        ),
        _divided(
            "nmr-restraints-v1",
            _T.NMR_RESTRAINTS,
            "nmr_restraints",
            "{id}.mr.gz",
            "nmr_restraints_v1",
            file_format=_F.MR,
        ),
        _divided(
            "nmr-data",
            _T.NMR_DATA,
            "nmr_data",
            "{id}_nmr-data.*.gz",
            "combined_nmr_data_nef",
            "combined_nmr_data_nmr-star",
        ),
        TargetRow(
            "validation",
            "validation",
            "validation_reports",
            _OFFICIAL,
            "{hash}/{id}/{id}_*.gz",
            _T.VALIDATION,
            None,
            ("validation_report",),
        ),
        TargetRow(
            "obsolete-mmcif",
            "obsolete",
            "data/structures/obsolete/mmCIF",
            _OFFICIAL,
            "{hash}/{id}.cif.gz",
            _T.OBSOLETE,
            _F.MMCIF,
            ("mmcif",),
        ),
        TargetRow(
            "obsolete-pdb",
            "obsolete",
            "data/structures/obsolete/pdb",
            _OFFICIAL,
            "{hash}/pdb{id}.ent.gz",
            _T.OBSOLETE,
            _F.PDB,
            ("pdb",),
        ),
        TargetRow(
            "ihm",
            "ihm",
            "../pdb_ihm/data/entries",
            _OFFICIAL,
            "{hash}/{id}/structures/{id}.cif.gz",
            _T.IHM,
            _F.MMCIF,
            ("mmcif",),
            shared=True,
        ),
    ),
    Layout.ENTRY: (
        _of_entry(
            "structures-mmcif",
            _T.STRUCTURES,
            "structures/{id}.cif.gz",
            "mmcif",
            file_format=_F.MMCIF,
        ),
        _of_entry(
            "structures-pdb", _T.STRUCTURES, "structures/{id}.pdb.gz", "pdb", file_format=_F.PDB
        ),
        _of_entry(
            "assemblies",
            _T.ASSEMBLIES,
            "assemblies/{id}-assembly{number}.cif.gz",
            "assembly_mmcif",
            file_format=_F.MMCIF,
        ),
        _of_entry(
            "structure-factors",
            _T.STRUCTURE_FACTORS,
            "experimental_data/{id}-sf.cif.gz",
            "structure_factors",
            file_format=_F.MMCIF,
        ),
        _of_entry(
            "nmr-chemical-shifts",
            _T.NMR_CHEMICAL_SHIFTS,
            "experimental_data/{id}_cs.str.gz",
            "nmr_chemical_shifts",
            file_format=_F.NMR_STAR,
        ),
        _of_entry(
            "nmr-data",
            _T.NMR_DATA,
            "experimental_data/{id}_nmr-data.*.gz",
            "combined_nmr_data_nef",
            "combined_nmr_data_nmr-star",
        ),
        _of_entry("validation", _T.VALIDATION, "validation_reports/{id}_*.gz", "validation_report"),
    ),
}
"""The archive itself. Where restraints, biounits and obsolete entries will be in the layout of 2027
is not published: no rows rather than guesses."""

PDBJ_ROWS: Final = (
    _beside("emdb", "../emdb", _MEASURED),
    _beside("pdb-ihm", "../pdb_ihm", _MEASURED),
    _beside("derived", "derived_data", _OFFICIAL),
    _beside("bsma", "../../bsma", _MEASURED),
    _beside("efsite", "../../efsite", _MEASURED),
    _beside("pdb-nextgen", "../../pdb_nextgen", _MEASURED),
    _beside("pdb-versioned", "../../pdb_versioned", _MEASURED),
    _beside("pdbjplus", "../../pdbjplus", _MEASURED),
    _beside("promode", "../../promode", _MEASURED),
    _beside("uniprot", "../../uniprot", _MEASURED),
    _beside("xrda", "../../xrda", _MEASURED),
)
"""What PDBj keeps beside the archive: ``data.pdbj.org::rsync``."""

PDBE_ROWS: Final = (
    _beside("assemblies", "../msd/assemblies", _UNVERIFIED),
    _beside("foldseek", "../msd/foldseek", _UNVERIFIED),
    _beside("fragment-screening", "../msd/fragment_screening", _UNVERIFIED),
    _beside("graphdb", "../msd/graphdb", _UNVERIFIED),
    _beside("nmr", "../msd/nmr", _UNVERIFIED),
    _beside("pdb-assemblies-analysis", "../msd/pdb_assemblies_analysis", _UNVERIFIED),
    _beside("pdb-uncompressed", "../msd/pdb_uncompressed", _UNVERIFIED),
    _beside("pdbechem", "../msd/pdbechem", _UNVERIFIED),
    _beside("sifts", "../msd/sifts", _OFFICIAL),
    _beside("status", "../msd/status", _UNVERIFIED),
    _beside("updated-mmcif", "../msd/updated_mmcif", _UNVERIFIED),
)
"""What PDBe keeps beside the archive: ``pub/databases/msd`` at EBI."""


class TargetTable(NamedTuple):
    """A built-in target of ``sync``."""

    name: str
    fixed_type: DataType | None = None
    """The only type of data it has; None for a choice."""
    rows: tuple[TargetRow, ...] | None = None
    """Rows of its own; None for those of the archive."""
    mirror: str | None = None
    """Whose rows they are."""


BUILTIN_TARGETS: Final[Mapping[str, TargetTable]] = {
    table.name: table
    for table in (
        TargetTable("wwpdb"),
        TargetTable("structures", _T.STRUCTURES),
        TargetTable("assemblies", _T.ASSEMBLIES),
        TargetTable("pdbj", rows=PDBJ_ROWS, mirror="pdbj"),
        TargetTable("pdbe", rows=PDBE_ROWS, mirror="pdbe"),
    )
}
"""The targets every installation knows, by name."""

DEFAULT_TARGET: Final = "wwpdb"


def collection_directory(directory: str) -> str:
    """Return where a directory of the archive is below the root of a collection.

    Parameters
    ----------
    directory
        Below a mirror's root.

    Examples
    --------
    >>> collection_directory("data/structures/divided/mmCIF")
    'structures/divided/mmCIF'
    >>> collection_directory("../emdb"), collection_directory("derived_data")
    ('emdb', 'derived_data')
    """
    while directory.startswith("../"):
        directory = directory[3:]
    return directory.removeprefix("data/")
