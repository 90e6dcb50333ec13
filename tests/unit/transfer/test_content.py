from __future__ import annotations

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import Defect, VerificationError
from pdb_cli.transfer.content import check_content, looks_like_html
from pdb_cli.transfer.verify import Expectation

HEADER = b"HEADER    OXYGEN TRANSPORT                        07-MAR-84   %s              \n"


def defect_of(
    head: bytes,
    file_format: FileFormat,
    data_type: DataType = DataType.STRUCTURES,
    entry: str = "4hhb",
) -> Defect | None:
    """Return what is wrong with the beginning of a text; None if nothing is."""
    expectation = Expectation(EntryId.parse(entry), data_type, file_format, gzipped=True)
    try:
        check_content(head, expectation, subject="x")
    except VerificationError as error:
        return error.defect
    return None


@pytest.mark.parametrize(
    ("head", "defect"),
    [
        (b"data_4HHB\n#\n", None),
        (b"data_4hhb", None),
        (b"data_pdb_00004hhb\n", None),
        (b"DATA_PDB_00004HHB extra\r\n", None),
        (b"\n  \n# a comment\n#\ndata_4HHB\n", None),
        (b"data_1ABC\n", Defect.WRONG_ENTRY),
        (b"data_pdb_10004hhb\n", Defect.WRONG_ENTRY),
        (b"data_XXXX\n", Defect.WRONG_ENTRY),
        (b"data_\n", Defect.WRONG_ENTRY),
        (b"loop_\ndata_4HHB\n", Defect.WRONG_KIND),
        (b"#\n#\n", Defect.WRONG_KIND),
        (b"HEADER    OXYGEN\n", Defect.WRONG_KIND),
        (b'{"error": "not found"}', Defect.WRONG_KIND),
        (b"\x83\xa7encoder", Defect.WRONG_KIND),
        (b"", Defect.EMPTY),
    ],
)
def test_structures_as_mmcif(head: bytes, defect: Defect | None) -> None:
    assert defect_of(head, FileFormat.MMCIF) is defect


@pytest.mark.parametrize(
    ("data_type", "head", "defect"),
    [
        (DataType.ASSEMBLIES, b"data_XXXX\n", None),
        (DataType.ASSEMBLIES, b"data_4HHB\n", None),
        (DataType.ASSEMBLIES, b"data_1ABC\n", Defect.WRONG_ENTRY),
        (DataType.STRUCTURE_FACTORS, b"data_r4hhbsf\n", None),
        (DataType.STRUCTURE_FACTORS, b"data_R4HHBSF\n", None),
        (DataType.STRUCTURE_FACTORS, b"data_r4hhbAsf\n", None),
        (DataType.STRUCTURE_FACTORS, b"data_4HHB-sf\n", None),
        (DataType.STRUCTURE_FACTORS, b"data_rpdb_00004hhbsf\n", None),
        (DataType.STRUCTURE_FACTORS, b"data_4HHB\n", Defect.WRONG_KIND),
        (DataType.STRUCTURE_FACTORS, b"data_pdb_00004hhb\n", Defect.WRONG_KIND),
        (DataType.STRUCTURE_FACTORS, b"data_1ABC\n", Defect.WRONG_ENTRY),
        (DataType.STRUCTURE_FACTORS, b"data_r1abcsf\n", Defect.WRONG_ENTRY),
        (DataType.STRUCTURE_FACTORS, b"HEADER\n", Defect.WRONG_KIND),
        (DataType.VALIDATION, b"data_4HHB\n", None),
        (DataType.IHM, b"data_8ZZ1\n", Defect.WRONG_ENTRY),
    ],
)
def test_other_data_as_mmcif(data_type: DataType, head: bytes, defect: Defect | None) -> None:
    assert defect_of(head, FileFormat.MMCIF, data_type) is defect


@pytest.mark.parametrize(
    ("head", "defect"),
    [
        (HEADER % b"4HHB", None),
        (HEADER % b"4hhb", None),
        (HEADER % b"XXXX", None),
        (HEADER % b"    ", None),
        (b"HEADER    SHORT\n", None),
        (b"REMARK   1\n", None),
        (b"ATOM      1  N   VAL A   1\n", None),
        (b"HETATM    1\nEND", None),
        (HEADER % b"1ABC", Defect.WRONG_ENTRY),
        (b"data_4HHB\n", Defect.WRONG_KIND),
        (b"NOTICE: moved\n", Defect.WRONG_KIND),
        (b"\n\n", Defect.WRONG_KIND),
    ],
)
def test_legacy_format(head: bytes, defect: Defect | None) -> None:
    assert defect_of(head, FileFormat.PDB) is defect


def test_legacy_header_has_no_room_for_an_extended_id() -> None:
    assert defect_of(HEADER % b"4HHB", FileFormat.PDB, entry="pdb_10004hhb") is None


