"""A collection compared with mirrors that lag behind, keep no times, or do not answer."""

from __future__ import annotations

import os
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.errors import ConnectionFailedError
from pdb_cli.events import Note
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.faults import Status
from support.updating import Updating, bring, copy_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ENTRIES = ("3hya", "1kqe", "1dsr", "1c58", "4hhb", "1gdr", "5wkd")
HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=ENTRIES, copies={"2abc": "3hya"})
    with ArchiveSimulator(tree) as mirror:
        yield mirror


@pytest.fixture
def here(mirror: ArchiveSimulator, tmp_path: Path) -> Updating:
    bring(mirror.tree, tmp_path / "pdb")
    return Updating(tmp_path / "pdb", mirror)


def asked(mirror: ArchiveSimulator) -> list[str]:
    """Return the files, not lists, that were asked for since the last call."""
    paths = [request.path for request in mirror.requests if "/holdings/" not in request.path]
    mirror.forget_requests()
    return sorted(path.rpartition("/")[2] for path in paths)


def revise(mirror: ArchiveSimulator, *entries: str) -> None:
    mirror.tree.publish(change=entries)


def test_a_mirror_that_does_not_answer_leaves_the_rest_settled(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    with FaultServer(mirror.tree.folder) as faulty:
        faulty.inject(Status(403), f"/pub/pdb/data/{HYA}")
        other = Updating(here.root, f"{faulty.url}/pub/pdb")
        path = here.root / HYA
        copy_by_hand(path, path.read_bytes())
        found = other.check()
        assert str(found[HYA].state) == "unknown"
        assert (found[HYA].reason or "").startswith("no mirror could be asked")
        assert other.last is not None
        assert other.last.unsettled == 1
        assert other.last.up_to_date > 0
    with pytest.raises(ConnectionFailedError):
        other.check()


def test_a_mirror_that_lags_behind_does_not_settle_anything(
    mirror: ArchiveSimulator, here: Updating, tmp_path: Path
) -> None:
    behind = ArchiveTree(tmp_path / "behind")
    behind.publish(add=ENTRIES, copies={"2abc": "3hya"})
    revise(mirror, "3hya")
    path = here.root / HYA
    copy_by_hand(path, path.read_bytes())
    # Its files are those of a week ago, its lists of today.
    for name in (behind.root / "holdings").iterdir():
        data = (mirror.tree.root / "holdings" / name.name).read_bytes()
        name.write_bytes(data)
    with ArchiveSimulator(behind) as lagging:
        other = Updating(here.root, lagging)
        found = other.check()[HYA]
        assert (str(found.state), found.reason) == ("outdated", "lab1 has no newer version yet")
        assert other.states()["3hya.cif.gz"] == "outdated"


def test_a_mirror_that_keeps_no_times_does_not_hide_a_release_of_another(
    mirror: ArchiveSimulator, here: Updating, tmp_path: Path
) -> None:
    copy = ArchiveTree(tmp_path / "copy")
    copy.publish(add=ENTRIES, copies={"2abc": "3hya"})
    with ArchiveSimulator(copy) as touched:
        touched.tell_time = lambda time_s: formatdate(time_s + 8 * 86_400, usegmt=True)
        assert set(Updating(here.root, touched).states().values()) == {"up-to-date"}
        revise(mirror, "3hya")
        both = Updating(here.root, mirror, touched)
        assert both.states()["3hya.cif.gz"] == "outdated"
        assert not any(isinstance(event, Note) for event in both.events)
        assert both.results()["3hya.cif.gz"] == "updated"


def test_a_mirror_that_is_behind_what_is_here_updates_nothing(
    mirror: ArchiveSimulator, tmp_path: Path
) -> None:
    behind = ArchiveTree(tmp_path / "behind")
    behind.publish(add=ENTRIES)
    revise(mirror, "3hya", "4hhb")
    bring(mirror.tree, tmp_path / "pdb")
    with ArchiveSimulator(behind) as lagging:
        other = Updating(tmp_path / "pdb", lagging)
        found = other.check(entries=frozenset({EntryId.parse("3hya"), EntryId.parse("4hhb")}))
        states = {name.rpartition("/")[2]: str(one.state) for name, one in found.items()}
        assert states["3hya.cif.gz"] == states["4hhb-assembly1.cif.gz"] == "unknown"
        assert other.last is not None
        assert other.last.unsettled
        assert not {"updated", "failed"} & set(other.results().values())


def test_an_answer_of_a_mirror_whose_files_lag_behind_its_lists_counts_for_a_week(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    name = "4hhb-assembly1.cif.gz"
    there = mirror.tree.root / "data/assemblies/mmCIF/divided/hh" / name
    old_data, old_s = there.read_bytes(), there.stat().st_mtime
    revise(mirror, "4hhb")
    new_data, new_s = there.read_bytes(), there.stat().st_mtime
    there.write_bytes(old_data)
    os.utime(there, (old_s, old_s))
    here.now_s = mirror.tree.file_time_s + 3600
    mirror.forget_requests()
    for wanted in (True, False):
        assert here.states()[name] == "up-to-date"
        assert (name in asked(mirror)) is wanted
    there.write_bytes(new_data)
    os.utime(there, (new_s, new_s))
    here.now_s += 7 * 86_400
    assert here.states()[name] == "outdated"
    assert here.results()[name] == "updated"
    # What is of the date itself is settled for good.
    asked(mirror)
    here.now_s += 7 * 86_400
    assert here.states()[name] == "up-to-date"
    assert asked(mirror) == []


def test_what_a_mirror_sent_that_lags_behind_is_asked_for_again(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    name = "4hhb-assembly1.cif.gz"
    there = mirror.tree.root / "data/assemblies/mmCIF/divided/hh" / name
    old_data, old_s = there.read_bytes(), there.stat().st_mtime
    revise(mirror, "4hhb")
    there.write_bytes(old_data)
    os.utime(there, (old_s, old_s))
    copy_by_hand(here.root / "assemblies/mmCIF/divided/hh" / name, b"damaged")
    here.now_s = mirror.tree.file_time_s + 3600
    assert here.results()[name] == "updated"
    for later_s, wanted in ((0, False), (7 * 86_400, True)):
        here.now_s += later_s
        mirror.forget_requests()
        assert here.states()[name] == "up-to-date"
        assert (name in asked(mirror)) is wanted


def test_a_mirror_of_2027_is_compared_with_the_same_collection(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "archive", layout=Layout.ENTRY)
    tree.publish(add=["3hya"])
    classic = ArchiveTree(tmp_path / "classic")
    classic.publish(add=["3hya"])
    bring(classic, tmp_path / "pdb")
    with ArchiveSimulator(tree) as mirror:
        here = Updating(tmp_path / "pdb", mirror)
        assert here.states() == {"3hya.cif.gz": "up-to-date"}
        tree.publish(change=["3hya"])
        assert here.results() == {"3hya.cif.gz": "updated"}
        assert here.states() == {"3hya.cif.gz": "up-to-date"}
