"""The rsync transport against the real daemon: plans, runs, selections, what mirrors do wrong."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import (
    FileAccessError,
    RsyncError,
    RsyncTransientError,
    UnsafeTreeError,
    UnsupportedError,
)
from pdb_cli.operations.collection_plan import PlanAction
from pdb_cli.operations.sync.guards import PathGuard
from pdb_cli.operations.sync.model import SettledStatus, SyncSelection
from pdb_cli.operations.sync.rsync import transport as sync_rsync
from pdb_cli.transfer.rsync_leftovers import NameLists
from support.programs import require_program
from support.rsync_changes import OLD_NS, check_plan_is_run, paths, put, releases
from support.rsync_daemon import RsyncDaemon
from support.rsync_lab import REMOTE, RsyncLab, plain_rsync, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return the tree of a mirror with a few entries."""
    tree = tmp_path / "archive" / REMOTE
    noise = random.Random(0)
    for entry in ("1abc", "2abd", "3xyz", "9hyx"):
        put(tree, f"{entry[1:3]}/{entry}.cif.gz", noise.randbytes(3000))
    return tree


@pytest.fixture
def daemon(tmp_path: Path, archive: Path) -> Iterator[RsyncDaemon]:
    (tmp_path / "daemon").mkdir()
    rsync = require_program("rsync", package="rsync")
    root = tmp_path / "archive"
    assert archive.is_relative_to(root)
    with RsyncDaemon(rsync, root, folder=tmp_path / "daemon") as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, daemon: RsyncDaemon) -> RsyncLab:
    return RsyncLab(tmp_path / "collection", daemon.port)


