"""Before anything is changed: is there room, and do all paths stay where they belong?"""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pdb_cli.errors import (
    CollectionBusyError,
    ConnectionFailedError,
    FileAccessError,
    NoSpaceError,
    UnsafeTreeError,
    UnsupportedError,
)
from pdb_cli.events import Note
from pdb_cli.operations.collection_plan import (
    GroupPlan,
    Listing,
    PlanAction,
    PlannedChange,
    Tally,
)
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.operations.sync.record import append_run, last_run
from pdb_cli.operations.sync.removal import remove_files
from pdb_cli.operations.sync.space import check_space
from pdb_cli.storage.collection_lock import CollectionLock
from support.memory_setting import DIRECTORY, REMOTE, MemorySetting, make_files
from support.memory_transport import MemoryArchive


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
    run = setting.make_run()
    # Before anything is transferred, and by the plan alone.
    assert not run.plan().groups
    result = setting.sync().result
    assert setting.archive.executions == 0
    assert isinstance(result.trees["structures-mmcif"].error, UnsafeTreeError)
    assert [path.name for path in outside.iterdir()] == ["1aa9.cif.gz"]


def test_link_in_a_tree_is_told_and_no_other_mirror_asked(
    setting: MemorySetting, tmp_path: Path
) -> None:
    setting.tree.root.mkdir(parents=True)
    (setting.tree.root / "0a").symlink_to(tmp_path)
    for name in ("two", "three"):
        unasked = MemoryArchive(plan_errors=[UnsupportedError("this", "no list of it")])
        setting.add_mirror(name, unasked)
    emdb = setting.make_tree("emdb", "emdb")
    setting.archive.files["data/emdb/1.map"] = (b"map", 1.0)
    setting.request = setting.request._replace(trees=(setting.tree, emdb))
    result = setting.sync().result
    error = result.trees["structures-mmcif"].error
    assert isinstance(error, UnsafeTreeError)
    assert error.path == setting.tree.root / "0a"
    assert [archive.plans for archive in setting.archives.values()] == [1, 0, 0]
    assert result.trees["emdb"].is_done


def test_link_that_is_made_meanwhile_is_told(setting: MemorySetting, tmp_path: Path) -> None:
    """The run has begun: what it finds then is final for the tree, too."""

    def put_link_in_the_way() -> None:
        setting.tree.root.mkdir(parents=True)
        (setting.tree.root / "0a").symlink_to(tmp_path)

    setting.archive.meanwhile = put_link_in_the_way
    setting.archive.execute_errors = [ConnectionFailedError("rsync://one", "broke")]
    setting.add_mirror("two", MemoryArchive(make_files(20)))
    result = setting.sync().result
    assert isinstance(result.trees["structures-mmcif"].error, UnsafeTreeError)
    assert setting.archives["two"].plans == 0


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


def test_nothing_goes_from_a_directory_with_another_tree_in_it(
    setting: MemorySetting, tmp_path: Path
) -> None:
    """Two links that lead to one place: what is of one tree is foreign to the other."""
    setting.sync()
    here = setting.local()
    (tmp_path / "emdb-here").symlink_to(setting.root / "structures")
    other = setting.make_tree("emdb", "emdb")._replace(root=tmp_path / "emdb-here")
    setting.archive.files["data/emdb/1.map"] = (b"map", 1.0)
    limit = DeleteLimit(percent=100.0)
    setting.request = setting.request._replace(trees=(setting.tree, other), limit=limit)
    with pytest.raises(UnsafeTreeError) as refusal:
        setting.sync()
    assert "structures-mmcif" in refusal.value.reason
    assert setting.local() == here
    alone = other._replace(root=setting.root)
    setting.request = setting.request._replace(trees=(alone,))
    with pytest.raises(UnsafeTreeError):
        setting.sync()
    assert setting.local() == here


