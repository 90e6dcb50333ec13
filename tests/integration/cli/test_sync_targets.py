"""Every built-in row of sync, on an archive that has them all and much else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror, RsyncRoot
from pdb_cli.archive.sync_targets import ARCHIVE_ROWS, PDBE_ROWS, PDBJ_ROWS, TargetRow
from pdb_cli.operations.sync.model import SyncRequest, SyncSelection, TransportFactory
from pdb_cli.operations.sync.rsync.transport import RsyncTransport
from pdb_cli.operations.sync.run import SyncRun
from pdb_cli.operations.sync.trees import make_trees
from pdb_cli.transfer.rsync_arguments import RsyncOptions
from pdb_cli.transfer.rsync_program import find_rsync
from support.programs import require_program
from support.rsync_daemon import RsyncDaemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.operations.collection_plan import GroupPlan


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, Mirror]]:
    """Serve an empty archive; the second root is one that has also what is beside it."""
    root = tmp_path / "archive" / "pub" / "pdb"
    root.mkdir(parents=True)
    (tmp_path / "daemon").mkdir()
    rsync = require_program("rsync", package="rsync")
    with RsyncDaemon(rsync, root, folder=tmp_path / "daemon") as daemon:
        roots = tuple(RsyncRoot("127.0.0.1", daemon.port, path) for path in ("ftp", "all/pub/pdb"))
        yield root, Mirror("lab", None, roots, Layout.CLASSIC)


def _names(row: TargetRow, layout: Layout) -> set[str]:
    """Return names of files that a row's directory may have."""
    if row.pattern is None:
        return {"README", "ab/1abc.xml.gz"}
    ids = ("1abc", "2abd") if layout is Layout.CLASSIC else ("pdb_00001abc", "pdb_00002abd")
    return {
        row.pattern.format(hash=entry[-3:-1], id=entry, number=number).replace("*", part)
        for entry in ids
        for number in (1, 12)
        for part in ("str", "nef")
    }


def _plan(
    rows: tuple[TargetRow, ...],
    mirror: Mirror,
    folder: Path,
    selection: SyncSelection = SyncSelection(),  # noqa: B008 - never changed
) -> dict[str, GroupPlan]:
    """Plan rows by rsync, all in one run."""
    layout = mirror.layout
    trees = make_trees(rows, collection=folder / "pdb", data_type_dirs={}, layout=layout)
    options = RsyncOptions(program=find_rsync(os.environ))
    request = SyncRequest("wwpdb", folder / "pdb", trees, (mirror,), selection, retries=0)
    state = folder / "pdb" / ".pdb-cli" / "rsync"
    way = TransportFactory("rsync", lambda one: RsyncTransport(one, options, state=state))
    run = SyncRun(request, [way])
    plans = {group.name: group for group in run.plan().groups}
    assert [tree.error for tree in run.result.trees.values() if tree.error] == []
    return plans


@pytest.mark.parametrize(
    ("rows", "layout"),
    [
        (ARCHIVE_ROWS[Layout.CLASSIC], Layout.CLASSIC),
        (ARCHIVE_ROWS[Layout.ENTRY], Layout.ENTRY),
        (PDBJ_ROWS, Layout.CLASSIC),
        (PDBE_ROWS, Layout.CLASSIC),
    ],
    ids=["classic", "entry", "pdbj", "pdbe"],
)
def test_m2_each_row_lists_exactly_its_own_files(
    tmp_path: Path,
    mirror: tuple[Path, Mirror],
    rows: tuple[TargetRow, ...],
    layout: Layout,
) -> None:
    root, place = mirror
    expected: dict[str, set[str]] = {}
    for row in rows:
        for name in _names(row, layout):
            path = root / row.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("data")
            tree = row.directory.replace("../", "").removeprefix("data/")
            expected.setdefault(row.name, set()).add(f"{tree}/{name}")
    # What no row has: other formats, lists, files beside the directories of hashes.
    for name in (
        "data/structures/divided/XML/ab/1abc.xml.gz",
        "data/structures/divided/README",
        "data/structures/all/mmCIF/1abc.cif.gz",
        "data/status/latest/added.pdb",
        "holdings/current_file_holdings.json.gz",
        "../pdb_ihm/README",
    ):
        if not (root / name).exists() and not any(
            row.pattern is None and name.startswith(row.directory + "/") for row in rows
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("data")
    plans = _plan(rows, place._replace(layout=layout), tmp_path)
    found = {name: {change.path for change in plan.transfers} for name, plan in plans.items()}
    assert found == expected
    assert all(plan.listing.files == len(expected[name]) for name, plan in plans.items())


@pytest.mark.parametrize("layout", list(Layout))
def test_s1_every_row_of_entries_can_be_filtered(
    tmp_path: Path, mirror: tuple[Path, Mirror], layout: Layout
) -> None:
    root, place = mirror
    rows = ARCHIVE_ROWS[layout]
    for row in rows:
        for name in _names(row, layout):
            path = root / row.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("data")
    plans = _plan(rows, place._replace(layout=layout), tmp_path, SyncSelection(("1a",)))
    for row in rows:
        found = {change.path for change in plans[row.name].transfers}
        assert {path for path in found if "1abc" not in path} == set()
        assert len(found) == len([name for name in _names(row, layout) if "1abc" in name])
