from __future__ import annotations

import pytest

from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import (
    COLLECTION_ROWS,
    ROWS,
    ArchiveFile,
    Layout,
    archive_path,
    collection_path,
    supported_formats,
)
from pdb_cli.errors import InvalidValueError, UnsupportedError

C, E = Layout.CLASSIC, Layout.ENTRY
T, F = DataType, FileFormat

# As the archive's own pages publish them, spelled out for one entry.
PUBLISHED = {
    (C, T.STRUCTURES, F.MMCIF): "data/structures/divided/mmCIF/ab/1abc.cif.gz",
    (C, T.STRUCTURES, F.PDB): "data/structures/divided/pdb/ab/pdb1abc.ent.gz",
    (C, T.STRUCTURES, F.XML): "data/structures/divided/XML/ab/1abc.xml.gz",
    (C, T.ASSEMBLIES, F.MMCIF): "data/assemblies/mmCIF/divided/ab/1abc-assembly3.cif.gz",
    (C, T.BIOUNIT, F.PDB): "data/biounit/coordinates/divided/ab/1abc.pdb3.gz",
    (C, T.STRUCTURE_FACTORS, F.MMCIF): (
        "data/structures/divided/structure_factors/ab/r1abcsf.ent.gz"
    ),
    (C, T.NMR_CHEMICAL_SHIFTS, F.NMR_STAR): (
        "data/structures/divided/nmr_chemical_shifts/ab/1abc_cs.str.gz"
    ),
    (C, T.NMR_RESTRAINTS, F.NMR_STAR): (
        "data/structures/divided/nmr_restraints_v2/ab/1abc_mr.str.gz"
    ),
    (C, T.NMR_RESTRAINTS, F.MR): "data/structures/divided/nmr_restraints/ab/1abc.mr.gz",
    (C, T.NMR_DATA, F.NMR_STAR): "data/structures/divided/nmr_data/ab/1abc_nmr-data.str.gz",
    (C, T.NMR_DATA, F.NEF): "data/structures/divided/nmr_data/ab/1abc_nmr-data.nef.gz",
    (C, T.VALIDATION, F.PDF): "validation_reports/ab/1abc/1abc_full_validation.pdf.gz",
    (C, T.VALIDATION, F.PNG): "validation_reports/ab/1abc/1abc_multipercentile_validation.png.gz",
    (C, T.VALIDATION, F.SVG): "validation_reports/ab/1abc/1abc_multipercentile_validation.svg.gz",
    (C, T.VALIDATION, F.MMCIF): "validation_reports/ab/1abc/1abc_validation.cif.gz",
    (C, T.VALIDATION, F.XML): "validation_reports/ab/1abc/1abc_validation.xml.gz",
    (C, T.OBSOLETE, F.MMCIF): "data/structures/obsolete/mmCIF/ab/1abc.cif.gz",
    (C, T.OBSOLETE, F.PDB): "data/structures/obsolete/pdb/ab/pdb1abc.ent.gz",
    (C, T.OBSOLETE, F.XML): "data/structures/obsolete/XML/ab/1abc.xml.gz",
    (C, T.IHM, F.MMCIF): "../pdb_ihm/data/entries/ab/1abc/structures/1abc.cif.gz",
    (E, T.STRUCTURES, F.MMCIF): "data/entries/ab/pdb_00001abc/structures/pdb_00001abc.cif.gz",
    (E, T.STRUCTURES, F.PDB): "data/entries/ab/pdb_00001abc/structures/pdb_00001abc.pdb.gz",
    (E, T.STRUCTURES, F.XML): "data/entries/ab/pdb_00001abc/structures/pdb_00001abc.xml.gz",
    (E, T.ASSEMBLIES, F.MMCIF): (
        "data/entries/ab/pdb_00001abc/assemblies/pdb_00001abc-assembly3.cif.gz"
    ),
    (E, T.STRUCTURE_FACTORS, F.MMCIF): (
        "data/entries/ab/pdb_00001abc/experimental_data/pdb_00001abc-sf.cif.gz"
    ),
    (E, T.NMR_CHEMICAL_SHIFTS, F.NMR_STAR): (
        "data/entries/ab/pdb_00001abc/experimental_data/pdb_00001abc_cs.str.gz"
    ),
    (E, T.NMR_DATA, F.NMR_STAR): (
        "data/entries/ab/pdb_00001abc/experimental_data/pdb_00001abc_nmr-data.str.gz"
    ),
    (E, T.NMR_DATA, F.NEF): (
        "data/entries/ab/pdb_00001abc/experimental_data/pdb_00001abc_nmr-data.nef.gz"
    ),
    (E, T.VALIDATION, F.PDF): (
        "data/entries/ab/pdb_00001abc/validation_reports/pdb_00001abc_full_validation.pdf.gz"
    ),
    (E, T.VALIDATION, F.PNG): (
        "data/entries/ab/pdb_00001abc/validation_reports/"
        "pdb_00001abc_multipercentile_validation.png.gz"
    ),
    (E, T.VALIDATION, F.SVG): (
        "data/entries/ab/pdb_00001abc/validation_reports/"
        "pdb_00001abc_multipercentile_validation.svg.gz"
    ),
    (E, T.VALIDATION, F.MMCIF): (
        "data/entries/ab/pdb_00001abc/validation_reports/pdb_00001abc_validation.cif.gz"
    ),
    (E, T.VALIDATION, F.XML): (
        "data/entries/ab/pdb_00001abc/validation_reports/pdb_00001abc_validation.xml.gz"
    ),
}


