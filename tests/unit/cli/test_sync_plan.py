"""What ``sync --plan`` writes for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.cli.sync_run import _write_text
from pdb_cli.operations.collection_plan import (
    CollectionPlan,
    GroupPlan,
    Listing,
    PlanAction,
    PlannedChange,
    Tally,
)
from pdb_cli.operations.sync.condemned import FOUND_BAD

if TYPE_CHECKING:
    import pytest


def test_paths_are_in_one_column_whatever_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    changes = tuple(
        PlannedChange(PlanAction.CHANGED, f"a/{number}", "a", number, reason)
        for number, reason in enumerate(("missing", "time", "not on the mirror", FOUND_BAD))
    )
    listing = Listing("lab", "rsync", "rsync://lab", complete=True, files=4)
    none = Tally()
    group = GroupPlan("a", "a", listing, changes, (), none, Tally.of(changes), none, none)
    _write_text(CollectionPlan((group,)))
    lines = capsys.readouterr().out.splitlines()
    assert len({line.index("a/") for line in lines}) == 1
