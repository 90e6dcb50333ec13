from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.archive.identify import identify
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import (
    COLLECTION_ROWS,
    MAX_ASSEMBLY,
    ROWS,
    ArchiveFile,
    Layout,
    LayoutRow,
    archive_path,
    collection_path,
)

ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyz"

entries = st.one_of(
    st.from_regex("[0-9][a-z0-9]{3}", fullmatch=True),
    st.text(ALPHANUMERIC, min_size=8, max_size=8).map("pdb_".__add__),
).map(EntryId.parse)


def file_of(
    entry: str,
    data_type: DataType = DataType.STRUCTURES,
    file_format: FileFormat = FileFormat.MMCIF,
    assembly: int | None = None,
) -> ArchiveFile:
    return ArchiveFile(EntryId.parse(entry), data_type, file_format, assembly)


@given(
    row=st.sampled_from((*ROWS, *COLLECTION_ROWS)),
    entry=entries,
    number=st.integers(1, MAX_ASSEMBLY),
    root=st.sampled_from(["", "/data/pdb/", "../", "./a b/é/"]),
    zipped=st.booleans(),
)
def test_i01_every_path_of_the_archive_is_read_back(
    row: LayoutRow, entry: EntryId, number: int, root: str, *, zipped: bool
) -> None:
    layout, data_type, file_format, _ = row
    file = ArchiveFile(
        entry, data_type, file_format, number if data_type in NUMBERED_TYPES else None
    )
    paths = [collection_path(file, layout)]
    if row in ROWS:
        paths.append(archive_path(file, layout))
    for path in paths:
        text = root + (path if zipped else path.removesuffix(".gz"))
        assert identify(text) == (file, layout)
        assert identify(Path(text)) == (file, layout)


REAL = {
    "pdb/data/assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz": file_of(
        "4hhb", DataType.ASSEMBLIES, assembly=1
    ),
    "pdb/data/biounit/coordinates/divided/hh/4hhb.pdb1.gz": file_of(
        "4hhb", DataType.BIOUNIT, FileFormat.PDB, 1
    ),
    "pdb/data/structures/divided/structure_factors/wk/r5wkdsf.ent.gz": file_of(
        "5wkd", DataType.STRUCTURE_FACTORS
    ),
    "pdb/data/structures/divided/pdb/gd/pdb1gdr.ent.gz": file_of(
        "1gdr", file_format=FileFormat.PDB
    ),
    "pdb/data/structures/divided/pdb/hh/pdb4hhb.ent.gz": file_of(
        "4hhb", file_format=FileFormat.PDB
    ),
    "pdb/data/structures/divided/pdb/wk/pdb5wkd.ent.gz": file_of(
        "5wkd", file_format=FileFormat.PDB
    ),
}
REAL_STRUCTURES = (  # noqa: SIM905 - a list of forty ids reads better so
    "1ah1 7avw 1b5f 1bmv 1c58 5db0 1dsr 1dul 4e2o 1ej9 4en8 5eu8 6fsz 4hhb 2hw3 2hyv 3hya 3iyd "
    "7jz1 5kds 1kqe 6lu7 7n0r 1o3q 2osl 8pge 6q20 3rer 6rfk 6rku 1sfo 1tcc 5tm0 6tzg 8u4l 3vbt "
    "3vd8 3vfj 7vg9 2voo 2wmg 6yrq 3ztj"
).split()
REAL_VALIDATION = (  # noqa: SIM905 - as above
    "2voo 2wmg 1sfo 1c58 6rny 1bmv 3iyd 4en8 6yrq 3ztj 5vp2 6rfk 3vfj 1dsr 6rku 5kds 3vd8 3rer "
    "6fsz 1ah1 4e2o 1o3q 1kqe 2hw3 5tm0 5eu8 1b5f 6lu7 2hyv 3hya 1dul"
).split()
REAL_IHM = "8zz1 8zz2 8zz3 8zz4 8zz5 8zz6 8zz7 8zz8 8zz9 8zza".split()  # noqa: SIM905 - as above
REAL |= {
    f"pdb/data/structures/divided/mmCIF/{entry[1:3]}/{entry}.cif.gz": file_of(entry)
    for entry in REAL_STRUCTURES
}
REAL |= {
    f"pdb/validation_reports/{entry[1:3]}/{entry}/{entry}_validation.{ending}.gz": file_of(
        entry, DataType.VALIDATION, file_format
    )
    for entry in REAL_VALIDATION
    for ending, file_format in (("cif", FileFormat.MMCIF), ("xml", FileFormat.XML))
}
REAL |= {
    f"pdb_ihm/data/entries/zz/{entry}/structures/{entry}.cif.gz": file_of(entry, DataType.IHM)
    for entry in REAL_IHM
}


