"""What is told of trees, whichever way a run has ended."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ConnectionFailedError, DeleteLimitError, FileAccessError
from pdb_cli.events import Note
from pdb_cli.storage.collection_lock import CollectionLock
from support.memory_setting import DIRECTORY, HOLDER, MemorySetting, make_files
from support.memory_transport import MemoryArchive

if TYPE_CHECKING:
    from pathlib import Path

DEAD = ConnectionFailedError("rsync://mirror", "connection refused")


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    return MemorySetting(tmp_path)


def test_what_comes_bit_by_bit_comes(setting: MemorySetting) -> None:
    setting.archive.execute_errors = [DEAD] * 5
    setting.request = setting.request._replace(retries=1)
    result = setting.sync().result
    assert result.is_done
    assert result.retries == 5
    # What had come before a plan was made anew is no file that was here.
    (tree,) = result.trees.values()
    assert (result.transferred.files, tree.kept_files, tree.files_here) == (20, 0, 20)


def test_how_far_a_run_that_ended_early_had_come_is_told(setting: MemorySetting) -> None:
    first, last = (setting.make_tree(name, name) for name in ("assemblies", "obsolete"))
    setting.request = setting.request._replace(trees=(first, setting.tree, last))
    for tree in (first, last):
        setting.archive.files |= make_files(3, directory=tree.remote)
    setting.archive.interrupted = setting.tree.name
    run = setting.make_run()
    with (
        CollectionLock.acquire(setting.root, HOLDER, wait=False) as lock,
        pytest.raises(KeyboardInterrupt),
    ):
        run.carry_out(lock)
    states = [tree.state for tree in run.result.trees.values()]
    assert states == ["interrupted", "interrupted", "not begun"]
    assert run.result.transferred.files == 13


def test_files_that_are_listed_and_not_there_are_named(setting: MemorySetting) -> None:
    setting.archive.phantoms = {"0a/10a0.cif.gz"}
    run = setting.sync()
    (tree,) = run.result.trees.values()
    assert tree.absent == [f"{DIRECTORY}/0a/10a0.cif.gz"]
    assert "0a/10a0.cif.gz" in str(tree.error)
    assert sum(isinstance(one, Note) and "listing again" in one.text for one in setting.events) == 1


def test_what_was_refused_is_told(setting: MemorySetting) -> None:
    setting.sync()
    other = setting.make_tree("assemblies", "assemblies")
    setting.request = setting.request._replace(trees=(other, setting.tree))
    setting.archive.files |= make_files(3, directory="data/assemblies")
    for path in list(setting.archive.files)[:2]:
        del setting.archive.files[path]
    run = setting.make_run()
    with (
        CollectionLock.acquire(setting.root, HOLDER, wait=False) as lock,
        pytest.raises(DeleteLimitError),
    ):
        run.carry_out(lock)
    states = {name: tree.state for name, tree in run.result.trees.items()}
    assert states == {"assemblies": "not begun", "structures-mmcif": "refused"}


def test_a_directory_of_somebody_else_keeps_its_tree_from_being_done(
    setting: MemorySetting,
) -> None:
    other = setting.make_tree("assemblies", "assemblies")
    setting.request = setting.request._replace(trees=(setting.tree, other))
    setting.archive.files |= make_files(3, directory="data/assemblies")
    denied = FileAccessError("write", setting.root / "ab", "Permission denied", errno.EACCES)
    setting.archive.execute_errors = [denied]
    setting.add_mirror("two", MemoryArchive(make_files(20)))
    run = setting.sync()
    # No other try, no other mirror; the other trees go on.
    assert (run.result.retries, setting.archives["two"].plans) == (0, 0)
    first, second = run.result.trees.values()
    assert (first.state, first.error) == ("not done", denied)
    assert second.is_done
