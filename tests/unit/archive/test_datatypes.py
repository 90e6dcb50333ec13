from __future__ import annotations

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat, parse_data_type, parse_format
from pdb_cli.errors import UnknownNameError


@pytest.mark.parametrize(
    ("names", "data_type"),
    [
        ("structures st struct", DataType.STRUCTURES),
        ("assemblies asm assembly", DataType.ASSEMBLIES),
        ("biounit", DataType.BIOUNIT),
        ("structure-factors sf xray", DataType.STRUCTURE_FACTORS),
        ("nmr-chemical-shifts nmr-cs cs", DataType.NMR_CHEMICAL_SHIFTS),
        ("nmr-restraints nmr-r", DataType.NMR_RESTRAINTS),
        ("nmr-data", DataType.NMR_DATA),
        ("validation validation-reports", DataType.VALIDATION),
        ("obsolete", DataType.OBSOLETE),
        ("ihm", DataType.IHM),
    ],
)
def test_every_promised_name_of_a_data_type_is_understood(names: str, data_type: DataType) -> None:
    for name in names.split():
        assert parse_data_type(name) is data_type
        assert parse_data_type(f" {name.upper()} ") is data_type


@pytest.mark.parametrize(
    ("names", "file_format"),
    [
        ("mmcif cif", FileFormat.MMCIF),
        ("pdb", FileFormat.PDB),
        ("xml pdbml", FileFormat.XML),
        ("bcif", FileFormat.BCIF),
        ("nmr-star star str", FileFormat.NMR_STAR),
        ("nef", FileFormat.NEF),
        ("mr", FileFormat.MR),
        ("pdf", FileFormat.PDF),
        ("png", FileFormat.PNG),
        ("svg", FileFormat.SVG),
    ],
)
def test_every_promised_name_of_a_format_is_understood(names: str, file_format: FileFormat) -> None:
    for name in names.split():
        assert parse_format(name) is file_format
        assert parse_format(f" {name.upper()} ") is file_format


def test_an_unknown_name_comes_back_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        parse_data_type("Structurs")
    assert caught.value.kind == "data type"
    assert caught.value.name == "Structurs"
    assert "structures" in caught.value.known

    with pytest.raises(UnknownNameError) as caught:
        parse_format("mmtf")
    assert caught.value.kind == "format"
    assert set(FileFormat) <= set(caught.value.known)
