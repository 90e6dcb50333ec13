from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdb_cli.index.directory import UNSETTLED
from pdb_cli.index.scan import SETTLE_NS, Scan, Tree, scan
from support.catalogued import files_on_disk, make_files, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.index.directory import Directory

LATER_NS = 60_000_000_000


def scanned(root: Path, known: Mapping[bytes, Directory], *, later_ns: int = 0) -> Scan:
    """Scan a tree, as if so much time had gone by since it was changed."""
    tree = Tree(str(root), b"", "")
    return scan([tree], known, now_ns=time.time_ns() + later_ns, thorough=False)


def path_at(place: bytes, name: str) -> str:
    """Return the path of a file in a directory."""
    return str(Path(place.partition(b"\0")[2].decode()) / name)


def listed(found: Scan) -> dict[str, tuple[int, int]]:
    """Return size and time of the files that are there, by path."""
    return {
        path_at(place, file.name): file[1:]
        for place, directory in found.found.items()
        for file in directory.files()
        if not file.is_gone
    }


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    make_files(tmp_path, ["1abc", "2abc", "1xyz"])
    first = scanned(tmp_path, {}, later_ns=LATER_NS)
    assert (len(first.found), first.directories_read) == (6, 6)
    again = scanned(tmp_path, first.found, later_ns=LATER_NS)
    assert (again.directories_read, again.changed) == (0, set())
    assert listed(again) == files_on_disk(tmp_path)
    make_files(tmp_path, ["3abc"])
    third = scanned(tmp_path, again.found, later_ns=LATER_NS)
    assert third.directories_read == 1
    assert listed(third) == files_on_disk(tmp_path)