def file_of(
    entry: str, data_type: DataType = T.STRUCTURES, file_format: FileFormat = F.MMCIF
) -> ArchiveFile:
    number = 3 if data_type in NUMBERED_TYPES else None
    return ArchiveFile(EntryId.parse(entry), data_type, file_format, number)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_d10_every_row_gives_the_published_path(
    row: tuple[Layout, DataType, FileFormat, str],
) -> None:
    layout, data_type, file_format, _ = row
    assert (
        archive_path(file_of("1ABC", data_type, file_format), layout)
        == (PUBLISHED[layout, data_type, file_format])
    )


def test_d10_no_published_path_lacks_a_row() -> None:
    assert {row[:3] for row in ROWS} == set(PUBLISHED)


def test_d10_every_type_of_data_has_a_row_in_the_classic_layout() -> None:
    assert {row.data_type for row in ROWS if row.layout is C} == set(DataType)


def test_a_collection_has_a_place_for_binary_cif_though_the_archive_has_none() -> None:
    file = file_of("1abc", file_format=F.BCIF)
    assert collection_path(file, C) == "structures/divided/bcif/ab/1abc.bcif.gz"
    assert collection_path(file, E) == "entries/ab/pdb_00001abc/structures/pdb_00001abc.bcif.gz"
    assert {row[:3] for row in COLLECTION_ROWS} == {
        (C, T.STRUCTURES, F.BCIF),
        (E, T.STRUCTURES, F.BCIF),
    }
    with pytest.raises(UnsupportedError) as caught:
        archive_path(file, C)
    assert caught.value.reason == "not in the archive; only some mirrors serve them"


def test_an_entry_without_a_classic_form_has_a_path_in_both_layouts() -> None:
    mmcif, legacy = file_of("PDB_1ABC5678"), file_of("PDB_1ABC5678", file_format=F.PDB)
    assert archive_path(mmcif, C) == "data/structures/divided/mmCIF/67/pdb_1abc5678.cif.gz"
    assert archive_path(legacy, C) == "data/structures/divided/pdb/67/pdbpdb_1abc5678.ent.gz"
    assert archive_path(mmcif, E) == "data/entries/67/pdb_1abc5678/structures/pdb_1abc5678.cif.gz"


@pytest.mark.parametrize(
    ("file", "layout", "path"),
    [
        (file_of("4hhb"), C, "structures/divided/mmCIF/hh/4hhb.cif.gz"),
        (
            file_of("4hhb", T.ASSEMBLIES),
            C,
            "assemblies/mmCIF/divided/hh/4hhb-assembly3.cif.gz",
        ),
        (
            file_of("2voo", T.VALIDATION, F.XML),
            C,
            "validation_reports/vo/2voo/2voo_validation.xml.gz",
        ),
        (
            file_of("8zz1", T.IHM),
            C,
            "pdb_ihm/data/entries/zz/8zz1/structures/8zz1.cif.gz",
        ),
        (file_of("4hhb"), E, "entries/hh/pdb_00004hhb/structures/pdb_00004hhb.cif.gz"),
    ],
)
def test_the_collection_mirrors_data_and_keeps_the_names_of_other_trees(
    file: ArchiveFile, layout: Layout, path: str
) -> None:
    assert collection_path(file, layout) == path


@pytest.mark.parametrize(
    ("data_type", "file_format", "layout", "reason"),
    [
        (T.ASSEMBLIES, F.PDB, C, "the archive offers them as mmcif"),
        (
            T.STRUCTURES,
            F.PDF,
            C,
            "the archive offers them as mmcif, pdb, xml; some mirrors also as bcif",
        ),
        (T.BIOUNIT, F.PDB, E, "their place in the layout entry is not known"),
        (T.NMR_DATA, F.MMCIF, C, "the archive offers them as nmr-star, nef"),
        (T.NMR_RESTRAINTS, F.NMR_STAR, E, "their place in the layout entry is not known"),
    ],
)
def test_a_combination_the_archive_lacks_is_refused_with_what_there_is(
    data_type: DataType, file_format: FileFormat, layout: Layout, reason: str
) -> None:
    with pytest.raises(UnsupportedError) as caught:
        archive_path(file_of("4hhb", data_type, file_format), layout)

    assert caught.value.subject == f"{data_type} as {file_format}"
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("data_type", "file_format", "number"),
    [
        (T.ASSEMBLIES, F.MMCIF, None),
        (T.ASSEMBLIES, F.MMCIF, 0),
        (T.ASSEMBLIES, F.MMCIF, -1),
        (T.BIOUNIT, F.PDB, 100_000),
        (T.STRUCTURES, F.MMCIF, 1),
    ],
)
def test_d11_an_assembly_number_is_there_exactly_where_it_must_be(
    data_type: DataType, file_format: FileFormat, number: int | None
) -> None:
    file = ArchiveFile(EntryId.parse("4hhb"), data_type, file_format, number)
    with pytest.raises(InvalidValueError) as caught:
        archive_path(file, C)
    assert caught.value.name == "assembly"


def test_formats_of_a_type_come_with_the_most_usual_first() -> None:
    assert supported_formats(T.STRUCTURES, C) == (F.MMCIF, F.PDB, F.XML, F.BCIF)
    assert supported_formats(T.NMR_RESTRAINTS, C) == (F.NMR_STAR, F.MR)
    assert supported_formats(T.BIOUNIT, E) == ()