@pytest.mark.parametrize("path", REAL)
def test_real_paths_are_recognised(path: str) -> None:
    assert identify(path) == (REAL[path], Layout.CLASSIC)
    assert identify(f"/srv/mirror/pub/{path}") == (REAL[path], Layout.CLASSIC)


@pytest.mark.parametrize(
    "path",
    [
        "pdb/holdings/released_structures_last_modified_dates.json.gz",
        "pdb/data/structures/divided/mmCIF/hh",
        "extended-ids/Models/pdb_00017w41-extended_PDB_CCD_codes-model.cif",
        "extended-ids/Models/pdb_00017u1t-extended_PDB_codes-model.cif",
        "extended-ids/Models/8eur-extended_CCD_code-model.cif",
        "extended-ids/Models/1a7y-extended_CCD_code-model.cif",
        "extended-ids/CCD/9QRZS.cif",
        "extended-ids/CCD/X2AVD.cif",
        "chem_comp/ATP.cif",
        "bcif/ma_mabakcepc0003.bcif.gz",
        "structures/divided/mmCIF/hh/.4hhb.cif.gz.part",
        "4hhb-assembly0.cif.gz",
        "4hhb-assembly01.cif.gz",
        "4hhb.cif.gz/",
        "",
    ],
)
def test_other_files_are_not_taken_for_archive_files(path: str) -> None:
    assert identify(path) is None


@pytest.mark.parametrize(
    ("path", "file", "layout"),
    [
        ("4HHB.cif", file_of("4hhb"), Layout.CLASSIC),
        ("pdb_00004hhb.cif.gz", file_of("4hhb"), Layout.ENTRY),
        ("pdb_1abc5678.cif.gz", file_of("pdb_1abc5678"), Layout.ENTRY),
        ("mmCIF/67/pdb_1abc5678.cif.gz", file_of("pdb_1abc5678"), Layout.CLASSIC),
        (
            "pdb_0000318d.pdb.gz",
            file_of("318d", file_format=FileFormat.PDB),
            Layout.ENTRY,
        ),
        (
            "pdb_0000116d-sf.cif.gz",
            file_of("116d", DataType.STRUCTURE_FACTORS),
            Layout.ENTRY,
        ),
        (
            "structures/obsolete/mmCIF/16/116l.cif.gz",
            file_of("116l", DataType.OBSOLETE),
            Layout.CLASSIC,
        ),
        (
            "2kkv_mr.str",
            file_of("2kkv", DataType.NMR_RESTRAINTS, FileFormat.NMR_STAR),
            Layout.CLASSIC,
        ),
        ("2kkv.mr.gz", file_of("2kkv", DataType.NMR_RESTRAINTS, FileFormat.MR), Layout.CLASSIC),
        ("4hhb.bcif.gz", file_of("4hhb", file_format=FileFormat.BCIF), Layout.CLASSIC),
        ("obsolete-things/116l.cif.gz", file_of("116l"), Layout.CLASSIC),
    ],
)
def test_the_name_decides_and_directories_settle_the_rest(
    path: str, file: ArchiveFile, layout: Layout
) -> None:
    assert identify(path) == (file, layout)


hostile_names = st.one_of(
    st.text(),
    st.text(st.characters(), max_size=20).map(lambda text: f"4hhb{text}.cif.gz"),
    st.from_regex(r"(pdb_?)?[0-9a-zA-Z\u0660-\u0669]{4,8}(-assembly|\.pdb)[0-9]{0,9}(\.cif)?"),
    st.lists(st.sampled_from(["..", "", "data", "{hash}", "{id}", "4hhb.cif", "\0"])).map("/".join),
)


@given(hostile_names)
@example("1a\u212ac.cif")
@example("4hhb.cif\n")
@example("4hhb-assembly" + "9" * 5000 + ".cif")
@example("\udc80/4hhb.cif.gz")
@example("{id}.cif.gz")
def test_hostile_paths_never_raise_and_what_is_found_is_a_real_file(path: str) -> None:
    found = identify(path)
    if found is not None:
        file, layout = found
        name = collection_path(file, layout).rpartition("/")[2]
        assert path.rpartition("/")[2].removesuffix(".gz").lower() == name.removesuffix(".gz")