def test_a_directory_that_has_just_changed_is_read_again(tmp_path: Path) -> None:
    make_files(tmp_path, ["1abc"])
    first = scanned(tmp_path, {})
    assert all(directory.mtime_ns == UNSETTLED for directory in first.found.values())
    # In the very tick of the clock in which it was read: only reading again can tell.
    place = b"\0" + os.fsencode(path_of("1abc").rpartition("/")[0])
    before = (tmp_path / path_of("1abc")).parent.stat()
    make_files(tmp_path, ["2abc"])
    os.utime((tmp_path / path_of("1abc")).parent, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert b"2abc" in scanned(tmp_path, first.found).found[place].packed


@pytest.mark.parametrize("age_ns", [0, SETTLE_NS - 1_000_000_000, SETTLE_NS + 1_000_000_000])
def test_times_are_relied_on_once_they_are_old(tmp_path: Path, age_ns: int) -> None:
    make_files(tmp_path, ["1abc"])
    found = scanned(tmp_path, {}, later_ns=age_ns).found
    settled = {directory.mtime_ns != UNSETTLED for directory in found.values()}
    assert settled == {age_ns > SETTLE_NS}


def test_a_time_in_the_future_is_never_relied_on(tmp_path: Path) -> None:
    make_files(tmp_path, ["1abc"])
    ahead_s = time.time() + 1e6
    for folder, _, _ in os.walk(tmp_path):
        os.utime(folder, (ahead_s, ahead_s))
    found = scanned(tmp_path, {}, later_ns=LATER_NS).found
    assert all(directory.mtime_ns == UNSETTLED for directory in found.values())


def test_what_begins_with_a_dot_is_passed_over(tmp_path: Path) -> None:
    make_files(tmp_path, ["1abc"])
    folder = (tmp_path / path_of("1abc")).parent
    (folder / ".2abc.cif.gz.part").touch()
    (tmp_path / ".pdb-cli" / "trash").mkdir(parents=True)
    (tmp_path / ".pdb-cli" / "trash" / "3abc.cif.gz").touch()
    assert set(listed(scanned(tmp_path, {}))) == {path_of("1abc")}


def test_links_are_followed_but_nothing_counts_twice(tmp_path: Path) -> None:
    root, disk = tmp_path / "pdb", tmp_path / "disk"
    make_files(root, ["1abc"])
    make_files(disk, ["2abc"])
    (disk / "loop").symlink_to(disk)
    (disk / "up").symlink_to(tmp_path)
    (root / "more").symlink_to(disk)
    (root / "again").symlink_to("structures")
    (root / "here").symlink_to(".")
    (root / "nowhere").symlink_to("not/there")
    (root / "3abc.cif.gz").symlink_to(disk / path_of("2abc"))
    (root / "1abc.cif.gz").symlink_to(path_of("1abc"))
    first = scanned(root, {}, later_ns=LATER_NS)
    assert set(listed(first)) == {path_of("1abc"), f"more/{path_of('2abc')}", "3abc.cif.gz"}
    again = scanned(root, first.found, later_ns=LATER_NS)
    assert (listed(again), again.directories_read) == (listed(first), 0)


def test_what_can_not_be_read_is_neither_there_nor_gone(tmp_path: Path) -> None:
    make_files(tmp_path / "pdb", ["1abc", "1xyz"])
    known = scanned(tmp_path / "pdb", {}, later_ns=LATER_NS).found
    (tmp_path / "pdb").rename(tmp_path / "unmounted")
    found = scanned(tmp_path / "pdb", known, later_ns=LATER_NS)
    assert (found.found, found.hidden) == ({}, known)
    assert found.unreadable == [(str(tmp_path / "pdb"), "No such file or directory")]
    (tmp_path / "unmounted").rename(tmp_path / "pdb")
    back = scanned(tmp_path / "pdb", {**found.hidden, **found.found}, later_ns=LATER_NS)
    assert set(listed(back)) == {path_of("1abc"), path_of("1xyz")}


def test_a_directory_in_the_place_of_another_is_read(tmp_path: Path) -> None:
    make_files(tmp_path, ["1abc", "1xyz"])
    known = scanned(tmp_path, {}, later_ns=LATER_NS).found
    base = tmp_path / "structures/divided/mmCIF"
    (base / "ab").rename(base / "keep")
    (base / "xy").rename(base / "ab")
    (base / "keep").rename(base / "xy")
    found = scanned(tmp_path, known, later_ns=LATER_NS)
    assert listed(found) == files_on_disk(tmp_path)


PLACES = [path_of(entry) for entry in ("1abc", "2abc", "1xyz")] + ["README", "a/b/c.txt"]
STEP = st.one_of(
    st.tuples(st.just("make"), st.sampled_from(PLACES)),
    st.tuples(st.just("remove"), st.sampled_from(PLACES)),
    st.tuples(st.just("replace"), st.sampled_from(PLACES)),
    st.tuples(st.just("move"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
    st.tuples(
        st.just("prune"), st.sampled_from(["structures", "a", "structures/divided/mmCIF/ab"])
    ),
    st.tuples(st.just("scan")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=14))
def test_whatever_happens_to_the_tree_a_scan_tells_what_is_there(
    steps: list[tuple[str, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        known: dict[bytes, Directory] = {}
        seen: set[str] = set()
        for step, *paths in [*steps, ("scan",)]:
            files = [root / path for path in paths]
            if step == "make":
                files[0].parent.mkdir(parents=True, exist_ok=True)
                files[0].write_text(step)
            elif step == "prune":
                shutil.rmtree(files[0], ignore_errors=True)
            elif step == "scan":
                found = scanned(root, known)
                known = {**found.hidden, **found.found}
                there = files_on_disk(root)
                assert listed(found) == there
                seen |= there.keys()
                gone = {
                    path_at(place, file.name)
                    for place, directory in found.found.items()
                    for file in directory.files()
                    if file.is_gone
                }
                assert gone == {path for path in seen - there.keys() if path.endswith(".cif.gz")}
            elif not files[0].exists():
                continue
            elif step == "remove":
                files[0].unlink()
            elif step == "replace":
                (root / ".new").write_text("longer than before")
                (root / ".new").rename(files[0])
            elif files[1].parent.is_dir():
                files[0].rename(files[1])
