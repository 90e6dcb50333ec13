"""What sync over https plans, and does: lists of a living archive against a real tree."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile, Layout
from pdb_cli.errors import HttpStatusError, UnsafeTreeError, UnsupportedError
from pdb_cli.events import Note
from pdb_cli.operations.sync.model import SettledStatus, SyncSelection
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.holdings import write_holdings
from support.real_entries import real_files
from support.sync_https import HttpsSync, archive_state, tree_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.events import Event

ENTRIES = ("3hya", "1kqe", "1dsr", "4hhb", "5wkd", "1gdr")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.all_dated = False
    tree.publish(add=ENTRIES)
    with ArchiveSimulator(tree) as simulator:
        yield simulator


@pytest.fixture
def sync(tmp_path: Path, mirror: ArchiveSimulator) -> HttpsSync:
    return HttpsSync(tmp_path / "collection", mirror.url)


def test_the_tree_becomes_that_of_the_archive(sync: HttpsSync, mirror: ArchiveSimulator) -> None:
    run = sync.run()
    assert tree_state(sync.collection) == archive_state(mirror.tree.root)
    assert {one.status for one in run.settled} == {SettledStatus.TRANSFERRED}
    assert run.transferred() == run.said().keys()


def test_a_second_run_makes_few_requests_and_no_transfer(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run()
    mirror.forget_requests()
    run = sync.run()
    assert not run.said()
    assert run.kept == len(mirror.tree.files())
    assert len(mirror.requests) <= 5
    assert all("/holdings/" in request.path for request in mirror.requests)


def test_a_release_brings_what_changed_and_takes_what_is_gone(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run()
    mirror.tree.publish(
        add=["1c58"],
        copies={"9abc": "1dul"},
        change=["1kqe", "4hhb", "5wkd"],
        obsolete={"1dsr": None},
    )
    planned = sync.plan().said()
    mirror.forget_requests()
    run = sync.run()
    assert run.said() == planned
    assert planned["structures/divided/mmCIF/kq/1kqe.cif.gz"] == "changed (time)"
    assert planned["structures/divided/mmCIF/c5/1c58.cif.gz"] == "new (missing)"
    assert planned["structures/divided/mmCIF/ds/1dsr.cif.gz"] == "delete (not on the mirror)"
    # What has no date of its own was asked about, and is fetched because it is another file.
    assert planned["assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz"] == "changed (size)"
    assert tree_state(sync.collection) == archive_state(mirror.tree.root)
    assert not sync.run().said()


def test_a_tree_of_rsync_is_neither_fetched_again_nor_asked_about(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    for path, (data, mtime_s) in archive_state(mirror.tree.root).items():
        place = sync.collection / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        # rsync keeps fractions of a second, lists and HTTP do not.
        os.utime(place, (mtime_s + 0.7, mtime_s + 0.7))
    run = sync.run()
    assert not run.said()
    assert {request.method for request in mirror.requests} == {"GET"}
    assert len(mirror.requests) <= 5


@pytest.mark.parametrize("by_s", [-7, 86_400])
def test_another_time_is_another_file_be_it_newer_or_older(
    sync: HttpsSync, mirror: ArchiveSimulator, by_s: int
) -> None:
    sync.run("structures-mmcif")
    path = "structures/divided/mmCIF/kq/1kqe.cif.gz"
    mtime_s = mirror.tree.file_time_s + by_s
    os.utime(sync.collection / path, (mtime_s, mtime_s))
    run = sync.run("structures-mmcif")
    assert run.said() == {path: "changed (time)"}
    assert run.transferred() == {path}
    assert tree_state(sync.collection)[path][1] == int(mirror.tree.file_time_s)


def _cut(path: Path, size_bytes: int) -> None:
    """Cut a file off that keeps its time, as a power failure does it."""
    status = path.stat()
    os.truncate(path, size_bytes)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_that_was_cut_off_and_kept_its_time_is_fetched_again(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run("structures-mmcif", "structures-pdb")
    paths = [
        "structures/divided/mmCIF/kq/1kqe.cif.gz",
        "structures/divided/pdb/wk/pdb5wkd.ent.gz",
    ]
    for path in paths:
        _cut(sync.collection / path, 0)
    unrecorded = HttpsSync(sync.collection, mirror.url)
    assert unrecorded.plan("structures-mmcif", "structures-pdb").said() == dict.fromkeys(
        paths, "changed (empty)"
    )
    sync.marks.flush()
    for path in paths:
        _cut(sync.collection / path, 100)
    for transferred in (set(paths), set()):
        run = sync.run("structures-mmcif", "structures-pdb")
        assert run.said() == dict.fromkeys(transferred, "changed (size)")
        assert run.transferred() == transferred
        sync.marks.flush()
    good = archive_state(mirror.tree.root)
    assert {path: tree_state(sync.collection)[path] for path in paths} == {
        path: good[path] for path in paths
    }


def test_a_file_of_another_size_than_recorded_is_asked_about_once(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run("structures-pdb")
    sync.marks.flush()
    path = "structures/divided/pdb/wk/pdb5wkd.ent.gz"
    sync.marks.recorded[path] = sync.marks.recorded[path]._replace(size_bytes=1)
    for expected in (1, 0):
        mirror.forget_requests()
        assert not sync.run("structures-pdb").said()
        assert [r.method for r in mirror.requests].count("HEAD") == expected


def test_what_was_made_before_its_entry_changed_is_asked_about_once(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    mirror.tree.publish(copies={"9xyz": "3hya"})
    entry = EntryId.parse("9xyz")
    files = {ArchiveFile(entry, DataType.ASSEMBLIES, FileFormat.MMCIF, 1): "9xyz-assembly1"}
    (file,) = files
    path = mirror.tree.path(file)
    path.parent.mkdir(parents=True)
    path.write_bytes(mirror.tree.path(file._replace(
        data_type=DataType.STRUCTURES, assembly=None)).read_bytes())  # fmt: skip
    earlier_s = mirror.tree.file_time_s - 1000
    os.utime(path, (earlier_s, earlier_s))
    write_holdings(
        mirror.tree.root / "holdings",
        "current_file_holdings",
        {"9XYZ": {"assembly_mmcif": [f"/pdb/data/assemblies/mmCIF/divided/xy/{path.name}"]}},
        mtime_s=mirror.tree.file_time_s,
    )
    place = sync.collection / "assemblies/mmCIF/divided/xy" / path.name
    place.parent.mkdir(parents=True)
    place.write_bytes(path.read_bytes())
    os.utime(place, (earlier_s, earlier_s))
    for expected in (1, 0):
        mirror.forget_requests()
        assert not sync.run("assemblies").said()
        assert [r.method for r in mirror.requests].count("HEAD") == expected
    # The answer is about this file and this date.
    os.utime(place, (earlier_s - 5, earlier_s - 5))
    assert sync.plan("assemblies").said() == {
        f"assemblies/mmCIF/divided/xy/{path.name}": "changed (time)"
    }


def test_an_answer_about_an_entry_that_just_changed_counts_for_a_week(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run("assemblies")
    path = next(sync.collection.rglob("*-assembly1.cif.gz"))
    served = mirror.tree.path(
        ArchiveFile(EntryId.parse("4hhb"), DataType.ASSEMBLIES, FileFormat.MMCIF, 1)
    )
    for place in (path, served):
        os.utime(place, (1000, 1000))
    sync.now_s = mirror.tree.file_time_s + 3600
    asked = []
    for later_s in (0, 60, 7 * 86_400, 60):
        sync.now_s += later_s
        mirror.forget_requests()
        assert not sync.run("assemblies").said()
        asked.append([r.method for r in mirror.requests].count("HEAD"))
    assert asked == [1, 0, 1, 0]


def test_a_file_of_the_date_itself_or_later_is_settled_for_good(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run("structure-factors")
    path = next(sync.collection.rglob("r5wkdsf.ent.gz"))
    served = next(mirror.tree.root.rglob("r5wkdsf.ent.gz"))
    for place in (path, served):
        os.utime(place, (mirror.tree.file_time_s + 70,) * 2)
    sync.now_s = mirror.tree.file_time_s + 3600
    asked = []
    for later_s in (0, 60, 7 * 86_400):
        sync.now_s += later_s
        mirror.forget_requests()
        assert not sync.run("structure-factors").said()
        asked.append([r.method for r in mirror.requests].count("HEAD"))
    assert asked == [1, 0, 0]


@pytest.mark.parametrize(
    ("data", "later_s", "planned"),
    [
        (b"garbage", 86_400.5, "changed (size)"),
        (b"garbage", 86_400.0, "changed (size)"),
        (b"garbage of the day" * 9, 86_400.5, "changed (size)"),
        (None, 86_400.5, "changed (time)"),
        (None, 86_400.0, None),
    ],
)
def test_a_file_later_than_its_entry_is_believed_only_with_a_time_of_the_archives(
    sync: HttpsSync,
    mirror: ArchiveSimulator,
    data: bytes | None,
    later_s: float,
    planned: str | None,
) -> None:
    sync.run("assemblies")
    path = next(sync.collection.rglob("4hhb-assembly1.cif.gz"))
    path.write_bytes(data or path.read_bytes())
    sync.marks.recorded.clear()  # as of a tree that rsync has made
    os.utime(path, (mirror.tree.file_time_s + later_s,) * 2)
    name = path.relative_to(sync.collection).as_posix()
    assert sync.run("assemblies").said() == ({name: planned} if planned else {})
    assert not sync.run("assemblies").said()


def test_a_file_that_the_mirror_says_is_unchanged_is_not_sent(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run("structures-mmcif")
    entry, path = "1KQE", "structures/divided/mmCIF/kq/1kqe.cif.gz"
    before = tree_state(sync.collection)
    write_holdings(
        mirror.tree.root / "holdings",
        "released_structures_last_modified_dates",
        {entry: "2026-10-09T00:00:00+00:00"},
        mtime_s=mirror.tree.file_time_s + 5,
    )
    run = sync.run("structures-mmcif", delete=False)
    assert [(one.path, one.status) for one in run.settled] == [(path, SettledStatus.UNCHANGED)]
    assert tree_state(sync.collection) == before
    # And it is not asked about again, as long as its date is what it was.
    assert not sync.run("structures-mmcif", delete=False).said()


def test_only_selected_entries_are_looked_at(sync: HttpsSync, mirror: ArchiveSimulator) -> None:
    sync.run()
    mirror.tree.publish(change=["1kqe", "3hya"], obsolete={"1dsr": None, "4hhb": None})
    prefix = sync.plan(selection=SyncSelection(prefixes=("1",))).said()
    assert set(prefix) == {
        "structures/divided/mmCIF/kq/1kqe.cif.gz",
        "structures/divided/mmCIF/ds/1dsr.cif.gz",
        "structures/obsolete/mmCIF/ds/1dsr.cif.gz",
    }
    only = SyncSelection(entries=frozenset({EntryId.parse("pdb_00003hya")}))
    assert set(sync.plan(selection=only).said()) == {"structures/divided/mmCIF/hy/3hya.cif.gz"}


def test_nothing_else_in_a_directory_is_deleted(sync: HttpsSync) -> None:
    sync.run("structures-mmcif")
    folder = sync.collection / "structures/divided/mmCIF/kq"
    for name in ("README", "1kqe.cif", ".1kqe.cif.gz.part", "pdb1kqe.ent.gz"):
        (folder / name).write_bytes(b"mine")
    (folder / "2kqe.cif.gz").write_bytes(b"the archive's, once")
    assert set(sync.plan("structures-mmcif").said()) == {"structures/divided/mmCIF/kq/2kqe.cif.gz"}
    assert not sync.plan("structures-mmcif", delete=False).said()


def test_types_without_lists_name_rsync(sync: HttpsSync) -> None:
    (tree,) = sync.trees("structures-mmcif")
    tree = tree._replace(name="emdb", data_type=None, pattern=None, content_types=())
    (planned,) = sync.transport().plan([tree], SyncSelection(), delete=False, observe=print)
    assert isinstance(planned.error, UnsupportedError)
    assert "rsync" in planned.error.reason


def test_a_list_that_can_not_be_had_fails_its_trees_only(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    (mirror.tree.root / "holdings" / "current_file_holdings.json.gz").unlink()
    run = sync.run("structures-mmcif", "assemblies", "structure-factors")
    assert set(run.plans) == {"structures-mmcif"}
    assert {type(error) for error in run.errors.values()} == {HttpStatusError}
    assert set(run.errors) == {"assemblies", "structure-factors"}


def test_a_mirror_that_went_back_in_time_says_so(sync: HttpsSync, mirror: ArchiveSimulator) -> None:
    sync.run("structures-mmcif")
    path = mirror.tree.root / "holdings" / "released_structures_last_modified_dates.json.gz"
    earlier_s = mirror.tree.file_time_s - 14 * 86_400
    os.utime(path, (earlier_s, earlier_s))
    listing = sync.plan("structures-mmcif").plans["structures-mmcif"].listing
    assert listing.newest_s == earlier_s


@pytest.mark.parametrize("status", [404, 403])  # as stores of files say it
def test_a_missing_list_of_dates_is_said_once_a_day(
    sync: HttpsSync, mirror: ArchiveSimulator, status: int
) -> None:
    path = mirror.tree.root / "holdings" / "released_experimental_data_last_modified_dates.json.gz"
    mirror.refusals[f"GET {path.name}"] = HTTPStatus(status)
    notes: list[Event] = []
    for _ in range(2):
        sync.run("structure-factors", observe=notes.append)
    assert len([note for note in notes if isinstance(note, Note)]) == 1
    assert [path.name in r.path for r in mirror.requests].count(True) == 1
    assert (sync.collection / "structures/divided/structure_factors/wk/r5wkdsf.ent.gz").exists()


def test_a_link_in_place_of_a_directory_is_not_followed(sync: HttpsSync, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = sync.collection / "structures/divided/mmCIF"
    root.mkdir(parents=True)
    (root / "kq").symlink_to(outside)
    run = sync.run("structures-mmcif")
    assert isinstance(run.errors["structures-mmcif"], UnsafeTreeError)
    assert not list(outside.iterdir())
    # The root itself may be one: the user made it.
    (root / "kq").unlink()
    root.rmdir()
    root.symlink_to(outside)
    sync.run("structures-mmcif")
    assert (outside / "kq" / "1kqe.cif.gz").exists()


def test_a_link_in_place_of_a_file_is_replaced(sync: HttpsSync, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"untouched")
    place = sync.collection / "structures/divided/mmCIF/kq/1kqe.cif.gz"
    place.parent.mkdir(parents=True)
    place.symlink_to(other)
    sync.run("structures-mmcif")
    assert other.read_bytes() == b"untouched"
    assert not place.is_symlink()


def test_the_layout_of_2027(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "archive", layout=Layout.ENTRY)
    tree.publish(add=["pdb_00011a7y"], copies={"pdb_1000abcd": "1dul", "9abc": "1dul"})
    with ArchiveSimulator(tree) as mirror:
        sync = HttpsSync(tmp_path / "collection", mirror.url, Layout.ENTRY)
        sync.run()
        assert tree_state(sync.collection) == archive_state(tree.root)
        assert not sync.run().said()
        tree.publish(change=["9abc"], obsolete={"pdb_00011a7y": None})
        said = sync.run().said()
        assert said == {
            "entries/ab/pdb_00009abc/structures/pdb_00009abc.cif.gz": "changed (time)",
            "entries/a7/pdb_00011a7y/structures/pdb_00011a7y.cif.gz": "delete (not on the mirror)",
        }
        assert tree_state(sync.collection) == archive_state(tree.root)


def test_integrative_structures_have_lists_of_their_own(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=["1kqe"])
    source = next(tree.root.rglob("1kqe.cif.gz"))
    ihm = tree.root.parent / "pdb_ihm"
    path = ihm / "data/entries/zz/8zz1/structures/8zz1.cif.gz"
    path.parent.mkdir(parents=True)
    real = real_files()[EntryId.parse("1kqe")][0].copied_to(EntryId.parse("8zz1"))
    path.write_bytes(real.data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    write_holdings(
        ihm / "holdings",
        "released_structures_last_modified_dates",
        {"8ZZ1": "2023-11-14T22:13:20+00:00"},
        mtime_s=1_700_000_000,
    )
    assert source.exists()
    with ArchiveSimulator(tree) as mirror:
        sync = HttpsSync(tmp_path / "collection", mirror.url)
        assert sync.run("ihm", "structures-mmcif").transferred() == {
            "pdb_ihm/data/entries/zz/8zz1/structures/8zz1.cif.gz",
            "structures/divided/mmCIF/kq/1kqe.cif.gz",
        }
        assert not sync.run("ihm", "structures-mmcif").said()


def test_the_directories_without_hashes(sync: HttpsSync) -> None:
    transport = sync.transport()
    trees = sync.trees("structures-mmcif", links=True)
    for tree, plan, _ in transport.plan(trees, SyncSelection(), delete=True, observe=print):
        assert plan is not None
        list(transport.execute(tree, plan, observe=print))
    names = {path.name for path in (sync.collection / "structures/all/mmCIF").iterdir()}
    assert names == {"3hya.cif.gz", "1kqe.cif.gz", "1dsr.cif.gz"}
    assert not sync.plan("structures-mmcif", links=True).said()
    (sync.collection / "structures/all/mmCIF/2abc.cif.gz").write_bytes(b"gone")
    assert set(sync.plan("structures-mmcif", links=True).said()) == {
        "structures/all/mmCIF/2abc.cif.gz"
    }


def test_files_come_from_other_mirrors_when_one_has_them_not(
    sync: HttpsSync, mirror: ArchiveSimulator, tmp_path: Path
) -> None:
    with ArchiveSimulator.make(tmp_path / "other", *ENTRIES) as other:
        next(mirror.tree.root.rglob("1kqe.cif.gz")).unlink()
        sync.others = (other.url,)
        run = sync.run("structures-mmcif")
        assert {one.mirror for one in run.settled} == {"", "other0"}
        assert len(run.transferred()) == 3


def test_a_look_at_the_mirror_is_no_request(sync: HttpsSync, mirror: ArchiveSimulator) -> None:
    host = mirror.origin.removeprefix("http://")
    assert sync.transport().probe() == (True, f"{host} answers", False, False)
    assert not mirror.requests
    sync.url = "http://127.0.0.1:9/pub/pdb"
    usable, reason, may_pass, _ = sync.transport().probe()
    assert (usable, may_pass) == (False, True)
    assert "127.0.0.1:9" in reason


def test_a_file_that_the_mirror_lacks_against_its_list_stays(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.run("assemblies")
    file = ArchiveFile(EntryId.parse("4hhb"), DataType.ASSEMBLIES, FileFormat.MMCIF, 1)
    mirror.tree.publish(copies={"9abc": "1dul"})
    mirror.tree.path(file).unlink()
    asked = []
    for later_s in (0, 60, 7 * 86_400):
        sync.now_s += later_s
        mirror.forget_requests()
        assert not sync.run("assemblies").said()
        asked.append([request.method for request in mirror.requests].count("HEAD"))
    assert asked == [1, 0, 1]


@pytest.mark.parametrize("changed", [(), ("1kqe",)])
def test_what_a_killed_run_had_fetched_is_fetched_again_only_if_it_changed(
    sync: HttpsSync, mirror: ArchiveSimulator, changed: tuple[str, ...]
) -> None:
    path = "structures/divided/mmCIF/kq/1kqe.cif.gz"
    part = sync.collection / path
    part = part.with_name(f".{part.name}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes((mirror.tree.root / "data" / path).read_bytes())
    if changed:
        mirror.tree.publish(change=changed)
    sync.run("structures-mmcif")
    sent_bytes = sum(r.sent_bytes for r in mirror.requests if r.path.endswith("1kqe.cif.gz"))
    assert (sent_bytes > 20) is bool(changed)
    # Also its time is the mirror's.
    assert tree_state(sync.collection)[path] == archive_state(mirror.tree.root)[path]
    assert not sync.run("structures-mmcif").said()
