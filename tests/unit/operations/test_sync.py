"""What is the same for every transport: order, guards, retries, other mirrors, deletions last."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import (
    ConnectionFailedError,
    DeleteLimitError,
    FileAccessError,
    ListDoubt,
    ListDoubtError,
    NoSpaceError,
    NoTransportError,
    PdbCliError,
    TransferError,
    UnsafeTreeError,
)
from pdb_cli.events import AttemptFailed, Event, FileFailed
from pdb_cli.operations.collection_plan import PlanAction, PlannedChange, Tally
from pdb_cli.operations.sync import SyncRun
from pdb_cli.operations.sync_model import (
    DeleteLimit,
    ProbeResult,
    SyncRequest,
    SyncSelection,
    SyncTree,
)
from pdb_cli.storage.collection_lock import CollectionLock, Holder
from support.memory_transport import MemoryArchive, MemoryTransport

DIRECTORY = "structures/divided/mmCIF"
REMOTE = f"data/{DIRECTORY}"
HOLDER = Holder("here", 1, "pdb-cli sync")
DEAD = ConnectionFailedError("rsync://mirror", "connection refused")
FINAL = TransferError("rsync://mirror", "unknown module")


def _mirror(name: str) -> Mirror:
    return Mirror(name, None, (), Layout.CLASSIC)


def _files(count: int, *, directory: str = REMOTE) -> dict[str, tuple[bytes, float]]:
    return {
        f"{directory}/{n % 10}a/1{n % 10}a{n // 10}.cif.gz": (b"x" * (n + 1), 1000.0 + n)
        for n in range(count)
    }


class Setting:
    """A collection, a tree, and mirrors that are dictionaries."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "pdb"
        self.tree = self.make_tree("structures-mmcif", DIRECTORY, "{hash}/{id}.cif.gz")
        self.archives = {"one": MemoryArchive(_files(20))}
        self.events: list[Event] = []
        self.request = SyncRequest(
            "wwpdb",
            self.root,
            (self.tree,),
            (_mirror("one"),),
            delete=True,
            retries=2,
            retry_delay_s=0.0,
        )

    def make_tree(self, name: str, directory: str, pattern: str | None = None) -> SyncTree:
        return SyncTree(
            name,
            name.partition("-")[0],
            f"data/{directory}",
            directory,
            self.root / directory,
            Layout.CLASSIC,
            pattern,
        )

    @property
    def archive(self) -> MemoryArchive:
        return self.archives["one"]

    def make_run(self) -> SyncRun:
        return SyncRun(
            self.request,
            [lambda mirror: MemoryTransport(mirror, self.archives[mirror.name])],
            observe=self.events.append,
        )

    def sync(self) -> SyncRun:
        run = self.make_run()
        with CollectionLock.acquire(self.root, HOLDER, wait=False) as lock:
            run.carry_out(lock)
        return run

    def local(self) -> dict[str, bytes]:
        return {
            f"data/{path.relative_to(self.root).as_posix()}": path.read_bytes()
            for path in self.root.rglob("*.gz")
            if ".pdb-cli" not in path.parts
        }

    def trash(self) -> list[str]:
        top = self.root / ".pdb-cli" / "trash"
        return sorted(path.name for path in top.rglob("*.gz"))

    def is_equal(self) -> bool:
        return self.local() == {path: data for path, (data, _) in self.archive.files.items()}

    def add_mirror(self, name: str, archive: MemoryArchive) -> None:
        self.archives[name] = archive
        self.request = self.request._replace(mirrors=(*self.request.mirrors, _mirror(name)))


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def _drop(setting: Setting, count: int) -> list[str]:
    gone = list(setting.archive.files)[:count]
    for path in gone:
        del setting.archive.files[path]
    return gone


def test_second_run_transfers_nothing(setting: Setting) -> None:
    assert setting.sync().result.transferred.files == 20
    assert setting.is_equal()
    run = setting.sync()
    assert run.result.transferred == Tally()
    assert run.result.is_done
    assert setting.archive.executions == 1


