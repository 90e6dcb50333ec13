from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.datatypes import NUMBERED_TYPES
from pdb_cli.archive.identify import identify
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import COLLECTION_ROWS, ROWS, ArchiveFile, LayoutRow, collection_path
from pdb_cli.index.naming import DirectoryNaming, Identity

CLASSIC = st.from_regex(r"[0-9][0-9a-z]{3}", fullmatch=True)
EXTENDED = st.from_regex(r"pdb_[0-9a-z]{8}", fullmatch=True)
ROW = st.sampled_from((*ROWS, *COLLECTION_ROWS))


def by_table(directory: str, name: str) -> Identity | None:
    """Return what the whole path stands for."""
    found = identify(f"{directory}/{name}")
    if found is None:
        return None
    file, layout = found
    return Identity(file.entry.extended, *file[1:], layout)


def path_in_collection(row: LayoutRow, text: str, number: int) -> tuple[str, str]:
    """Return directory and name of a file of a row."""
    assembly = number if row.data_type in NUMBERED_TYPES else None
    file = ArchiveFile(EntryId.parse(text), row.data_type, row.file_format, assembly)
    directory, _, name = collection_path(file, row.layout).rpartition("/")
    return directory, name


@given(ROW, CLASSIC | EXTENDED, st.integers(1, 99_999))
def test_each_place_of_the_table_is_known(row: LayoutRow, text: str, number: int) -> None:
    directory, name = path_in_collection(row, text, number)
    found = DirectoryNaming(directory).identify(name)
    assert found == by_table(directory, name)
    assert found is not None
    assert found.entry_id == EntryId.parse(text).extended


CHANGES = (str.upper, str.title, str.lower, lambda name: name.removesuffix(".gz"))
INSERTED = ("", "0", "x", ".", "-", "sf", "r", ".gz")


@given(ROW, ROW, CLASSIC | EXTENDED, CLASSIC, st.data())
def test_odd_names_in_odd_places_are_what_the_table_says(
    row: LayoutRow, other: LayoutRow, text: str, text_of_other: str, data: st.DataObject
) -> None:
    _, name = path_in_collection(row, text, data.draw(st.integers(1, 12)))
    directory, _ = path_in_collection(other, text_of_other, 1)
    at = data.draw(st.integers(0, len(name)))
    inserted = name[:at] + data.draw(st.sampled_from(INSERTED)) + name[at:]
    for odd in (name, data.draw(st.sampled_from(CHANGES))(name), inserted):
        for place in (directory, directory.upper(), "elsewhere"):
            assert DirectoryNaming(place).identify(odd) == by_table(place, odd)


@pytest.mark.parametrize(
    "name", ["r1asf.ent.gz", "rsf.ent.gz", ".cif.gz", "1abc.cif.gz.part", "1ab-assembly1.cif.gz"]
)
def test_names_that_overlap_are_no_files_of_an_entry(name: str) -> None:
    for row in ROWS:
        directory, _ = path_in_collection(row, "1abc", 1)
        assert DirectoryNaming(directory).identify(name) == by_table(directory, name)


@given(
    ROW,
    st.lists(CLASSIC, min_size=1, max_size=6),
    st.sampled_from(["", "README", "1abc.cif", "1ABC.cif.gz", "1abc.cif.gz\n"]),
)
def test_a_directory_of_one_kind_is_told_at_once(
    row: LayoutRow, texts: list[str], odd: str
) -> None:
    directory, _ = path_in_collection(row, texts[0], 1)
    names = [path_in_collection(row, texts[0][:1] + texts[0][1:3] + t[3], 1)[1] for t in texts]
    naming = DirectoryNaming(directory)
    uniform = naming.uniform(names)
    if uniform is not None:
        where, kind = uniform
        for name in names:
            assert kind._replace(entry_id=f"pdb_0000{name[where]}") == naming.identify(name)
    if odd:
        assert naming.uniform([*names, odd]) is None or odd == "1abc.cif.gz"
