"""What is remembered of lists, so that one that was cut short or went back is noticed."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import DeleteLimitError, ListDoubt, ListDoubtError, TransferError
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.operations.sync.lists import read_seen_list
from pdb_cli.operations.sync.model import SyncSelection
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.memory_setting import REMOTE, MemorySetting, make_files
from support.memory_transport import MemoryArchive
from support.sync_https import HttpsSync

if TYPE_CHECKING:
    from pathlib import Path

FINAL = TransferError("rsync://mirror", "unknown module")


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    return MemorySetting(tmp_path)


def _drop(setting: MemorySetting, count: int) -> None:
    for path in list(setting.archive.files)[:count]:
        del setting.archive.files[path]


def _names(setting: MemorySetting) -> list[str]:
    return [path.removeprefix(f"{REMOTE}/") for path in setting.archive.files]


def test_list_with_files_that_are_not_there_is_no_mark(setting: MemorySetting) -> None:
    setting.archive.phantoms = set(_names(setting)[:10])
    result = setting.sync().result
    assert (result.is_done, result.did_something) == (False, True)
    assert result.trees["structures-mmcif"].vanished == 10
    # The same once more: all that there is, is here.
    result = setting.sync().result
    assert (result.is_done, result.did_something) == (False, True)
    # Another mirror, or another way to it, lists what there is.
    _drop(setting, 10)
    setting.archive.phantoms = set()
    assert setting.sync().result.is_done


@pytest.mark.parametrize("count", [40, 16])
def test_interrupted_run_moves_no_mark(setting: MemorySetting, count: int) -> None:
    setting.sync()
    before = read_seen_list(setting.root, "structures-mmcif", SyncSelection())
    assert before is not None
    assert before.files == 20
    setting.request = setting.request._replace(trust_list=True, limit=DeleteLimit(percent=50.0))
    setting.archive.files = make_files(count)
    first = next(iter(setting.archive.files))
    setting.archive.files[first] = (b"changed", 9000.0)
    setting.archive.execute_errors = [FINAL]
    assert not setting.sync().result.is_done
    seen = read_seen_list(setting.root, "structures-mmcif", SyncSelection())
    assert seen is not None
    assert seen._replace(accepted_files=0) == before
    assert setting.sync().result.is_done
    after = read_seen_list(setting.root, "structures-mmcif", SyncSelection())
    assert after is not None
    assert after.files == count


def test_selection_leaves_the_mark_of_all_alone(setting: MemorySetting) -> None:
    setting.sync()
    before = read_seen_list(setting.root, "structures-mmcif", SyncSelection())
    assert before is not None
    for selection in (
        SyncSelection(prefixes=("11",)),
        SyncSelection(entries=frozenset({EntryId.parse("11a0")})),
    ):
        setting.request = setting.request._replace(selection=selection)
        assert setting.sync().result.is_done
        seen = read_seen_list(setting.root, "structures-mmcif", selection)
        assert seen is not None
        assert 0 < seen.files < 20
    assert read_seen_list(setting.root, "structures-mmcif", SyncSelection()) == before


def _interrupt(setting: MemorySetting) -> None:
    """Begin a run that is interrupted, or killed, in the middle."""
    setting.archive.execute_errors = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        setting.sync()
    assert len(setting.local()) == 10


@pytest.mark.parametrize("doubt", [ListDoubt.SHORT, ListDoubt.OLDER])
def test_an_interrupted_first_run_knows_its_list(setting: MemorySetting, doubt: ListDoubt) -> None:
    setting.archive.newest_s = 2000.0
    _interrupt(setting)
    if doubt is ListDoubt.SHORT:
        _drop(setting, 3)
    else:
        setting.archive.newest_s = 1000.0
    for _ in range(2):  # a list that was refused is no mark for the next one
        with pytest.raises(ListDoubtError) as refusal:
            setting.sync()
        assert refusal.value.doubt is doubt
    assert len(setting.local()) == 10
    limit = DeleteLimit(percent=50.0)
    setting.request = setting.request._replace(trust_list=True, limit=limit)
    assert setting.sync().result.is_done
    setting.request = setting.request._replace(trust_list=False)
    assert setting.sync().result.is_done


def test_a_refused_plan_is_no_mark(setting: MemorySetting) -> None:
    setting.sync()
    _drop(setting, 2)
    setting.archive.newest_s = 2000.0
    with pytest.raises(DeleteLimitError):
        setting.sync()
    setting.archive.newest_s = 1000.0
    setting.request = setting.request._replace(delete=False)
    assert setting.sync().result.is_done
    setting.make_run().plan()
    record = read_seen_list(setting.root, "structures-mmcif", SyncSelection())
    assert record is not None
    assert (record.files, dict(record.newest_s)) == (18, {"memory": 1000.0})


def test_a_plan_is_no_mark(setting: MemorySetting) -> None:
    setting.make_run().plan()
    assert not setting.root.exists()


def test_what_never_came_is_no_disk_that_is_not_mounted(setting: MemorySetting) -> None:
    setting.archive.files = make_files(20)
    setting.archive.execute_errors = [FINAL]
    setting.archive.broken = set(_names(setting))
    assert not setting.sync().result.is_done
    assert setting.local() == {}
    setting.archive.broken = set()
    assert setting.sync().result.is_done


def test_a_list_that_is_newer_may_have_older_entries(setting: MemorySetting) -> None:
    setting.archive.newest_s, setting.archive.newest_entry_s = 3000.0, 2000.0
    setting.sync()
    setting.archive.newest_s, setting.archive.newest_entry_s = 4000.0, 1000.0
    assert setting.sync().result.is_done


def test_a_server_that_ceases_to_tell_times_is_measured_by_entries(setting: MemorySetting) -> None:
    setting.archive.newest_s, setting.archive.newest_entry_s = 3000.0, 2000.0
    setting.sync()
    setting.archive.newest_s, setting.archive.newest_entry_s = None, 2000.0
    assert setting.sync().result.is_done
    setting.archive.newest_entry_s = 1000.0
    with pytest.raises(ListDoubtError):
        setting.sync()


_DAY_S = 86_400.0


def _tell(archive: MemoryArchive, list_s: float, entry_s: float | None) -> None:
    """Say how new a list of dates is: as a file, and by its newest entry."""
    archive.newest_of = "dates.json.gz"
    archive.newest_s, archive.newest_entry_s = list_s, entry_s


@pytest.mark.parametrize("entry_s", [5000.0, None])
@pytest.mark.parametrize("when", ["next run", "same run"])
def test_another_mirror_may_have_written_its_list_earlier(
    setting: MemorySetting, when: str, entry_s: float | None
) -> None:
    _tell(setting.archive, 9 * _DAY_S, entry_s)
    other = MemoryArchive(make_files(20))
    _tell(other, 2 * _DAY_S, entry_s)
    setting.add_mirror("two", other)
    if when == "next run":
        setting.sync()
        setting.archive.plan_errors = [FINAL]
    else:
        setting.archive.execute_errors = [FINAL]
    assert setting.sync().result.is_done
    assert other.plans == 1


@pytest.mark.parametrize("when", ["next run", "same run"])
def test_another_mirror_with_older_entries_is_behind(setting: MemorySetting, when: str) -> None:
    _tell(setting.archive, 9 * _DAY_S, 5000.0)
    other = MemoryArchive(make_files(20))
    _tell(other, 9 * _DAY_S, 4000.0)
    setting.add_mirror("two", other)
    if when == "next run":
        setting.sync()
        setting.archive.plan_errors = [FINAL]
        with pytest.raises(ListDoubtError) as refusal:
            setting.sync()
        assert refusal.value.doubt is ListDoubt.OLDER
    else:
        setting.archive.execute_errors = [FINAL]
        error = setting.sync().result.trees["structures-mmcif"].error
        assert isinstance(error, ListDoubtError)


@pytest.mark.parametrize(("earlier_s", "is_done"), [(_DAY_S - 1, True), (_DAY_S + 2, False)])
def test_nodes_of_one_mirror_have_their_lists_within_a_day(
    setting: MemorySetting, earlier_s: float, *, is_done: bool
) -> None:
    _tell(setting.archive, 9 * _DAY_S, None)
    setting.sync()
    _tell(setting.archive, 9 * _DAY_S - earlier_s, None)
    if is_done:
        assert setting.sync().result.is_done
    else:
        with pytest.raises(ListDoubtError):
            setting.sync()


def test_a_list_tells_the_date_of_its_newest_entry(
    tmp_path: Path,
) -> None:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=["3hya", "1kqe"])
    with ArchiveSimulator(tree) as mirror:
        mirror.tell_time = lambda _: None
        sync = HttpsSync(tmp_path / "collection", mirror.url)
        plans = sync.plan("structures-mmcif", "assemblies").plans
    assert {plan.listing.newest_s for plan in plans.values()} == {None}
    table = json.loads(
        gzip.decompress(
            (tree.root / "holdings" / "released_structures_last_modified_dates.json.gz")
            .read_bytes()
        )
    )  # fmt: skip
    newest_s = max(datetime.fromisoformat(date).timestamp() for date in table.values())
    assert {plan.listing.newest_entry_s for plan in plans.values()} == {newest_s}


def test_a_record_with_what_is_no_time_says_nothing(setting: MemorySetting) -> None:
    setting.archive.newest_s = 1019.0
    setting.sync()
    (record,) = (setting.root / ".pdb-cli" / "lists").iterdir()
    record.write_text(record.read_text().replace("1019.0", "NaN"))
    seen = read_seen_list(setting.root, setting.tree.name, setting.request.selection)
    assert seen is not None
    assert dict(seen.newest_s) == {}
    assert setting.sync().result.is_done
