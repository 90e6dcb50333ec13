"""Collections brought up to date with living archives on loopback."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.errors import CollectionBusyError, StaleVersionError
from pdb_cli.events import Note
from pdb_cli.index.catalogue import Level, open_catalogue
from pdb_cli.operations.update.model import ObsoleteAction
from pdb_cli.operations.validate.run import ValidateRequest, run_validate
from pdb_cli.storage.collection import Collection
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.faults import FlippedBit, OtherFile, Reset, Status, TruncatedFile, WebPage
from support.fetching import files_below
from support.updating import Updating, bring, copy_by_hand, kept, lost, published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.faults import Fault

ENTRIES = ("3hya", "1kqe", "1dsr", "1c58", "4hhb", "1gdr", "5wkd")
MMCIF = "structures/divided/mmCIF"
HYA = f"{MMCIF}/hy/3hya.cif.gz"
KQE = f"{MMCIF}/kq/1kqe.cif.gz"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=ENTRIES)
    with ArchiveSimulator(tree) as mirror:
        yield mirror


@pytest.fixture
def here(mirror: ArchiveSimulator, tmp_path: Path) -> Updating:
    bring(mirror.tree, tmp_path / "pdb")
    return Updating(tmp_path / "pdb", mirror)


def test_d04_exactly_what_is_outdated_is_fetched_into_the_place_it_has(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    before = kept(here)
    mirror.tree.publish(change=["3hya", "1gdr", "4hhb", "5wkd"], copies={"2abc": "1c58"})
    mirror.forget_requests()
    done = here.update()
    assert set(done) == {path for path, data in kept(here).items() if data != before[path]}
    assert len(done) == 6
    assert {str(one.result) for one in done.values()} == {"updated"}
    # All of it is the archive's now, under the same names; what is new there was not added.
    assert set(kept(here)) == set(before)
    there = published(mirror.tree)
    assert kept(here) == {path: there[path] for path in before}
    whole = [request for request in mirror.requests if request.status == 200]
    assert len([one for one in whole if "/holdings/" not in one.path]) == 6
    assert here.update() == {}


def test_u02_files_have_the_archives_time_afterwards(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    mirror.tree.publish(change=["3hya"])
    here.update()
    assert (here.root / HYA).stat().st_mtime == mirror.tree.file_time_s


def test_a_copy_that_is_of_another_version_is_replaced_and_one_that_is_not_stays(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    for path in (HYA, KQE):
        copy_by_hand(here.root / path, (here.root / path).read_bytes())
    inode = (here.root / KQE).stat().st_ino
    mirror.tree.publish(change=["3hya"])
    assert here.results() == {"3hya.cif.gz": "updated"}
    assert (here.root / KQE).stat().st_ino == inode


def test_what_is_gone_or_damaged_comes_back(mirror: ArchiveSimulator, here: Updating) -> None:
    here.check()
    (here.root / HYA).unlink()
    path = here.root / KQE
    data, times = path.read_bytes(), path.stat()
    path.write_bytes(data[:-20])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert here.results(verify=True) == {"3hya.cif.gz": "updated", "1kqe.cif.gz": "updated"}
    assert kept(here) == published(mirror.tree)


def test_force_fetches_all_that_the_archive_lists(mirror: ArchiveSimulator, here: Updating) -> None:
    stray = here.root / MMCIF / "zz" / "9zzz.cif.gz"
    stray.parent.mkdir()
    stray.write_bytes(b"whatever")
    mirror.tree.publish(obsolete={"1dsr": None})
    results = here.results(force=True)
    assert results.pop("9zzz.cif.gz") == "None"
    assert results.pop("1dsr.cif.gz") == "None"
    assert set(results.values()) == {"updated"}
    assert set(results) == {path.rpartition("/")[2] for path in published(mirror.tree)} - {
        "1dsr.cif.gz"
    }


FAULTS: tuple[Fault, ...] = (
    Reset(),
    Status(503),
    TruncatedFile(),
    FlippedBit(),
    WebPage(),
    OtherFile(f"/pub/pdb/data/{KQE}"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_d03_what_does_not_arrive_whole_leaves_the_old_file_as_it_was(
    mirror: ArchiveSimulator, here: Updating, fault: Fault
) -> None:
    before = kept(here)
    mirror.tree.publish(change=["3hya", "1c58"])
    with FaultServer(mirror.tree.folder) as faulty:
        faulty.inject(fault, f"/pub/pdb/data/{HYA}")
        other = Updating(here.root, f"{faulty.url}/pub/pdb")
        assert other.results() == {"3hya.cif.gz": "failed", "1c58.cif.gz": "updated"}
        after = kept(here)
        assert after[HYA] == before[HYA]
        assert after.keys() == before.keys()
        assert other.states()["3hya.cif.gz"] == "outdated"


def test_a_file_that_no_mirror_has_any_more_stays(mirror: ArchiveSimulator, here: Updating) -> None:
    mirror.tree.publish(change=["3hya"])
    (mirror.tree.root / "data" / HYA).unlink()
    before = kept(here)
    assert here.results() == {"3hya.cif.gz": "not-found"}
    assert kept(here) == before


def test_a_mirror_that_lags_behind_never_replaces_anything(
    mirror: ArchiveSimulator, here: Updating, tmp_path: Path
) -> None:
    old = ArchiveTree(tmp_path / "behind")
    old.publish(add=ENTRIES)
    mirror.tree.publish(change=["3hya", "1kqe"])
    with ArchiveSimulator(old) as behind, FaultServer(mirror.tree.folder) as first:
        # The first mirror has the lists, and loses one of two files; the second is of last week.
        first.inject(Status(404), f"/pub/pdb/data/{HYA}")
        other = Updating(here.root, f"{first.url}/pub/pdb", behind)
        before = kept(here)
        done = other.update()
    assert {name.rpartition("/")[2]: str(one.result) for name, one in done.items()} == {
        "3hya.cif.gz": "failed",
        "1kqe.cif.gz": "updated",
    }
    assert isinstance(done[HYA].error, StaleVersionError)
    assert kept(here)[HYA] == before[HYA]


@pytest.mark.parametrize("verify", [True, False], ids=["found now", "found before"])
def test_a_damaged_file_is_not_replaced_by_an_older_version_and_called_current(
    mirror: ArchiveSimulator, here: Updating, tmp_path: Path, *, verify: bool
) -> None:
    behind = ArchiveTree(tmp_path / "behind")
    behind.publish(add=ENTRIES)
    mirror.tree.publish(change=["3hya"])
    here.update()
    path = here.root / HYA
    good, times = path.read_bytes(), path.stat()
    path.write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    bad = path.read_bytes()
    if not verify:
        with open_catalogue(Collection(here.root)) as catalogue:
            list(run_validate(catalogue.collection, catalogue, ValidateRequest(Level.CONTENT)))
    # Its files are those of a week before, and its lists of today.
    for name in (behind.root / "holdings").iterdir():
        name.write_bytes((mirror.tree.root / "holdings" / name.name).read_bytes())
    with ArchiveSimulator(behind) as lagging:
        other = Updating(here.root, lagging)
        done = other.update(verify=verify)[HYA]
        assert (str(done.judged.state), str(done.result)) == ("damaged", "failed")
        assert isinstance(done.error, StaleVersionError)
    assert path.read_bytes() == bad
    assert here.results(verify=verify)["3hya.cif.gz"] == "updated"
    assert path.read_bytes() == good


def test_a_mirror_with_times_of_its_own_is_believed_once_and_remembered(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    mirror.tree.publish(change=["3hya"])
    there = mirror.tree.root / "data" / HYA
    lists = files_below(mirror.tree.root / "holdings")
    os.utime(there, (mirror.tree.file_time_s + 5e5,) * 2)
    assert files_below(mirror.tree.root / "holdings") == lists
    assert here.results() == {"3hya.cif.gz": "updated"}
    mirror.forget_requests()
    assert here.update() == {}
    assert all("/holdings/" in request.path for request in mirror.requests)


def test_a_collection_in_the_layout_of_2027_keeps_its_paths(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "archive", layout=Layout.ENTRY)
    tree.publish(add=["3hya", "5wkd", "pdb_00011a7y"])
    bring(tree, tmp_path / "pdb", layout=Layout.ENTRY)
    before = files_below(tmp_path / "pdb")
    with ArchiveSimulator(tree) as mirror:
        here = Updating(tmp_path / "pdb", mirror)
        assert set(here.states().values()) == {"up-to-date"}
        tree.publish(change=["3hya", "5wkd", "pdb_00011a7y"])
        assert set(here.results().values()) == {"updated"}
        assert kept(here) == published(tree)
        assert kept(here).keys() == before.keys()
        tree.publish(obsolete={"3hya": None})
        assert here.results(obsolete=ObsoleteAction.MOVE) == {"pdb_00003hya.cif.gz": "kept"}


def test_types_that_are_kept_elsewhere_are_updated_there(
    mirror: ArchiveSimulator, here: Updating, tmp_path: Path
) -> None:
    elsewhere = {DataType.STRUCTURES: tmp_path / "big"}
    (here.root / "structures").rename(tmp_path / "big")
    mirror.tree.publish(change=["3hya"], obsolete={"1kqe": None})
    done = here.results(data_type_dirs=elsewhere, obsolete=ObsoleteAction.DELETE)
    assert done == {"3hya.cif.gz": "updated", "1kqe.cif.gz": "trashed"}
    there = published(mirror.tree)
    assert (tmp_path / "big/divided/mmCIF/hy/3hya.cif.gz").read_bytes() == there[HYA]
    assert not (tmp_path / "big/divided/mmCIF/kq/1kqe.cif.gz").exists()
    assert here.update(data_type_dirs=elsewhere) == {}


@pytest.mark.parametrize("is_inside", [False, True], ids=["elsewhere", "inside"])
def test_nothing_is_fetched_to_where_a_disk_is_not_mounted(
    mirror: ArchiveSimulator,
    here: Updating,
    tmp_path: Path,
    is_inside: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    copies = {f"{number}abc": "3hya" for number in range(10)}
    mirror.tree.publish(copies=copies)
    bring(mirror.tree, here.root)
    disk, place = tmp_path / "disk", tmp_path / "big"
    where, types = place, frozenset({DataType.STRUCTURES})
    elsewhere = {DataType.STRUCTURES: place}
    if is_inside:
        where, place, elsewhere = here.root, here.root / "structures", {}
    else:
        (here.root / "structures").rename(place)
    assert here.update(data_type_dirs=elsewhere) == {}
    place.rename(disk)
    place.mkdir()
    some = frozenset({EntryId.parse("1abc"), EntryId.parse("2abc")})
    one = next(disk.rglob("3hya.cif.gz"))
    for entries, files in ((some, 2), (None, 16), (None, 15)):
        if files == 15:
            # What a download has put there shows no disk.
            shutil.copytree(one.parent, place / one.parent.relative_to(disk))
        before = files_below(place)
        done = here.update(data_type_dirs=elsewhere, types=types, entries=entries)
        assert len(done) == files
        assert {(str(done.judged.state), done.result) for done in done.values()} == {
            ("unknown", None)
        }
        assert files_below(place) == before
        assert here.last is not None
        assert here.last.unsettled == files
        said = [event.text for event in here.events if isinstance(event, Note)][-1]
        assert said == (
            f"{15 if files == 15 else 16} of the 16 files of structures are not in {where}: "
            "mount its disk, or fetch them again with --force -t structures"
        )
    # Some files that are there show that the disk is.
    shutil.rmtree(place / one.parent.relative_to(disk))
    one = next(disk.rglob("3abc.cif.gz"))
    shutil.copytree(one.parent, place / one.parent.relative_to(disk))
    results = here.results(data_type_dirs=elsewhere, types=types)
    assert set(results.values()) == {"updated"}
    # Who says so gets them all again.
    shutil.rmtree(place)
    place.mkdir()
    done = here.update(data_type_dirs=elsewhere, types=types, force=True)
    assert {str(one.result) for one in done.values()} == {"updated"}
    assert here.last is not None
    assert here.last.unsettled == 0
    assert len(list(place.rglob("*.gz"))) == 16


@pytest.mark.parametrize("after", [0, 3])
def test_nothing_changes_once_the_collection_is_somebody_elses(
    mirror: ArchiveSimulator, here: Updating, after: int
) -> None:
    before = kept(here)
    mirror.tree.publish(change=ENTRIES)
    with pytest.raises(CollectionBusyError):
        here.update(lost(here, after=after))
    changed = [path for path, data in kept(here).items() if data != before.get(path)]
    assert len(changed) == after
    assert set(kept(here)) == set(before)
