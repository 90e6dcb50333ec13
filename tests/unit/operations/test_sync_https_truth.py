"""A run over https is done only when all that the lists name is here, of the version they name."""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.holdings import HoldingsFile
from support.archive_gzip import archive_gzip
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.holdings import write_holdings
from support.sync_https import HttpsSync, archive_state, tree_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CURRENT = HoldingsFile.CURRENT_FILES
NMR = "structures/divided/nmr_data"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=["1c58", "1dsr", "3hya"])
    with ArchiveSimulator(tree) as simulator:
        yield simulator


@pytest.fixture
def sync(tmp_path: Path, mirror: ArchiveSimulator) -> HttpsSync:
    return HttpsSync(tmp_path / "collection", mirror.url)


def read_list(tree: ArchiveTree, name: HoldingsFile) -> dict[str, Any]:
    data = (tree.root / name.path).read_bytes()
    return dict(json.loads(gzip.decompress(data)))


def write_list(
    tree: ArchiveTree, name: HoldingsFile, content: dict[str, Any], *, later_s: float = 0
) -> None:
    write_holdings(tree.root / "holdings", name, content, mtime_s=tree.file_time_s + later_s)


def put(tree: ArchiveTree, path: str) -> str:
    """Write a file of the archive; return its path as lists have it."""
    place = tree.root / "data" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    name = place.name.removesuffix(".gz")
    text = f"data_{name[:4].upper()}\n#\n_entry.id {name[:4].upper()}\n#\n"
    place.write_bytes(archive_gzip(text.encode(), name=name, mtime_s=int(tree.file_time_s)))
    os.utime(place, (tree.file_time_s, tree.file_time_s))
    return f"/pdb/data/{path}"


def check_done(sync: HttpsSync, tree: ArchiveTree, name: str, directory: str) -> None:
    """See that a run brings all that is listed, counts it once, and leaves nothing to do."""
    run = sync.run(name)
    wanted = {path for path in archive_state(tree.root) if path.startswith(f"{directory}/")}
    assert wanted
    assert run.transferred() == wanted
    for plan in (run.plans[name], sync.plan(name).plans[name]):
        assert plan.listing.files == len(wanted)
        assert plan.new.files + plan.changed.files + plan.kept.files == len(wanted)
    assert not sync.run(name).said()


def test_an_entry_with_files_of_two_content_types(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    current = read_list(mirror.tree, CURRENT)
    for entry in ("1c58", "1dsr"):
        for ending, kind in (("nef", "nef"), ("str", "nmr-star")):
            path = f"{NMR}/{entry[1:3]}/{entry}_nmr-data.{ending}.gz"
            current[entry.upper()][f"combined_nmr_data_{kind}"] = [put(mirror.tree, path)]
    write_list(mirror.tree, CURRENT, current)
    check_done(sync, mirror.tree, "nmr-data", NMR)


def test_an_entry_that_a_list_has_twice_with_other_files(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    place = "assemblies/mmCIF/divided/c5/1c58-assembly{}.cif.gz"
    paths = [put(mirror.tree, place.format(number)) for number in (1, 2, 3)]
    content = {
        "1C58": {"assembly_mmcif": paths[:2]},
        "PDB_00001C58": {"assembly_mmcif": paths[1:]},
    }
    write_list(mirror.tree, CURRENT, content)
    check_done(sync, mirror.tree, "assemblies", "assemblies/mmCIF/divided")