REPORT = (
    b'<?xml version="1.0" ?>\n<wwPDB-validation-information xmlns:xsi="x">\n'
    b'\t<Entry PDB-R="0.25" attemptedValidationSteps="x" pdbid="%s" xyz="1">'
)
PDBML = b'<?xml version="1.0" encoding="UTF-8" ?>\n<PDBx:datablock datablockName="%s"\n   xmlns:'


@pytest.mark.parametrize(
    ("head", "defect"),
    [
        (PDBML % b"4HHB", None),
        (PDBML % b"1ABC", Defect.WRONG_ENTRY),
        (REPORT % b"4HHB", None),
        (REPORT % b"pdb_00004hhb", None),
        (REPORT % b"1ABC", Defect.WRONG_ENTRY),
        (b'\xef\xbb\xbf<PDBx:datablock datablockName="4HHB-noatom">', None),
        (b'<?xml version="1.0"?><wwPDB-validation-information>', None),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="">', Defect.WRONG_KIND),
        (b"<html><head>", Defect.WRONG_KIND),
        (b"data_4HHB\n", Defect.WRONG_KIND),
    ],
)
def test_xml(head: bytes, defect: Defect | None) -> None:
    assert defect_of(head, FileFormat.XML) is defect


@pytest.mark.parametrize(
    ("head", "defect"),
    [
        (b"\x83\xa7encoder\xadciftools-java\xa7version\xa50.3.0\xaadataBlocks\x91", None),
        (b"\xde\x00\x03\xaadataBlocks\x91", None),
        (b"\x83\xaadataBlocks\x91\x82\xa6header\xa44HHB\xaacategories", None),
        (b"\x83\xaadataBlocks\x91\x82\xa6header\xacpdb_00004hhb\xaacategories", None),
        (b"\x83\xaadataBlocks\x91\x82\xa6header\xa41ABC\xaacategories", Defect.WRONG_ENTRY),
        (b"\x83\xaadataBlocks\x91\x82\xa6header\xb0MA-BAK-CEPC-0003\xaa", None),
        (b"\x83\xa5other\x00", Defect.WRONG_KIND),
        (b"data_4HHB encoder", Defect.WRONG_KIND),
    ],
)
def test_binary_cif(head: bytes, defect: Defect | None) -> None:
    assert defect_of(head, FileFormat.BCIF) is defect


STAR, NEF, MR = FileFormat.NMR_STAR, FileFormat.NEF, FileFormat.MR
SVG_HEAD = (
    b'<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "x"\n "y">\n<svg width="9">'
)


@pytest.mark.parametrize(
    ("file_format", "head", "defect"),
    [
        (STAR, b"\n# shifts\ndata_4hhb_cs\n", None),
        (STAR, b"data_4HHB\n", None),
        (STAR, b"data_1ABC\n", Defect.WRONG_ENTRY),
        (STAR, b"save_x\n", Defect.WRONG_KIND),
        (NEF, b"data_nef_4hhb\n", None),
        (NEF, b"data_1abc\n", Defect.WRONG_ENTRY),
        (NEF, b"{}", Defect.WRONG_KIND),
        (MR, b"*HEADER    OXYGEN\n", None),
        (MR, b"! what X-PLOR wrote in \xc5ngstr\xf6m\nassign (resid 1 and name HN)\n", None),
        (MR, b"a\0b", Defect.WRONG_KIND),
        (MR, b"", Defect.EMPTY),
        (FileFormat.PDF, b"%PDF-1.5\n", None),
        (FileFormat.PDF, b"data_4HHB\n", Defect.WRONG_KIND),
        (FileFormat.PNG, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None),
        (FileFormat.PNG, b"\xff\xd8\xff\xe0", Defect.WRONG_KIND),
        (FileFormat.SVG, SVG_HEAD, None),
        (FileFormat.SVG, b'<svg xmlns="http://www.w3.org/2000/svg">', None),
        (FileFormat.SVG, b'<?xml version="1.0"?><wwPDB-validation-information>', Defect.WRONG_KIND),
    ],
)
def test_nmr_data_and_reports(file_format: FileFormat, head: bytes, defect: Defect | None) -> None:
    assert defect_of(head, file_format, DataType.NMR_DATA) is defect


@pytest.mark.parametrize("file_format", FileFormat)
@pytest.mark.parametrize(
    "page",
    [b"<!DOCTYPE HTML>", b" \n<HTML lang=en>", b"<head>", b"<!-- cached -->\n<html>", b"<body>x"],
)
def test_web_page_is_no_data_of_any_format(file_format: FileFormat, page: bytes) -> None:
    assert looks_like_html(page)
    assert defect_of(page, file_format) is Defect.WRONG_KIND