def test_only_names_of_the_tree_go(setting: MemorySetting) -> None:
    setting.sync()
    strays = [setting.tree.root / name for name in ("README", "0a/notes.txt", "0a/1x-old.cif.gz")]
    for stray in strays:
        stray.write_text("mine")
    gone = next(iter(setting.archive.files))
    del setting.archive.files[gone]
    run = setting.make_run()
    plan = run.plan()
    assert [change.path for change in plan.changes] == [gone.removeprefix("data/")]
    assert plan.deleted.files == len(plan.groups[0].deletions) == 1
    assert setting.sync().result.removed.files == 1
    assert all(stray.read_text() == "mine" for stray in strays)


@pytest.mark.parametrize("emptied", [True, False])
def test_disk_that_is_not_mounted_is_not_filled_again(
    setting: MemorySetting, *, emptied: bool
) -> None:
    setting.sync()
    shutil.rmtree(setting.tree.root)
    if emptied:
        setting.tree.root.mkdir()
    with pytest.raises(UnsafeTreeError) as refusal:
        setting.sync()
    assert "--trust-list" in refusal.value.reason
    assert setting.local() == {}
    setting.request = setting.request._replace(trust_list=True)
    assert setting.sync().result.is_done
    assert setting.is_equal()


def test_room_in_a_trash_elsewhere_is_looked_for(
    setting: MemorySetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.sync()
    for path in list(setting.archive.files)[:1]:
        del setting.archive.files[path]
    plan = setting.make_run().plan().groups[0]
    elsewhere = Path("/dev")  # another file system, nothing is written
    assert elsewhere.stat().st_dev != setting.root.stat().st_dev

    class Full:
        f_bavail, f_frsize, f_files, f_favail = 0, 100, 0, 0

    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda at: Full if at == elsewhere else real(at))
    check_space([(setting.tree, plan)], trash=None)
    with pytest.raises(NoSpaceError) as refusal:
        check_space([(setting.tree, plan)], trash=elsewhere / "none" / "trash")
    assert (refusal.value.path, refusal.value.needed) == (elsewhere, 1)


def test_trouble_with_the_trash_is_the_result_of_one_tree(setting: MemorySetting) -> None:
    setting.sync()
    gone = next(iter(setting.archive.files))
    del setting.archive.files[gone]
    setting.archive.files[f"{REMOTE}/9a/19a9.cif.gz"] = (b"new", 1.0)
    (setting.root / ".pdb-cli" / "trash").write_text("no directory")
    result = setting.sync().result
    assert isinstance(result.trees["structures-mmcif"].error, FileAccessError)
    assert (result.transferred.files, result.removed.files, result.is_done) == (1, 0, False)
    assert gone in setting.local()


def test_who_lost_the_collection_changes_nothing_more(
    setting: MemorySetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.sync()
    del setting.archive.files[next(iter(setting.archive.files))]
    here = setting.local()

    def lost(_: CollectionLock) -> None:
        raise CollectionBusyError(setting.root, "there", 2, "pdb-cli sync", None, "", 1.0)

    monkeypatch.setattr(CollectionLock, "check", lost)
    with pytest.raises(CollectionBusyError):
        setting.sync()
    assert setting.local() == here


def test_torn_record_takes_no_other_along(tmp_path: Path) -> None:
    append_run(tmp_path, {"target": "one"})
    path = tmp_path / ".pdb-cli" / "runs" / "sync.jsonl"
    with path.open("ab") as file:
        file.write(b'{"schema": 1, "target": "tor')
    append_run(tmp_path, {"target": "two"})
    found = last_run(tmp_path, None)
    assert found is not None
    assert found["target"] == "two"
    assert len(path.read_bytes().splitlines()) == 3


def test_what_came_after_the_plan_does_not_go_by_it(setting: MemorySetting) -> None:
    setting.sync()
    gone = f"{REMOTE}/0a/10a0.cif.gz"
    del setting.archive.files[gone]
    setting.archive.files[f"{REMOTE}/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    here = setting.root / gone.removeprefix("data/")

    def bring() -> None:
        """Put another file there; the clock of files goes in steps."""
        now_s = time.time()
        while here.stat().st_ctime <= now_s:
            here.write_bytes(b"brought by a download")

    setting.archive.meanwhile = bring
    run = setting.sync()
    assert run.result.removed.files == 0
    assert here.read_bytes() == b"brought by a download"
    assert any(isinstance(one, Note) and "and stay" in one.text for one in setting.events)