def test_a_run_leaves_what_plain_rsync_leaves_and_a_second_one_does_nothing(
    lab: RsyncLab, daemon: RsyncDaemon, archive: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    first = lab.sync()
    assert len(first.transferred) == 4
    assert first.received_bytes == first.plan.new.size_bytes == 12_000
    plain_rsync(f"{daemon.url}/{REMOTE}/", plain)
    assert snapshot(lab.root) == snapshot(plain)
    # A release: one new, one changed, one only newer, one gone with its directory.
    put(archive, "hy/1hyz.cif.gz", b"new", mtime_ns=OLD_NS + 10**9)
    put(archive, "ab/1abc.cif.gz", b"longer" * 1000, mtime_ns=OLD_NS + 2 * 10**9)
    os.utime(archive / "ab/2abd.cif.gz", ns=(OLD_NS, OLD_NS + 3 * 10**9))
    shutil.rmtree(archive / "xy")
    second = lab.sync()
    reasons = {one.path.rpartition("/")[2]: one.reason for one in second.plan.transfers}
    assert reasons == {
        "1hyz.cif.gz": "missing", "1abc.cif.gz": "size and time", "2abd.cif.gz": "time",
    }  # fmt: skip
    assert paths(second.plan, PlanAction.DELETE) == {"xy/3xyz.cif.gz"}
    assert second.plan.deleted.size_bytes == 3000
    assert second.plan.kept == (1, 3000, 0)
    assert second.plan.listing.files == 4
    assert second.plan.listing.complete
    assert second.plan.listing.newest_s == OLD_NS // 10**9 + 3
    plain_rsync(f"{daemon.url}/{REMOTE}/", plain)
    assert snapshot(lab.root) == snapshot(plain)
    third = lab.sync()
    assert third.settled == []
    assert third.plan.kept.files == 4
    assert list((lab.collection / ".pdb-cli" / "rsync").iterdir()) == []


def test_a_run_that_only_deletes_leaves_the_times_of_directories(
    lab: RsyncLab, daemon: RsyncDaemon, archive: Path, tmp_path: Path
) -> None:
    lab.sync()
    (lab.root / "empty/inner").mkdir(parents=True)
    (archive / "ab/1abc.cif.gz").unlink()
    os.utime(archive / "ab", ns=(OLD_NS, OLD_NS))
    put(lab.root, "ab/mine.txt", b"not of the archive")
    lab.sync()
    plain_rsync(f"{daemon.url}/{REMOTE}/", tmp_path / "plain")
    assert snapshot(lab.root) == snapshot(tmp_path / "plain")


def test_without_delete_nothing_goes(lab: RsyncLab, archive: Path) -> None:
    lab.sync()
    (archive / "ab/1abc.cif.gz").unlink()
    synced = lab.sync(delete=False)
    assert len(synced.plan.deletions) == 0
    assert (lab.root / "ab/1abc.cif.gz").exists()


class TestSelections:
    def test_s1_prefixes_and_ids_are_true_filters(self, lab: RsyncLab, archive: Path) -> None:
        put(archive, "ab/README", b"not an entry")
        put(lab.root, "xy/8xyz.cif.gz", b"not selected, not on the mirror")
        put(lab.root, "ab/7abc.cif.gz", b"selected, not on the mirror")
        chosen = SyncSelection(prefixes=("1", "7"), entries=frozenset({EntryId.parse("9hyx")}))
        synced = lab.sync(selection=chosen)
        assert synced.transferred == {"ab/1abc.cif.gz", "hy/9hyx.cif.gz"}
        assert paths(synced.plan, PlanAction.DELETE) == {"ab/7abc.cif.gz"}
        assert synced.plan.listing.files == 2
        assert (lab.root / "xy/8xyz.cif.gz").exists()
        assert lab.sync(selection=chosen).settled == []

    def test_s1_a_thousand_ids_are_filtered_as_well(self, lab: RsyncLab) -> None:
        ids = {EntryId.parse(f"{lead}{mid}{end}") for lead in range(1, 9) for mid in ("ab", "zz")
               for end in "0123456789abcdefghijklmnopqrstuvwxyz"}  # fmt: skip
        assert len(ids) > 500
        chosen = SyncSelection(entries=frozenset(ids))
        assert lab.sync(selection=chosen).transferred == {"ab/1abc.cif.gz", "ab/2abd.cif.gz"}

    def test_the_layout_of_2027_has_many_types_in_one_directory(
        self, lab: RsyncLab, tmp_path: Path
    ) -> None:
        entries = tmp_path / "archive" / "data/entries"
        for entry in ("pdb_00001abc", "pdb_00002abd"):
            put(entries, f"ab/{entry}/structures/{entry}.cif.gz", b"st")
            put(entries, f"ab/{entry}/structures/{entry}.pdb.gz", b"pdb")
            put(entries, f"ab/{entry}/validation_reports/{entry}_validation.cif.gz", b"val")
        tree = lab.tree(
            remote="data/entries", directory="entries", root=lab.collection / "entries",
            layout="entry", pattern="{hash}/{id}/structures/{id}.cif.gz", shared=True,
        )  # fmt: skip
        put(tree.root, "ab/pdb_00001abc/validation_reports/other.gz", b"of another tree")
        lab.sync(tree=tree)
        found = {name for name, (_, data) in snapshot(tree.root).items() if data is not None}
        assert found == {
            "ab/pdb_00001abc/structures/pdb_00001abc.cif.gz",
            "ab/pdb_00002abd/structures/pdb_00002abd.cif.gz",
            "ab/pdb_00001abc/validation_reports/other.gz",
        }
        one = SyncSelection(prefixes=("1a",))
        put(entries, "ab/pdb_00002abd/structures/pdb_00002abd.cif.gz", b"changed")
        assert lab.sync(tree=tree, selection=one).settled == []

    def test_s2_a_farm_of_links_comes_as_files(self, lab: RsyncLab, tmp_path: Path) -> None:
        farm = tmp_path / "archive/data/structures/all/mmCIF"
        farm.mkdir(parents=True)
        (farm / "1abc.cif.gz").symlink_to("../../divided/mmCIF/ab/1abc.cif.gz")
        tree = lab.tree(
            remote="data/structures/all/mmCIF", directory="structures/all/mmCIF",
            root=lab.collection / "structures/all/mmCIF", pattern="{id}.cif.gz", links=True,
        )  # fmt: skip
        lab.sync(tree=tree)
        assert not (tree.root / "1abc.cif.gz").is_symlink()
        assert (tree.root / "1abc.cif.gz").stat().st_size == 3000


class TestHostileMirrors:
    def test_links_and_names_that_lead_elsewhere_are_not_made(
        self, lab: RsyncLab, archive: Path, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious").write_text("mine")
        (archive / "out").symlink_to(outside)
        (archive / "passwd.cif.gz").symlink_to("/etc/passwd")
        (archive / "ab" / "inner.cif.gz").symlink_to("1abc.cif.gz")
        os.mkfifo(archive / "ab" / "pipe")
        put(archive, ".pdb-cli/write.lock", b"ours")
        put(archive, "ab/.1abc.cif.gz.part", b"ours")
        for bad in ("two\nlines", "carriage\rreturn", "back\\slash", "bytes\udcff"):
            put(archive, f"ab/{bad}", b"bad")
        for odd in ("-e sh", "#comment", ";semicolon", "blank s", "ünïcode", "%s [x] *?"):
            put(archive, f"ab/{odd}", b"odd")
        synced = lab.sync()
        expected = {"ab/1abc.cif.gz", "ab/2abd.cif.gz", "xy/3xyz.cif.gz", "hy/9hyx.cif.gz"} | {
            f"ab/{odd}" for odd in ("-e sh", "#comment", ";semicolon", "blank s", "ünïcode",
                                    "%s [x] *?")
        }  # fmt: skip
        assert synced.transferred == expected
        assert {name for name, (_, data) in snapshot(lab.root).items() if data} == expected
        assert [path.name for path in outside.iterdir()] == ["precious"]
        assert synced.plan.listing.files == len(expected)
        assert lab.sync().settled == []

    def test_a_directory_is_meant_as_it_is_written(self, lab: RsyncLab, tmp_path: Path) -> None:
        for name in ("[ab]* $(x)", "a"):
            put(tmp_path / "archive" / "data" / name, "1abc.cif.gz", name.encode())
        tree = lab.tree(remote="data/[ab]* $(x)", pattern=None)
        lab.sync(tree=tree)
        assert (lab.root / "1abc.cif.gz").read_text() == "[ab]* $(x)"
        assert lab.sync(tree=tree).settled == []

    def test_links_here_are_replaced_and_not_followed(self, lab: RsyncLab, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "1abc.cif.gz").write_text("mine")
        lab.root.mkdir(parents=True)
        (lab.root / "ab").symlink_to(outside)
        (lab.root / "hy").mkdir()
        (lab.root / "hy" / "9hyx.cif.gz").symlink_to(outside / "1abc.cif.gz")
        lab.sync()
        assert {path.name: path.read_text() for path in outside.iterdir()} == {
            "1abc.cif.gz": "mine"
        }
        assert not (lab.root / "ab").is_symlink()
        assert (lab.root / "hy" / "9hyx.cif.gz").stat().st_size == 3000

    def test_setuid_does_not_arrive(self, lab: RsyncLab, archive: Path) -> None:
        (archive / "ab/1abc.cif.gz").chmod(0o6755)
        lab.sync()
        assert (lab.root / "ab/1abc.cif.gz").stat().st_mode & 0o7000 == 0

    def test_an_empty_mirror_is_a_list_of_nothing(self, lab: RsyncLab, archive: Path) -> None:
        lab.sync()
        for child in archive.iterdir():
            shutil.rmtree(child)
        plan = lab.plan(lab.transport())
        assert (plan.listing.files, plan.listing.complete, plan.deleted.files) == (0, True, 4)

    def test_no_such_module_is_final_and_said(self, lab: RsyncLab) -> None:
        lab.modules = ("nothing",)
        with pytest.raises(RsyncError, match="Unknown module 'nothing'") as caught:
            lab.plan(lab.transport())
        assert not caught.value.transient
        assert caught.value.exit_code == 5

    def test_no_such_directory_is_no_empty_list(self, lab: RsyncLab) -> None:
        lab.sync()
        with pytest.raises(RsyncError, match=r"no such directory.*No such file") as caught:
            lab.plan(lab.transport(), tree=lab.tree(remote="data/nothing"))
        assert caught.value.exit_code == 23
        # It is not there the next second either.
        assert not caught.value.transient

    def test_the_next_place_of_a_mirror_is_asked(self, lab: RsyncLab) -> None:
        lab.modules = ("nothing", "ftp")
        assert len(lab.sync().transferred) == 4

    def test_a_mirror_without_rsync_is_unsupported(self, lab: RsyncLab) -> None:
        lab.modules = ()
        with pytest.raises(UnsupportedError):
            lab.plan(lab.transport())
        assert not lab.transport().probe().usable

    def test_what_the_daemon_may_not_read_makes_the_list_incomplete(
        self, lab: RsyncLab, daemon: RsyncDaemon, archive: Path, tmp_path: Path
    ) -> None:
        lab.sync()
        (archive / "ab").chmod(0)
        put(lab.root, "zz/gone.cif.gz", b"x")
        for folder in (tmp_path, *tmp_path.parents):
            if not folder.stat().st_mode & 1:
                folder.chmod(folder.stat().st_mode | 0o55)
        rsync = require_program("rsync", package="rsync")
        (tmp_path / "nobody").mkdir(mode=0o777)
        nobody = RsyncDaemon(
            rsync,
            tmp_path / "archive",
            folder=tmp_path / "nobody",
            # root may read everything.
            settings="uid = 65534" if os.geteuid() == 0 else "",
        )
        with nobody:
            lab.port = nobody.port
            [planned] = lab.transport().plan(
                [lab.tree()], SyncSelection(), delete=True, observe=lab.events.append
            )
        (archive / "ab").chmod(0o755)
        assert daemon.port != lab.port
        assert planned.plan is not None
        assert not planned.plan.listing.complete
        assert len(planned.plan.deletions) == 0
        assert isinstance(planned.error, RsyncTransientError)
        assert "ab" in planned.error.reason


class TestSharedCollections:
    def test_permissions_are_those_of_the_group_and_not_of_the_mirror(
        self, lab: RsyncLab, archive: Path
    ) -> None:
        (archive / "hy/9hyx.cif.gz").chmod(0o600)
        for folder in (archive, *archive.iterdir()):
            folder.chmod(0o755)
        (lab.root / "ab").mkdir(parents=True)
        for folder in (lab.root, lab.root / "ab"):
            folder.chmod(0o2770)
        before = os.umask(0o002)
        try:
            lab.sync()
        finally:
            os.umask(before)
        modes = {
            name: (lab.root / name).stat().st_mode & 0o7777
            for name in (".", "ab", "hy", "ab/1abc.cif.gz", "hy/9hyx.cif.gz")
        }
        assert modes == {
            ".": 0o2770, "ab": 0o2770, "hy": 0o2775,
            "ab/1abc.cif.gz": 0o664, "hy/9hyx.cif.gz": 0o664,
        }  # fmt: skip
        assert lab.sync().settled == []
        assert (lab.root / "hy").stat().st_mode & 0o7777 == 0o2775


class TestInTheWay:
    def test_a_file_or_a_link_in_the_place_of_a_directory_stops_the_tree(
        self, lab: RsyncLab
    ) -> None:
        lab.sync()
        shutil.rmtree(lab.root / "ab")
        (lab.root / "ab").write_text("mine")
        (lab.root / "xy").rename(lab.root / "zz")
        (lab.root / "xy").symlink_to("zz")
        plan = lab.plan(lab.transport())
        for change in plan.transfers:
            with pytest.raises(UnsafeTreeError) as caught:
                PathGuard(lab.tree()).check(change)
            assert caught.value.path in {lab.root / "ab", lab.root / "xy"}
        assert {one.path.split("/")[-2] for one in plan.transfers} == {"ab", "xy"}

    def test_no_empty_directory_of_the_mirror_takes_their_place(
        self, lab: RsyncLab, archive: Path
    ) -> None:
        (archive / "ee").mkdir()
        (archive / "ff").mkdir()
        lab.root.mkdir(parents=True)
        (lab.root / "ee").symlink_to("hy")
        (lab.root / "ff").write_text("mine")
        lab.sync()
        lab.sync()
        assert (lab.root / "ee").is_symlink()
        assert (lab.root / "ff").read_text() == "mine"

    def test_a_directory_in_the_place_of_a_file_is_no_success(self, lab: RsyncLab) -> None:
        (lab.root / "ab/1abc.cif.gz/inner").mkdir(parents=True)
        [planned] = lab.transport().plan(
            [lab.tree()], SyncSelection(), delete=False, observe=lab.events.append
        )
        assert planned.plan is not None
        assert not planned.plan.listing.complete
        assert isinstance(planned.error, RsyncError)
        assert not planned.error.transient
        assert "1abc.cif.gz" in planned.error.reason


class TestManyFiles:
    def test_they_come_some_at_a_time_and_are_flushed_once(
        self, lab: RsyncLab, archive: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flushed: list[Path] = []
        monkeypatch.setattr(sync_rsync, "_MOST_AT_ONCE", 3)
        monkeypatch.setattr(sync_rsync, "flush_file_system", flushed.append)
        noise = random.Random(1)
        for number in range(1, 9):
            put(archive, f"cd/{number}cde.cif.gz", noise.randbytes(500))
        (archive / "empty").mkdir()
        os.utime(archive / "empty", ns=(OLD_NS, OLD_NS))
        synced = lab.sync()
        assert len(synced.transferred) == 12
        assert len(synced.settled) == 12
        assert snapshot(lab.root) == snapshot(archive)
        assert flushed == [lab.root]
        assert list((lab.collection / ".pdb-cli" / "rsync").iterdir()) == []
        assert lab.sync().settled == []
        assert flushed == [lab.root]

    def test_what_was_begun_goes_on_first(
        self, lab: RsyncLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sync_rsync, "_MOST_AT_ONCE", 1)
        lists = NameLists(lab.collection / ".pdb-cli" / "rsync", "structures-mmcif")
        lists.write(7, ["xy/3xyz.cif.gz", "zz/gone.cif.gz"], below=REMOTE)
        put(lab.root, "xy/.3xyz.cif.gz.AbCdEf", b"begun")
        put(lab.root, "zz/.gone.cif.gz.AbCdEf", b"begun")
        for path in lab.root.rglob(".*"):
            # As rsync makes them.
            path.chmod(0o600)
            path.touch()
        transport = lab.transport()
        plan = lab.plan(transport, delete=False)
        settled = [
            one.path.rpartition("/")[2]
            for one in transport.execute(lab.tree(), plan, observe=lab.events.append)
        ]
        assert settled[0] == "3xyz.cif.gz"
        assert len(settled) == 4
        assert not list(lab.root.rglob(".*"))


class TestChangesMeanwhile:
    def test_a_vanished_file_is_said_and_the_rest_arrives(
        self, lab: RsyncLab, archive: Path
    ) -> None:
        transport = lab.transport()
        plan = lab.plan(transport)
        (archive / "ab/1abc.cif.gz").unlink()
        put(archive, "ab/5abe.cif.gz", b"came after the plan")
        settled = list(transport.execute(lab.tree(), plan, observe=lab.events.append))
        status = {one.path.rpartition("/")[2]: one.status for one in settled}
        assert status.pop("1abc.cif.gz") is SettledStatus.VANISHED
        assert status == dict.fromkeys(
            ("2abd.cif.gz", "3xyz.cif.gz", "9hyx.cif.gz"), SettledStatus.TRANSFERRED
        )
        assert not (lab.root / "ab/5abe.cif.gz").exists()

    def test_a_file_that_is_there_by_now_is_left_alone(self, lab: RsyncLab) -> None:
        transport = lab.transport()
        plan = lab.plan(transport)
        lab.sync()
        settled = list(transport.execute(lab.tree(), plan, observe=lab.events.append))
        assert {one.status for one in settled} == {SettledStatus.UNCHANGED}
        assert len(settled) == 4

    def test_a_disk_that_refuses_is_our_fault(self, lab: RsyncLab) -> None:
        lab.collection.mkdir()
        (lab.collection / "structures").write_text("a file where a directory should be")
        with pytest.raises(FileAccessError):
            lab.sync()


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=releases, after=releases)
def test_m1_what_is_planned_is_what_happens(
    lab: RsyncLab,
    daemon: RsyncDaemon,
    archive: Path,
    before: list[tuple[str, str, int]],
    after: list[tuple[str, str, int]],
) -> None:
    check_plan_is_run(lab, f"{daemon.url}/{REMOTE}/", archive, [before, after])
