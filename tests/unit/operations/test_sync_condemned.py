"""What was found of bad files holds until others have come in their place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import Defect
from pdb_cli.index.catalogue import Catalogue, Check, Level, open_catalogue
from pdb_cli.operations.collection_plan import (
    GroupPlan,
    Listing,
    PlanAction,
    PlannedChange,
    Tally,
)
from pdb_cli.operations.sync.condemned import FOUND_BAD, Replacements, find_condemned
from pdb_cli.operations.sync.model import FileSettled, SettledStatus
from pdb_cli.storage.collection import Collection
from pdb_cli.transfer.rsync_arguments import RsyncOptions
from pdb_cli.transfer.rsync_fetch import Fetched, RsyncFetch
from pdb_cli.transfer.rsync_leftovers import NameLists
from pdb_cli.transfer.rsync_program import RsyncProgram
from support.catalogued import make_recorded, path_of
from support.memory_setting import MemorySetting

if TYPE_CHECKING:
    from pathlib import Path

PATHS = [path_of(entry) for entry in ("1abc", "1abd")]


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    made = MemorySetting(tmp_path)
    made.root.mkdir()
    make_recorded(made.root, ["1abc", "1abd"])
    with open_catalogue(Collection(made.root)) as catalogue:
        for path in PATHS:
            status = (made.root / path).stat()
            # A byte changed in the middle: only what the system says of the change differs.
            found = status.st_size, status.st_mtime_ns, Level.GZIP, 2.0, status.st_ctime_ns
            catalogue.note_checks([Check(path, *found, str(Defect.CORRUPT))])
    return made


def _condemned(setting: MemorySetting) -> set[str]:
    with open_catalogue(Collection(setting.root)) as catalogue:
        assert isinstance(catalogue, Catalogue)
        return set(find_condemned(setting.tree, catalogue))


def test_files_that_were_found_bad_are_known_by_tree(setting: MemorySetting) -> None:
    assert _condemned(setting) == set(PATHS)
    assert find_condemned(setting.tree, None) == frozenset()
    with open_catalogue(Collection(setting.root)) as catalogue:
        assert find_condemned(setting.make_tree("pdb", "structures/divided/mm"), catalogue) == set()
        # Also what is not written yet.
        (bad,) = catalogue.checks(PATHS[:1]).values()
        other = "assemblies/mmCIF/divided/ab/1abc-assembly1.cif.gz"
        catalogue.note_checks([bad._replace(path=other)])
        assert set(catalogue.condemned("assemblies")) == {other}
        assert set(catalogue.condemned()) == {other, *PATHS}
    (setting.root / PATHS[0]).write_text("another one")
    (setting.root / PATHS[1]).unlink()
    assert _condemned(setting) == set()


@pytest.mark.parametrize(
    ("status", "left"), [(SettledStatus.TRANSFERRED, 1), (SettledStatus.FAILED, 2)]
)
def test_a_bad_file_stays_known_until_another_is_there(
    setting: MemorySetting, status: SettledStatus, left: int
) -> None:
    changes = [PlannedChange(PlanAction.CHANGED, path, "st", 1, FOUND_BAD) for path in PATHS]
    listing = Listing("one", "rsync", "rsync://one", complete=True, files=2)
    plan = GroupPlan.make("st", "st", listing, changes, kept=Tally())
    replaced = Replacements(plan, setting.request, setting.events.append)
    replaced.begin()
    assert len(_condemned(setting)) == 2
    replaced.settle(FileSettled(PATHS[0], status))
    replaced.end()
    assert len(_condemned(setting)) == left


@pytest.mark.parametrize("renames", [True, False])
def test_a_file_of_the_same_size_and_time_counts_when_it_is_another_one(
    tmp_path: Path, *, renames: bool
) -> None:
    """A stand-in for rsync that is killed between its line and the rename, or not."""
    root = tmp_path / "tree"
    (root / "ab").mkdir(parents=True)
    place = root / "ab" / "1abc.cif.gz"
    place.write_bytes(b"x" * 120)
    os.utime(place, (1_788_307_200, 1_788_307_200))
    move = 'cp -p "$f" "$f.new"; mv "$f.new" "$f"' if renames else ":"
    program = tmp_path / "rsync"
    program.write_text(
        f'#!/bin/sh\nf="{place}"\n{move}\n'
        'echo "=>f......... 120 2026/09/02-00:00:00:120 ab/1abc.cif.gz"\n'
    )
    program.chmod(0o755)
    options = RsyncOptions(RsyncProgram(str(program), (3, 5, 0), {"TZ": "UTC0", **os.environ}))
    fetch = RsyncFetch(
        options,
        "rsync://one/ftp/",
        root,
        shares=[["ab/1abc.cif.gz"]],
        lists=NameLists(tmp_path / "state", "st"),
        again=True,
    )
    came = [event.path for event in fetch.run() if isinstance(event, Fetched)]
    assert came == (["ab/1abc.cif.gz"] if renames else [])