def test_plan_changes_nothing_and_says_what_the_run_does(setting: Setting) -> None:
    setting.sync()
    (gone,) = _drop(setting, 1)
    setting.archive.files[f"{REMOTE}/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    changed = list(setting.archive.files)[3]
    setting.archive.files[changed] = (b"changed", 6000.0)
    before = setting.local()
    plan = setting.make_run().plan()
    assert setting.local() == before
    found = {(change.action, f"data/{change.path}") for change in plan.changes}
    assert found == {
        (PlanAction.NEW, f"{REMOTE}/zz/1zzz.cif.gz"),
        (PlanAction.CHANGED, changed),
        (PlanAction.DELETE, gone),
    }
    result = setting.sync().result
    assert result.transferred == plan.new + plan.changed
    assert result.removed.files == plan.deleted.files == 1
    assert setting.is_equal()
    assert setting.make_run().plan().is_empty


def test_what_goes_is_in_the_trash_of_today(setting: Setting) -> None:
    setting.sync()
    (gone,) = _drop(setting, 1)
    setting.sync()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    place = setting.root / ".pdb-cli" / "trash" / today / gone.removeprefix("data/")
    assert place.read_bytes() == b"x"


def test_without_trash_it_is_gone_for_good(setting: Setting) -> None:
    setting.sync()
    _drop(setting, 1)
    setting.request = setting.request._replace(use_trash=False)
    assert setting.sync().result.removed.files == 1
    assert (setting.is_equal(), setting.trash()) == (True, [])


def test_nothing_goes_unless_asked_for(setting: Setting) -> None:
    setting.sync()
    _drop(setting, 1)
    setting.request = setting.request._replace(delete=False)
    setting.sync()
    assert len(setting.local()) == 20


@pytest.mark.parametrize(
    ("limit", "gone", "stops"),
    [
        (DeleteLimit(percent=5.0), 1, False),
        (DeleteLimit(percent=5.0), 2, True),
        (DeleteLimit(files=1), 2, True),
        (DeleteLimit(files=2), 2, False),
        (DeleteLimit(files=0), 1, True),
    ],
)
def test_too_many_deletions_stop_before_anything_changes(
    setting: Setting, limit: DeleteLimit, gone: int, *, stops: bool
) -> None:
    setting.sync()
    _drop(setting, gone)
    setting.archive.files[f"{REMOTE}/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    setting.request = setting.request._replace(limit=limit)
    before = setting.local()
    if not stops:
        setting.sync()
        assert setting.is_equal()
        return
    with pytest.raises(DeleteLimitError):
        setting.sync()
    assert setting.local() == before
    with pytest.raises(DeleteLimitError):
        setting.make_run().plan()


def test_a_limit_in_percent_holds_for_each_tree(setting: Setting) -> None:
    other = setting.make_tree("assemblies", "assemblies")
    setting.request = setting.request._replace(trees=(setting.tree, other))
    setting.archive.files |= _files(2, directory="data/assemblies")
    setting.sync()
    for path in _files(1, directory="data/assemblies"):
        del setting.archive.files[path]
    setting.request = setting.request._replace(trust_list=True)
    with pytest.raises(DeleteLimitError) as refusal:  # 1 of 22 is below 5 %, 1 of 2 is not
        setting.sync()
    assert refusal.value.tree == "assemblies"


@pytest.mark.parametrize("delete", [True, False])
@pytest.mark.parametrize("left", [0, 2, 17])
def test_list_cut_short_stops_the_run(setting: Setting, left: int, *, delete: bool) -> None:
    setting.sync()
    _drop(setting, 20 - left)
    limit = DeleteLimit(percent=100.0)
    setting.request = setting.request._replace(limit=limit, delete=delete)
    before = setting.local()
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.doubt is (ListDoubt.SHORT if left else ListDoubt.EMPTY)
    assert setting.local() == before


def test_short_list_is_believed_when_the_user_says_so(setting: Setting) -> None:
    setting.sync()
    _drop(setting, 10)
    limit = DeleteLimit(percent=100.0)
    setting.request = setting.request._replace(limit=limit, trust_list=True)
    setting.sync()
    assert (setting.is_equal(), len(setting.trash())) == (True, 10)
    # It is the last complete one from now on.
    setting.request = setting.request._replace(trust_list=False)
    assert setting.sync().result.is_done


def test_empty_list_is_never_believed(setting: Setting) -> None:
    setting.sync()
    _drop(setting, 20)
    setting.request = setting.request._replace(limit=DeleteLimit(percent=100.0), trust_list=True)
    with pytest.raises(ListDoubtError):
        setting.sync()
    assert len(setting.local()) == 20


def test_mirror_that_lists_nothing_is_no_success(setting: Setting) -> None:
    setting.archive.files.clear()
    result = setting.sync().result
    assert not result.is_done
    assert not result.did_something
    assert isinstance(result.trees["structures-mmcif"].error, ListDoubtError)


def test_older_list_stops_the_run(setting: Setting) -> None:
    setting.archive.newest_s = 2000.0
    setting.sync()
    setting.archive.newest_s = 1000.0
    setting.archive.files[f"{REMOTE}/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.doubt is ListDoubt.OLDER
    assert len(setting.local()) == 20
    setting.request = setting.request._replace(trust_list=True)
    assert setting.sync().result.is_done


def test_few_entries_may_have_become_older(setting: Setting) -> None:
    setting.request = setting.request._replace(selection=SyncSelection(prefixes=("10",)))
    setting.archive.newest_s = 2000.0
    assert setting.sync().result.transferred.files == 2
    setting.archive.newest_s = 1000.0
    assert setting.sync().result.is_done


def test_incomplete_list_deletes_nothing(setting: Setting) -> None:
    setting.sync()
    _drop(setting, 1)
    setting.archive.complete = False
    assert setting.sync().result.removed.files == 0
    assert len(setting.local()) == 20


def test_selection_leaves_the_rest_alone(setting: Setting) -> None:
    setting.sync()
    selected = [path for path in setting.archive.files if "/1a/" in path]
    for path in selected:
        del setting.archive.files[path]
    others = [path for path in setting.archive.files if "/2a/" in path]
    del setting.archive.files[others[0]]
    setting.archive.files[selected[0]] = (b"back", 1.0)
    setting.request = setting.request._replace(
        selection=SyncSelection(prefixes=("11a",)), limit=DeleteLimit(percent=50.0)
    )
    assert setting.sync().result.removed.files == 1
    assert others[0] in setting.local()


@pytest.mark.parametrize("where", ["plan", "execute"])
def test_passing_trouble_is_tried_again(setting: Setting, where: str) -> None:
    errors = [DEAD, DEAD]
    if where == "plan":
        setting.archive.plan_errors = list[PdbCliError](errors)
    else:
        setting.archive.execute_errors = list[PdbCliError](errors)
    run = setting.sync()
    assert run.result.is_done
    assert setting.is_equal()
    assert run.result.retries == 2
    assert sum(isinstance(event, AttemptFailed) for event in setting.events) == 2
    if where == "execute":
        # What had arrived was not fetched again.
        assert run.result.transferred.files == 20


@pytest.mark.parametrize("where", ["plan", "execute"])
@pytest.mark.parametrize("error", [DEAD, FINAL])
def test_next_mirror_goes_on(setting: Setting, where: str, error: PdbCliError) -> None:
    errors = [error] * (3 if error.transient else 1)
    if where == "plan":
        setting.archive.plan_errors = errors
    else:
        setting.archive.execute_errors = errors
    setting.add_mirror("two", MemoryArchive(_files(20)))
    run = setting.sync()
    assert run.result.is_done
    assert setting.is_equal()
    plan = run.result.trees["structures-mmcif"].plan
    assert plan is not None
    assert plan.listing.mirror == "two"


def test_mirror_that_is_behind_does_not_take_over(setting: Setting) -> None:
    setting.archive.newest_s = 2000.0
    setting.archive.execute_errors = [FINAL]
    setting.add_mirror("two", MemoryArchive(_files(20), newest_s=1000.0))
    run = setting.sync()
    assert not run.result.is_done
    assert isinstance(run.result.trees["structures-mmcif"].error, ListDoubtError)
    assert run.result.transferred.files == 10


def test_failing_type_does_not_stop_the_others(setting: Setting) -> None:
    other = setting.make_tree("assemblies", "assemblies")
    setting.request = setting.request._replace(trees=(setting.tree, other))
    setting.archive.files |= _files(3, directory="data/assemblies")
    setting.archive.plan_errors = [FINAL]
    result = setting.sync().result
    assert not result.trees["structures-mmcif"].is_done
    assert result.trees["assemblies"].is_done
    assert (result.is_done, result.did_something) == (False, True)


def test_nothing_goes_from_a_tree_that_is_not_complete(setting: Setting) -> None:
    setting.sync()
    _drop(setting, 1)
    setting.archive.files[f"{REMOTE}/zz/1zzz.cif.gz"] = (b"new", 5000.0)
    setting.archive.broken = {"zz/1zzz.cif.gz"}
    setting.archive.finished.clear()
    result = setting.sync().result
    assert (result.failed_files, result.removed.files) == (1, 0)
    assert setting.archive.finished == []
    assert len(setting.local()) == 20
    assert FileFailed(f"{DIRECTORY}/zz/1zzz.cif.gz", "broken") in setting.events


def test_file_that_goes_meanwhile_is_looked_up_again(setting: Setting) -> None:
    setting.archive.vanishing = {"0a/10a0.cif.gz"}
    run = setting.sync()
    assert run.result.is_done
    assert setting.is_equal()
    assert (setting.archive.plans, run.result.retries) == (2, 0)


def test_no_way_to_any_mirror(setting: Setting) -> None:
    setting.archive.probe = ProbeResult(usable=False, reason="no rsync program")
    with pytest.raises(NoTransportError) as refusal:
        setting.sync()
    assert refusal.value.reasons == (("one", "memory", "no rsync program"),)


def test_port_that_does_not_answer_is_looked_at_again(setting: Setting) -> None:
    setting.archive.probe = ProbeResult(usable=False, reason="port closed", may_pass=True)
    run = setting.make_run()
    with pytest.raises(NoTransportError):
        run.plan()
    assert run.result.retries == 2


def test_best_way_to_each_mirror_before_other_ways(setting: Setting) -> None:
    setting.add_mirror("two", MemoryArchive(_files(20)))
    asked: list[str] = []

    class Fast(MemoryTransport):
        name = "fast"

    class Slow(MemoryTransport):
        name = "slow"

    def make(kind: type[MemoryTransport], mirror: Mirror) -> MemoryTransport:
        asked.append(f"{mirror.name} {kind.name}")
        return kind(mirror, setting.archives[mirror.name])

    for archive in setting.archives.values():
        archive.plan_errors = [FINAL, FINAL]
    run = SyncRun(
        setting.request, [lambda mirror: make(Fast, mirror), lambda mirror: make(Slow, mirror)]
    )
    run.plan()
    assert asked == ["one fast", "two fast", "one slow", "two slow"]


def test_room_is_looked_for_before_the_first_byte(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
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
def test_path_that_leads_out_of_the_tree_is_refused(setting: Setting, path: str) -> None:
    setting.archive.files[f"{REMOTE}/{path}"] = (b"evil", 1.0)
    result = setting.sync().result
    assert isinstance(result.trees["structures-mmcif"].error, UnsafeTreeError)
    assert setting.archive.executions == 0


def test_link_out_of_the_tree_is_not_followed(setting: Setting, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1aa9.cif.gz").write_text("precious")
    setting.tree.root.mkdir(parents=True)
    (setting.tree.root / "0a").symlink_to(outside)
    result = setting.sync().result
    assert isinstance(result.trees["structures-mmcif"].error, UnsafeTreeError)
    assert [path.name for path in outside.iterdir()] == ["1aa9.cif.gz"]


def test_root_may_be_a_link_of_the_user(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (setting.root / "structures").parent.mkdir(parents=True)
    (setting.root / "structures").symlink_to(tmp_path / "big")
    setting.sync()
    (gone,) = _drop(setting, 1)
    assert setting.sync().result.removed.files == 1
    assert not (tmp_path / "big" / gone.removeprefix("data/structures/")).exists()


def test_full_disk_ends_the_run(setting: Setting) -> None:
    setting.archive.execute_errors = [FileAccessError("write", Path("x"), "disk full")]
    with pytest.raises(FileAccessError):
        setting.sync()
    assert setting.make_run().plan().kept.files == 10


def test_deletion_that_is_no_file_is_passed_over(setting: Setting) -> None:
    from pdb_cli.operations.sync_removal import remove_files

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
