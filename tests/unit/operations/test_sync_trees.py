"""From names to trees: types, formats, layouts, places on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ROWS, ArchiveFile, Layout, archive_path, collection_path
from pdb_cli.archive.sync_targets import (
    ARCHIVE_ROWS,
    BUILTIN_TARGETS,
    PDBE_ROWS,
    PDBJ_ROWS,
    TargetRow,
    collection_directory,
)
from pdb_cli.errors import InvalidValueError, UnknownNameError, UnsupportedError
from pdb_cli.operations.sync.model import SyncSelection, SyncTree
from pdb_cli.operations.sync.patterns import make_filter, takes_everything, wildcards
from pdb_cli.operations.sync.trees import choose_rows, make_trees

ROOT = Path("/pdb")
MMCIF = frozenset({FileFormat.MMCIF})
BOTH = frozenset({FileFormat.MMCIF, FileFormat.PDB})


def _rows(
    target: str,
    *types: str,
    formats: frozenset[FileFormat] = MMCIF,
    asked: bool = False,
    layout: Layout = Layout.CLASSIC,
) -> list[str]:
    rows = choose_rows(BUILTIN_TARGETS[target], types, formats=formats, asked=asked, layout=layout)
    return [row.name for row in rows]


def _trees(*rows: TargetRow, layout: Layout = Layout.CLASSIC, **more: str) -> list[SyncTree]:
    return list(
        make_trees(
            rows, collection=ROOT, data_type_dirs={}, layout=layout, subpath=more.get("subpath")
        )
    )


def test_types_by_any_name_each_once() -> None:
    assert _rows("wwpdb", "st", "structures", "asm") == ["structures-mmcif", "assemblies"]
    assert _rows("wwpdb", "nmr-r") == ["nmr-restraints-v2", "nmr-restraints-v1"]
    assert _rows("structures", formats=BOTH) == ["structures-mmcif", "structures-pdb"]
    assert _rows("assemblies") == ["assemblies"]
    assert _rows("wwpdb", "st", "sf", formats=frozenset({FileFormat.PDB}), asked=True) == [
        "structures-pdb",
        "structure-factors",
    ]
    assert _rows("pdbe", "Updated_mmCIF", "sifts") == ["updated-mmcif", "sifts"]
    assert _rows("pdbe", "assemblies") == ["assemblies"]


@pytest.mark.parametrize("data_type", list(DataType))
def test_every_type_of_data_has_a_row(data_type: DataType) -> None:
    assert _rows("wwpdb", str(data_type), formats=BOTH)


def test_what_does_not_go_together_is_said() -> None:
    with pytest.raises(InvalidValueError):
        _rows("structures", "assemblies")
    with pytest.raises(UnsupportedError):
        _rows("wwpdb", "assemblies", asked=True)
    with pytest.raises(UnsupportedError):
        _rows("wwpdb", "biounit", layout=Layout.ENTRY)
    with pytest.raises(UnknownNameError):
        _rows("pdbj", "sifts")
    with pytest.raises(UnsupportedError, match="needs -t, one or more of emdb"):
        _rows("pdbj")
    with pytest.raises(UnknownNameError):
        _rows("wwpdb", "sifts")


def test_names_are_unique() -> None:
    for rows in (*ARCHIVE_ROWS.values(), PDBJ_ROWS, PDBE_ROWS):
        assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("row", [row for rows in ARCHIVE_ROWS.values() for row in rows])
def test_d10_rows_agree_with_the_table_of_layouts(row: TargetRow) -> None:
    """Every path of the table of layouts is in the tree of its row, and in no other."""
    layout = Layout.ENTRY if row.name.endswith("-entry") else Layout.CLASSIC
    entry = EntryId.parse("1abc")
    (tree,) = _trees(row, layout=layout)
    own = make_filter(tree._replace(shared=True), SyncSelection())
    found = 0
    for known in ROWS:
        if known.layout is not layout:
            continue
        number = 2 if "{number}" in known.template else None
        file = ArchiveFile(entry, known.data_type, known.file_format, number)
        path = archive_path(file, layout)
        if not path.startswith(row.directory + "/"):
            continue
        fits = own(path.removeprefix(row.directory + "/"))
        expected = known.data_type is row.data_type and row.file_format in {
            None,
            known.file_format,
        }
        assert fits == expected, path
        found += fits
        if fits and layout is Layout.CLASSIC:
            # The collection has it where download puts it.
            name = path.removeprefix(row.directory)
            assert tree.directory + name == collection_path(file, layout)
    assert found


def test_types_that_are_kept_elsewhere() -> None:
    row = next(row for row in ARCHIVE_ROWS[Layout.CLASSIC] if row.name == "assemblies")
    (tree,) = make_trees(
        [row],
        collection=ROOT,
        data_type_dirs={DataType.ASSEMBLIES: Path("/big")},
        layout=Layout.CLASSIC,
    )
    path = "assemblies/mmCIF/divided/ab/1abc-assembly1.cif.gz"
    assert tree.path_of(path) == Path("/big/mmCIF/divided/ab/1abc-assembly1.cif.gz")


@pytest.mark.parametrize(
    ("synced", "dirs", "refused"),
    [
        ("validation", {"structures": "/big/divided", "validation": "/big"}, True),
        ("structures-mmcif", {"structures": "/big/divided", "validation": "/big"}, True),
        ("validation", {"validation": str(ROOT)}, True),
        ("validation", {"validation": f"{ROOT}/structures/divided/mmCIF"}, True),
        # One disk for all that is below structures/ in the archive.
        ("structures-mmcif", {"structures": "/big", "structure-factors": "/big"}, False),
        ("structures-mmcif", {"structures": "/big", "validation": "/bigger"}, False),
    ],
)
def test_no_type_is_kept_where_another_one_is(
    synced: str, dirs: dict[str, str], *, refused: bool
) -> None:
    (row,) = (row for row in ARCHIVE_ROWS[Layout.CLASSIC] if row.name == synced)
    moved = {DataType(name): Path(path) for name, path in dirs.items()}
    if not refused:
        assert make_trees([row], collection=ROOT, data_type_dirs=moved, layout=Layout.CLASSIC)
        return
    with pytest.raises(InvalidValueError) as refusal:
        make_trees([row], collection=ROOT, data_type_dirs=moved, layout=Layout.CLASSIC)
    assert refusal.value.name.startswith("paths.data_type_dirs.")


def test_all_directory_is_for_types_that_have_one() -> None:
    rows = ARCHIVE_ROWS[Layout.CLASSIC]
    (tree,) = make_trees(
        rows[:1], collection=ROOT, data_type_dirs={}, layout=Layout.CLASSIC, links=True
    )
    assert (tree.remote, tree.pattern) == ("data/structures/all/mmCIF", "{id}.cif.gz")
    assert tree.target_of_links == "data/structures/divided/mmCIF"
    validation = [row for row in rows if row.name == "validation"]
    with pytest.raises(UnsupportedError):
        make_trees(
            validation, collection=ROOT, data_type_dirs={}, layout=Layout.CLASSIC, links=True
        )


@pytest.mark.parametrize("subpath", ["structures/EMD-1", "/structures/EMD-1/", "structures/EMD-1/"])
def test_s5_slashes_around_a_subpath_do_not_matter(subpath: str) -> None:
    (tree,) = _trees(PDBJ_ROWS[0], subpath=subpath)
    assert (tree.remote, tree.directory) == (
        "../emdb/structures/EMD-1",
        "emdb/structures/EMD-1",
    )


@pytest.mark.parametrize("subpath", ["..", "a/../b", "a//b", ".hidden", "/", "a\nb"])
def test_subpath_stays_below_the_directory(subpath: str) -> None:
    with pytest.raises(InvalidValueError):
        _trees(PDBJ_ROWS[0], subpath=subpath)


def test_collection_directories() -> None:
    assert collection_directory("../../pdb_nextgen") == "pdb_nextgen"
    assert collection_directory("../msd/assemblies") == "msd/assemblies"
    assert collection_directory("validation_reports") == "validation_reports"


@pytest.mark.parametrize(
    ("layout", "prefix", "expected"),
    [
        (Layout.CLASSIC, "1", ["??/1???.gz"]),
        (Layout.CLASSIC, "1ab", ["ab/1ab?.gz"]),
        (Layout.CLASSIC, "1abc", ["ab/1abc.gz"]),
        (Layout.CLASSIC, "pdb_00001ab", ["ab/1ab?.gz", "ab/pdb_00001ab?.gz"]),
        (Layout.CLASSIC, "pdb_1", ["??/pdb_1???????.gz"]),
        (Layout.CLASSIC, "pdb_", ["??/????.gz", "??/pdb_????????.gz"]),
        (Layout.ENTRY, "1a", ["a?/pdb_00001a??.gz"]),
        (Layout.ENTRY, "pdb_1a", ["??/pdb_1a??????.gz"]),
    ],
)
def test_prefixes_as_wildcards(layout: Layout, prefix: str, expected: list[str]) -> None:
    tree = SyncTree("st", "st", "data/st", "st", ROOT, layout, "{hash}/{id}.gz")
    assert list(wildcards(tree, SyncSelection((prefix,)))) == expected


def test_wildcards_and_filter_say_the_same() -> None:
    import fnmatch

    tree = SyncTree(
        "a", "a", "data/a", "a", ROOT, Layout.CLASSIC, "{hash}/{id}-assembly{number}.gz"
    )
    entries = frozenset(map(EntryId.parse, ("1abc", "pdb_10002xyz")))
    for selection in (
        SyncSelection(("1a",)),
        SyncSelection((), entries),
        SyncSelection(("9",), entries),
        SyncSelection(("pdb_1",)),
    ):
        has = make_filter(tree, selection)
        looks = list(wildcards(tree, selection))
        for name in ("1abc", "1xyz", "9abc", "pdb_10002xyz", "pdb_20002xyz"):
            path = f"{name[-3:-1]}/{name}-assembly12.gz"
            assert has(path) == any(fnmatch.fnmatchcase(path, look) for look in looks), path
    assert takes_everything(tree, SyncSelection())
    assert not takes_everything(tree._replace(shared=True), SyncSelection())
    assert not make_filter(tree, SyncSelection(("1",)))("ab/1abc-assembly0.gz")
