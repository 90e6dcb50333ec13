"""Few entries, and numbers that hold for a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import DeleteLimitError, ListDoubt, ListDoubtError
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.operations.sync.absent import absent_entries
from pdb_cli.operations.sync.model import SyncSelection
from pdb_cli.storage.collection_lock import CollectionLock
from support.memory_setting import HOLDER, REMOTE, MemorySetting, make_files
from support.memory_transport import MemoryTransport

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    return MemorySetting(tmp_path)


def test_withdrawn_entry_of_a_small_selection_goes_when_the_user_says_so(
    setting: MemorySetting,
) -> None:
    limit = DeleteLimit(percent=100.0)
    selection = SyncSelection(prefixes=("10a0",))
    setting.request = setting.request._replace(selection=selection, limit=limit)
    assert setting.sync().result.transferred.files == 1
    setting.archive.files = {
        path: file for path, file in setting.archive.files.items() if "10a0" not in path
    }
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.doubt is ListDoubt.SHORT
    assert len(setting.local()) == 1
    setting.request = setting.request._replace(trust_list=True)
    assert setting.sync().result.removed.files == 1
    setting.request = setting.request._replace(trust_list=False)
    assert setting.sync().result.is_done


@pytest.mark.parametrize(("gone", "stops"), [(3, False), (15, True)])
def test_some_of_a_small_selection_may_be_withdrawn(
    setting: MemorySetting, *, gone: int, stops: bool
) -> None:
    selection = SyncSelection(prefixes=("1",))
    setting.request = setting.request._replace(selection=selection, delete=False)
    setting.sync()
    for path in [*setting.archive.files][:gone]:
        del setting.archive.files[path]
    if stops:
        with pytest.raises(ListDoubtError):
            setting.sync()
    else:
        assert setting.sync().result.is_done


def test_number_of_deletions_holds_for_plans_made_anew_too(setting: MemorySetting) -> None:
    other = setting.make_tree("assemblies", "assemblies", "{hash}/{id}.cif.gz")
    setting.archive.files |= make_files(20, directory="data/assemblies")
    setting.request = setting.request._replace(
        trees=(setting.tree, other), limit=DeleteLimit(files=2), retries=0
    )
    setting.sync()
    # One goes from each tree, and one more from the first when it is planned again.
    for directory in (REMOTE, "data/assemblies"):
        names = [path for path in setting.archive.files if path.startswith(directory)]
        del setting.archive.files[names[0]]
    setting.archive.files[f"{REMOTE}/za/1za1.cif.gz"] = (b"new", 5000.0)
    setting.archive.vanishing.add("za/1za1.cif.gz")
    run = setting.make_run()
    before = len(setting.local())
    first = next(iter(setting.archive.files))
    real = MemoryTransport.execute
    calls = 0

    def execute(self: MemoryTransport, *arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            del setting.archive.files[first]
        return real(self, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryTransport, "execute", execute)
        with CollectionLock.acquire(setting.root, HOLDER, wait=False) as lock:
            result = run.carry_out(lock)
    assert isinstance(result.trees["structures-mmcif"].error, DeleteLimitError)
    assert result.removed.files <= 2
    assert len(setting.local()) >= before - 2


@pytest.mark.parametrize("planned_only", [True, False])
def test_entries_that_nobody_has_are_found(setting: MemorySetting, *, planned_only: bool) -> None:
    entries = frozenset(map(EntryId.parse, ("10a0", "11a0", "9zzz", "pdb_00001xxx")))
    selection = SyncSelection(entries=entries)
    setting.request = setting.request._replace(selection=selection)
    run = setting.make_run()
    if planned_only:
        run.plan()
    else:
        setting.sync()
        with CollectionLock.acquire(setting.root, HOLDER, wait=False) as lock:
            run.carry_out(lock)
    planned = [(tree.tree, tree.plan) for tree in run.result.trees.values() if tree.plan]
    assert list(map(str, absent_entries(selection, planned))) == ["1xxx", "9zzz"]
