"""What is the same for every transport: order, guards, retries, other mirrors, deletions last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import (
    ConnectionFailedError,
    DeleteLimitError,
    ListDoubt,
    ListDoubtError,
    NobodyListensError,
    NoTransportError,
    PdbCliError,
    RsyncRefusedError,
    TransferError,
    UnsupportedError,
)
from pdb_cli.events import AttemptFailed, FileFailed
from pdb_cli.operations.collection_plan import PlanAction, Tally
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.operations.sync.model import ProbeResult, SyncSelection, TransportFactory
from pdb_cli.operations.sync.run import SyncRun
from support.memory_setting import DIRECTORY, REMOTE, MemorySetting, make_files
from support.memory_transport import MemoryArchive, MemoryTransport

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.mirrors import Mirror

DEAD = ConnectionFailedError("rsync://mirror", "connection refused")
FINAL = TransferError("rsync://mirror", "unknown module")


@pytest.fixture
def setting(tmp_path: Path) -> MemorySetting:
    return MemorySetting(tmp_path)


def _drop(setting: MemorySetting, count: int) -> list[str]:
    gone = list(setting.archive.files)[:count]
    for path in gone:
        del setting.archive.files[path]
    return gone


def _names(setting: MemorySetting) -> list[str]:
    return [path.removeprefix(f"{REMOTE}/") for path in setting.archive.files]


def test_second_run_transfers_nothing(setting: MemorySetting) -> None:
    assert setting.sync().result.transferred.files == 20
    assert setting.is_equal()
    run = setting.sync()
    assert run.result.transferred == Tally()
    assert run.result.is_done
    assert setting.archive.executions == 1


def test_plan_changes_nothing_and_says_what_the_run_does(setting: MemorySetting) -> None:
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


def test_what_goes_is_in_the_trash_of_today(setting: MemorySetting) -> None:
    setting.sync()
    (gone,) = _drop(setting, 1)
    setting.sync()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    place = setting.root / ".pdb-cli" / "trash" / today / gone.removeprefix("data/")
    assert place.read_bytes() == b"x"


def test_without_trash_it_is_gone_for_good(setting: MemorySetting) -> None:
    setting.sync()
    _drop(setting, 1)
    setting.request = setting.request._replace(use_trash=False)
    assert setting.sync().result.removed.files == 1
    assert (setting.is_equal(), setting.trash()) == (True, [])


def test_nothing_goes_unless_asked_for(setting: MemorySetting) -> None:
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
    setting: MemorySetting, limit: DeleteLimit, gone: int, *, stops: bool
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
    run = setting.make_run()
    assert run.plan().deleted.files == gone
    with pytest.raises(DeleteLimitError):
        run.check_plan()


def test_a_limit_in_percent_holds_for_each_tree(setting: MemorySetting) -> None:
    other = setting.make_tree("assemblies", "assemblies")
    setting.request = setting.request._replace(trees=(setting.tree, other))
    setting.archive.files |= make_files(2, directory="data/assemblies")
    setting.sync()
    for path in make_files(1, directory="data/assemblies"):
        del setting.archive.files[path]
    setting.request = setting.request._replace(trust_list=True)
    with pytest.raises(DeleteLimitError) as refusal:  # 1 of 22 is below 5 %, 1 of 2 is not
        setting.sync()
    assert refusal.value.tree == "assemblies"


@pytest.mark.parametrize("delete", [True, False])
@pytest.mark.parametrize("left", [0, 2, 17])
def test_list_cut_short_stops_the_run(setting: MemorySetting, left: int, *, delete: bool) -> None:
    setting.sync()
    _drop(setting, 20 - left)
    limit = DeleteLimit(percent=100.0)
    setting.request = setting.request._replace(limit=limit, delete=delete)
    before = setting.local()
    with pytest.raises(ListDoubtError) as refusal:
        setting.sync()
    assert refusal.value.doubt is (ListDoubt.SHORT if left else ListDoubt.EMPTY)
    assert setting.local() == before


def test_short_list_is_believed_when_the_user_says_so(setting: MemorySetting) -> None:
    setting.sync()
    _drop(setting, 10)
    limit = DeleteLimit(percent=100.0)
    setting.request = setting.request._replace(limit=limit, trust_list=True)
    setting.sync()
    assert (setting.is_equal(), len(setting.trash())) == (True, 10)
    # It is the last complete one from now on.
    setting.request = setting.request._replace(trust_list=False)
    assert setting.sync().result.is_done


def test_empty_list_is_never_believed(setting: MemorySetting) -> None:
    setting.sync()
    _drop(setting, 20)
    setting.request = setting.request._replace(limit=DeleteLimit(percent=100.0), trust_list=True)
    with pytest.raises(ListDoubtError):
        setting.sync()
    assert len(setting.local()) == 20


def test_mirror_that_lists_nothing_is_no_success(setting: MemorySetting) -> None:
    setting.archive.files.clear()
    result = setting.sync().result
    assert not result.is_done
    assert not result.did_something
    assert isinstance(result.trees["structures-mmcif"].error, ListDoubtError)


def test_older_list_stops_the_run(setting: MemorySetting) -> None:
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


def test_few_entries_may_have_become_older(setting: MemorySetting) -> None:
    setting.request = setting.request._replace(selection=SyncSelection(prefixes=("10",)))
    setting.archive.newest_s = 2000.0
    assert setting.sync().result.transferred.files == 2
    setting.archive.newest_s = 1000.0
    assert setting.sync().result.is_done


def test_time_of_the_future_is_no_mark(setting: MemorySetting) -> None:
    setting.archive.newest_s = 4_000_000_000.0
    setting.sync()
    setting.archive.newest_s = 2000.0
    assert setting.sync().result.is_done
    setting.archive.newest_s = 1000.0
    with pytest.raises(ListDoubtError):
        setting.sync()


def test_incomplete_list_deletes_nothing(setting: MemorySetting) -> None:
    setting.sync()
    _drop(setting, 1)
    setting.archive.complete = False
    assert setting.sync().result.removed.files == 0
    assert len(setting.local()) == 20


def test_a_list_without_files_that_says_it_is_not_all_stops_its_tree_only(
    setting: MemorySetting,
) -> None:
    other = setting.make_tree("assemblies", "assemblies")
    setting.sync()
    setting.request = setting.request._replace(trees=(setting.tree, other))
    setting.archive.files = make_files(3, directory="data/assemblies")
    setting.archive.incomplete = {"structures-mmcif"}
    run = setting.sync()
    assert run.result.trees["structures-mmcif"].state == "not done"
    assert run.result.trees["assemblies"].is_done
    assert run.result.removed.files == 0
    assert len(setting.local()) == 23
    # A complete one that is empty is a lie, and stops the run.
    setting.archive.incomplete.clear()
    with pytest.raises(ListDoubtError):
        setting.sync()


def test_selection_leaves_the_rest_alone(setting: MemorySetting) -> None:
    setting.sync()
    selected = [path for path in setting.archive.files if "/1a/" in path]
    for path in selected:
        del setting.archive.files[path]
    others = [path for path in setting.archive.files if "/2a/" in path]
    del setting.archive.files[others[0]]
    setting.archive.files[selected[0]] = (b"back", 5000.0)
    setting.request = setting.request._replace(
        selection=SyncSelection(prefixes=("11a",)), limit=DeleteLimit(percent=50.0)
    )
    assert setting.sync().result.removed.files == 1
    assert others[0] in setting.local()


@pytest.mark.parametrize("where", ["plan", "execute"])
def test_passing_trouble_is_tried_again(setting: MemorySetting, where: str) -> None:
    errors = [DEAD, DEAD]
    if where == "plan":
        setting.archive.plan_errors = list[PdbCliError](errors)
    else:
        setting.archive.execute_errors = [*errors]
    run = setting.sync()
    assert run.result.is_done
    assert setting.is_equal()
    assert run.result.retries == 2
    assert sum(isinstance(event, AttemptFailed) for event in setting.events) == 2
    if where == "execute":
        # What had arrived was not fetched again.
        assert run.result.transferred.files == 20


def test_what_comes_anew_each_time_is_not_fetched_for_ever(setting: MemorySetting) -> None:
    setting.archive.keeps_times = False
    setting.archive.execute_errors = [DEAD] * 20
    setting.add_mirror("two", MemoryArchive(make_files(20)))
    assert setting.sync().result.is_done
    assert (setting.archive.executions, setting.archives["two"].executions) == (3, 1)


def test_connection_that_breaks_now_and_then_brings_all(setting: MemorySetting) -> None:
    setting.archive.execute_errors = [DEAD] * 4
    run = setting.sync()
    assert run.result.is_done
    assert (setting.archive.executions, run.result.transferred.files) == (5, 20)


@pytest.mark.parametrize("where", ["plan", "execute"])
@pytest.mark.parametrize("error", [DEAD, FINAL])
def test_next_mirror_goes_on(setting: MemorySetting, where: str, error: PdbCliError) -> None:
    errors = [error] * (3 if error.transient else 1)
    setting.archive.files = make_files(1)  # nothing comes before the trouble
    if where == "plan":
        setting.archive.plan_errors = errors
    else:
        setting.archive.execute_errors = [*errors]
    setting.add_mirror("two", MemoryArchive(make_files(20)))
    run = setting.sync()
    assert run.result.is_done
    assert len(setting.local()) == 20
    plan = run.result.trees["structures-mmcif"].plan
    assert plan is not None
    assert plan.listing.mirror == "two"


@pytest.mark.parametrize("where", ["plan", "execute"])
def test_way_that_has_no_list_does_not_hide_the_trouble_of_another(
    setting: MemorySetting, where: str
) -> None:
    setattr(setting.archive, f"{where}_errors", [FINAL])
    unable = UnsupportedError("mmcif over https", "no list has its files; use rsync")
    setting.add_mirror("two", MemoryArchive(plan_errors=[unable]))
    result = setting.sync().result
    assert result.trees["structures-mmcif"].error is FINAL


def test_mirror_that_is_behind_does_not_take_over(setting: MemorySetting) -> None:
    setting.archive.newest_s = 2000.0
    setting.archive.execute_errors = [FINAL]
    setting.add_mirror("two", MemoryArchive(make_files(20), newest_s=1000.0))
    run = setting.sync()
    assert not run.result.is_done
    assert isinstance(run.result.trees["structures-mmcif"].error, ListDoubtError)
    assert run.result.transferred.files == 10


def test_failing_type_does_not_stop_the_others(setting: MemorySetting) -> None:
    other = setting.make_tree("assemblies", "assemblies")
    setting.request = setting.request._replace(trees=(setting.tree, other))
    setting.archive.files |= make_files(3, directory="data/assemblies")
    setting.archive.plan_errors = [FINAL]
    result = setting.sync().result
    assert not result.trees["structures-mmcif"].is_done
    assert result.trees["assemblies"].is_done
    assert (result.is_done, result.did_something) == (False, True)


def test_nothing_goes_from_a_tree_that_is_not_complete(setting: MemorySetting) -> None:
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


def test_file_that_goes_meanwhile_is_looked_up_again(setting: MemorySetting) -> None:
    setting.archive.vanishing = {"0a/10a0.cif.gz"}
    run = setting.sync()
    assert run.result.is_done
    assert setting.is_equal()
    assert (setting.archive.plans, run.result.retries) == (2, 0)


def test_list_without_any_file_that_is_there_was_of_no_use(setting: MemorySetting) -> None:
    setting.archive.phantoms = set(_names(setting))
    assert not setting.sync().result.did_something


def test_no_way_to_any_mirror(setting: MemorySetting) -> None:
    unusable = ProbeResult(usable=False, reason="no rsync program")
    setting.archive.probe = unusable
    setting.add_mirror("two", MemoryArchive(probe=unusable))
    with pytest.raises(NoTransportError) as refusal:
        setting.sync()
    assert refusal.value.reasons == (
        ("one", "memory", "no rsync program"),
        ("two", "memory", "no rsync program"),
    )


def test_port_that_does_not_answer_is_looked_at_again(setting: MemorySetting) -> None:
    setting.archive.probe = ProbeResult(usable=False, reason="port closed", may_pass=True)
    setting.add_mirror("two", MemoryArchive(probe=setting.archive.probe))
    run = setting.make_run()
    with pytest.raises(NoTransportError):
        run.plan()
    assert run.result.retries == 2


@pytest.mark.parametrize("where", ["plan", "execute"])
def test_where_nothing_listens_is_not_tried_for_long(
    setting: MemorySetting, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    errors: list[PdbCliError] = [RsyncRefusedError("rsync://one", "connection refused")] * 9
    setting.archive.files = make_files(1)  # nothing comes before the trouble
    if where == "plan":
        setting.archive.plan_errors = errors
    else:
        setting.archive.execute_errors = [*errors]
    setting.request = setting.request._replace(retries=5, retry_delay_s=None)
    setting.add_mirror("two", MemoryArchive(make_files(20)))
    run = setting.sync()
    assert run.result.is_done
    assert waits == [1.0, 2.0]
    failed = [event for event in setting.events if isinstance(event, AttemptFailed)]
    assert [event.holds_up for event in failed] == [True, False]
    assert failed[0].reason == "connection refused"


@pytest.mark.parametrize(("where", "tries"), [("plan", 2), ("execute", 5)])
def test_https_port_that_closes_during_a_run_is_waited_for(
    setting: MemorySetting, where: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    errors: list[PdbCliError] = [NobodyListensError("https://one", "connection refused")] * 9
    setting.archive.files = make_files(1)  # nothing comes before the trouble
    if where == "plan":
        setting.archive.plan_errors = errors
    else:
        setting.archive.execute_errors = [*errors]
    setting.request = setting.request._replace(retries=5, retry_delay_s=None)
    run = setting.sync()
    assert not run.result.is_done
    assert run.result.retries == tries


def test_who_says_how_long_to_wait_is_waited_for(setting: MemorySetting) -> None:
    refused = RsyncRefusedError("rsync://one", "connection refused")
    setting.archive.plan_errors = [refused] * 4
    setting.request = setting.request._replace(retries=4)
    assert setting.sync().result.is_done


@pytest.mark.parametrize(("refused", "retries"), [(True, 2), (False, 4)])
def test_ports_where_nothing_listens_are_not_looked_at_for_long(
    setting: MemorySetting, monkeypatch: pytest.MonkeyPatch, retries: int, *, refused: bool
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    setting.archive.probe = ProbeResult(usable=False, reason="refused", may_pass=True, refused=True)
    silent = ProbeResult(usable=False, reason="silent", may_pass=True, refused=refused)
    setting.add_mirror("two", MemoryArchive(probe=silent))
    setting.request = setting.request._replace(retries=4, retry_delay_s=None)
    run = setting.make_run()
    with pytest.raises(NoTransportError):
        run.plan()
    assert run.result.retries == retries


def test_the_only_way_is_not_probed(setting: MemorySetting) -> None:
    setting.archive.probe = ProbeResult(usable=False, reason="no rsync program")
    assert setting.sync().result.is_done


def test_best_way_to_each_mirror_before_other_ways(setting: MemorySetting) -> None:
    setting.add_mirror("two", MemoryArchive(make_files(20)))
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
        setting.request,
        [
            TransportFactory("fast", lambda mirror: make(Fast, mirror)),
            TransportFactory("slow", lambda mirror: make(Slow, mirror)),
        ],
    )
    run.plan()
    assert asked == ["one fast", "two fast", "one slow", "two slow"]
