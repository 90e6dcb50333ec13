"""Planned changes in little memory: what goes in comes out."""

from __future__ import annotations

from pdb_cli.operations.change_log import ChangeLog
from pdb_cli.operations.collection_plan import PlanAction, PlannedChange, Tally


def change(number: int) -> PlannedChange:
    action = list(PlanAction)[number % 3]
    size_bytes = None if number % 4 else number
    mtime_s = None if number % 5 else number + 0.25
    return PlannedChange(action, f"ab/{number}ab.cif.gz", "group", size_bytes, "why not", mtime_s)


def test_changes_come_out_as_they_went_in_any_number_of_times() -> None:
    changes = [change(number) for number in range(2345)]
    log = ChangeLog.of("group", changes)
    assert len(log) == len(changes)
    assert list(log) == changes
    assert list(log) == changes


def test_it_counts_what_was_added() -> None:
    changes = [change(number) for number in range(12)]
    log = ChangeLog.of("group", changes)
    for action in PlanAction:
        assert log.tally(action) == Tally.of(one for one in changes if one.action is action)


def test_an_empty_one() -> None:
    assert not list(ChangeLog("group"))
    assert len(ChangeLog("group")) == 0
