from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.archive.ids import EntryId
from pdb_cli.events import EntrySettled
from pdb_cli.operations.entry_countdown import EntryCountdown

if TYPE_CHECKING:
    from pdb_cli.events import Event


def test_only_entries_settled_in_part_are_remembered() -> None:
    events: list[Event] = []
    countdown = EntryCountdown(lambda _: 2, events.append)
    entries = [EntryId.parse(f"{number:04d}") for number in range(1000, 3000)]
    for before, entry in zip([None, *entries], entries, strict=False):
        countdown.settle(entry)
        if before is not None:
            countdown.settle(before)
        assert len(countdown._left) == 1
    assert events == [EntrySettled(str(entry)) for entry in entries[:-1]]
