"""Before anything is changed: is there room, and do all paths stay where they belong?"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pdb_cli.errors import FileAccessError, NoSpaceError, UnsafeTreeError
from pdb_cli.operations.collection_plan import (
    GroupPlan,
    Listing,
    PlanAction,
    PlannedChange,
    Tally,
)
from pdb_cli.operations.sync_removal import remove_files
from pdb_cli.operations.sync_space import check_space
from support.memory_setting import DIRECTORY, REMOTE, MemorySetting


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    return MemorySetting(tmp_path)


def test_room_is_looked_for_before_the_first_byte(
    setting: MemorySetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs

    class Full:
        f_bavail, f_frsize, f_files, f_favail = 1, 100, 0, 0

    monkeypatch.setattr(os, "statvfs", lambda _: Full)
    with pytest.raises(NoSpaceError) as refusal:
        setting.sync()
    assert (refusal.value.needed, refusal.value.free) == (210, 100)
    monkeypatch.setattr(Full, "f_bavail", 100)
    monkeypatch.setattr(Full, "f_files", 100)
    with pytest.raises(NoSpaceError) as refusal:
        setting.sync()
    assert (refusal.value.needed, refusal.value.unit) == (20, "files")
    assert setting.archive.executions == 0
    monkeypatch.setattr(os, "statvfs", real)
    assert setting.sync().result.is_done


@pytest.mark.parametrize(
    "path", ["../../x.cif.gz", "/etc/x", "aa/../../x", "aa//x", "aa/.x", "a\nb"]
)
def test_path_that_leads_out_of_the_tree_is_refused(setting: MemorySetting, path: str) -> None:
    setting.archive.files[f"{REMOTE}/{path}"] = (b"evil", 1.0)
    result = setting.sync().result
    assert isinstance(result.trees["structures-mmcif"].error, UnsafeTreeError)
    assert setting.archive.executions == 0


def test_link_out_of_the_tree_is_not_followed(setting: MemorySetting, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1aa9.cif.gz").write_text("precious")
    setting.tree.root.mkdir(parents=True)
    (setting.tree.root / "0a").symlink_to(outside)
    result = setting.sync().result
    assert isinstance(result.trees["structures-mmcif"].error, UnsafeTreeError)
    assert [path.name for path in outside.iterdir()] == ["1aa9.cif.gz"]


def test_root_may_be_a_link_of_the_user(setting: MemorySetting, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (setting.root / "structures").parent.mkdir(parents=True)
    (setting.root / "structures").symlink_to(tmp_path / "big")
    setting.sync()
    gone = next(iter(setting.archive.files))
    del setting.archive.files[gone]
    assert setting.sync().result.removed.files == 1
    assert not (tmp_path / "big" / gone.removeprefix("data/structures/")).exists()


def test_full_disk_ends_the_run(setting: MemorySetting) -> None:
    setting.archive.execute_errors = [FileAccessError("write", Path("x"), "disk full")]
    with pytest.raises(FileAccessError):
        setting.sync()
    assert setting.make_run().plan().kept.files == 10


def test_deletion_that_is_no_file_is_passed_over(setting: MemorySetting) -> None:
    setting.sync()
    (setting.tree.root / "dir.cif.gz").mkdir()
    changes = [
        PlannedChange(PlanAction.DELETE, f"{DIRECTORY}/{name}", "st", 1, "not listed")
        for name in ("dir.cif.gz", "0a/none.cif.gz")
    ]
    removed = remove_files(
        setting.tree,
        changes,
        collection=setting.root,
        day=datetime.now(UTC).date(),
    )
    assert list(removed) == []
    assert (setting.tree.root / "dir.cif.gz").is_dir()


def test_files_of_unknown_size_are_guessed_when_there_are_many(
    setting: MemorySetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        f_bavail, f_frsize, f_files, f_favail = 200_000_000, 1, 0, 0

    monkeypatch.setattr(os, "statvfs", lambda _: Small)
    setting.root.mkdir()

    def check(count: int) -> None:
        change = PlannedChange(PlanAction.NEW, f"{DIRECTORY}/ab/1abc.cif.gz", "st", None, "missing")
        listing = Listing("one", "https", "https://one", complete=True, files=count)
        plan = GroupPlan.make("st", "st", listing, [change] * count, kept=Tally())
        check_space([(setting.tree, plan)])

    check(500)
    with pytest.raises(NoSpaceError) as refusal:
        check(1000)
    assert refusal.value.needed == 220_000_000
