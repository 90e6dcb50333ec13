"""Paths of lists that somebody else wrote: what they may name, and what never becomes a path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.sync_targets import ARCHIVE_ROWS
from pdb_cli.errors import UnsupportedError
from pdb_cli.operations.sync.https.names import TreeNames, shown
from pdb_cli.operations.sync.patterns import make_id_reader
from pdb_cli.operations.sync.trees import make_trees

ENTRY = shown("pdb_00001abc", Layout.CLASSIC)
MMCIF = "/pdb/data/structures/divided/mmCIF/"
REPORTS = "/pdb/validation_reports/ab/1abc/"


def names(name: str, layout: Layout = Layout.CLASSIC) -> TreeNames:
    rows = [row for row in ARCHIVE_ROWS[layout] if row.name == name]
    (tree,) = make_trees(rows, collection=Path("/pdb"), data_type_dirs={}, layout=layout)
    return TreeNames(tree)


def path_here(tree: TreeNames, number: int) -> str:
    bucket = f"{ENTRY.hash}/" if tree.is_hashed else ""
    return bucket + tree.tokens[number].replace("~", ENTRY.id)


@pytest.mark.parametrize(
    ("name", "path", "here"),
    [
        ("structures-mmcif", MMCIF + "ab/1abc.cif.gz", "ab/1abc.cif.gz"),
        (
            "structures-pdb",
            "/pdb/data/structures/divided/pdb/ab/pdb1abc.ent.gz",
            "ab/pdb1abc.ent.gz",
        ),
        (
            "assemblies",
            "/pdb/data/assemblies/mmCIF/divided/ab/1abc-assembly12.cif.gz",
            "ab/1abc-assembly12.cif.gz",
        ),
        # The archive has these files in two places.
        ("biounit", "/pdb/data/biounit/PDB/divided/ab/1abc.pdb1.gz", "ab/1abc.pdb1.gz"),
        ("validation", REPORTS + "1abc_validation.cif.gz", "ab/1abc/1abc_validation.cif.gz"),
        (
            "validation",
            REPORTS + "1abc_validation_2fo-fc_map_coef.cif.gz",
            "ab/1abc/1abc_validation_2fo-fc_map_coef.cif.gz",
        ),
        (
            "nmr-data",
            "/pdb/data/structures/divided/nmr_data/ab/1abc_nmr-data.nef.gz",
            "ab/1abc_nmr-data.nef.gz",
        ),
    ],
)
def test_paths_as_published(name: str, path: str, here: str) -> None:
    tree = names(name)
    number = tree.published(path, ENTRY)
    assert number is not None
    assert path_here(tree, number) == here
    entry = tree.entry_of(here[3:])
    assert str(entry) == "1abc"
    # What is fetched is where the list has it.
    assert tree.remote_path(f"{tree.tree.directory}/{here}") == path.removeprefix("/pdb/")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "1abc.cif.gz",
        MMCIF,
        MMCIF + "1abc.cif.gz",
        MMCIF + "xy/1abc.cif.gz",
        MMCIF + "ab/2abc.cif.gz",
        MMCIF + "ab/../ab/1abc.cif.gz",
        MMCIF + "ab/1abc.cif.gz/../../../../../../etc/passwd",
        MMCIF + "../../../../../../etc/passwd",
        MMCIF + "ab//1abc.cif.gz",
        MMCIF + "ab/./1abc.cif.gz",
        MMCIF + "ab/.1abc.cif.gz",
        MMCIF + "ab/1abc.cif.gz\n",
        MMCIF + "ab/1abc.cif.gz\0",
        MMCIF + "ab/1abc.cif",
        MMCIF + "ab/1abc.cif.gz.exe",
        MMCIF + "ab/1ABC.cif.gz",
        MMCIF + "ab/pdb_00001abc.cif.gz",
        "/pdb/data/structures/divided/pdb/ab/1abc.cif.gz",
        "https://elsewhere.example/1abc.cif.gz",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    tree = names("structures-mmcif")
    assert tree.published(path, ENTRY) is None


@pytest.mark.parametrize(
    "name",
    ["../1abc", "..", ".", ".1abc", "a/b", "a\\b", "a b", "a\tb", "a\x1b[2J", "\xe4", "%2e%2e"],
)
def test_odd_names_are_refused_also_where_any_name_is_allowed(name: str) -> None:
    tree = names("validation")
    assert tree.published(REPORTS + name, ENTRY) is None
    assert not tree.tokens


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize(
    "name", ["README", "-rf", "conftest.py", "{id}_notes.txt", "{id}", "2abc_validation.pdf.gz"]
)
def test_what_is_no_report_is_the_users_own(layout: Layout, name: str) -> None:
    row = "validation" if layout is Layout.CLASSIC else "validation-entry"
    tree = names(row, layout)
    entry = shown("pdb_00001abc", layout)
    below = f"{entry.id}/" if layout is Layout.CLASSIC else f"{entry.id}/validation_reports/"
    name, good = name.replace("{id}", entry.id), f"{entry.id}_validation.pdf.gz"
    assert tree.entry_of(below + good) is not None
    assert tree.entry_of(below + name) is None
    read_id = make_id_reader(tree.tree)
    assert read_id(f"ab/{below}{good}") is not None
    assert read_id(f"ab/{below}{name}") is None
    place = f"/{tree.tree.remote}/ab/{below}"
    assert tree.published(place + good, entry) is not None
    assert tree.published(place + name, entry) is None


@given(st.text(max_size=60))
def test_whatever_a_list_says_stays_in_the_directory_of_its_entry(text: str) -> None:
    tree = names("validation")
    number = tree.published(REPORTS + text, ENTRY)
    if number is not None:
        here = path_here(tree, number)
        assert re.fullmatch(r"ab/1abc/[0-9A-Za-z_.+-]+", here)
        assert not here.rpartition("/")[2].startswith(".")


def test_names_of_the_layout_of_2027() -> None:
    tree = names("assemblies-entry", Layout.ENTRY)
    entry = shown("pdb_00001abc", Layout.ENTRY)
    path = "/wwpdb/pdb/data/entries/ab/pdb_00001abc/assemblies/pdb_00001abc-assembly1.cif.gz"
    number = tree.published(path, entry)
    assert number is not None
    assert tree.tokens[number] == "~/assemblies/~-assembly1.cif.gz"
    # Other types of the same entry are in the same directory, and of no concern.
    assert tree.entry_of("pdb_00001abc/structures/pdb_00001abc.cif.gz") is None
    assert tree.published(path.replace("assemblies/", "structures/"), entry) is None


def test_an_entry_that_only_has_an_extended_id() -> None:
    assert shown("pdb_1000abcd", Layout.CLASSIC) == ("pdb_1000abcd", "bc")
    tree = names("structures-mmcif")
    assert tree.entry_of("pdb_1000abcd.cif.gz") is not None


def test_the_kinds_of_names_are_bounded() -> None:
    tree = names("validation")
    for number in range(120_000):
        tree.published(f"{REPORTS}1abc_{number}.gz", ENTRY)
    assert len(tree.tokens) <= 100_001


def test_a_tree_without_names_of_entries_needs_rsync() -> None:
    tree = names("structures-mmcif").tree._replace(pattern=None)
    with pytest.raises(UnsupportedError):
        TreeNames(tree)
