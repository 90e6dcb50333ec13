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


def test_files_that_stand_for_others_are_waited_for_as_well() -> None:
    events: list[Event] = []
    countdown = EntryCountdown(lambda _: 2, events.append)
    entry = EntryId.parse("1abc")
    countdown.settle(entry)
    countdown.expect(entry, 3, instead_of=1)
    for _ in range(2):
        countdown.settle(entry)
        assert not events
    countdown.settle(entry)
    assert events == [EntrySettled("1abc")]
    assert not countdown._left
