"""What update does with obsolete entries, and with their successors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import CollectionBusyError, ObsoleteLimitError
from pdb_cli.events import FilePresent, FilePublished, PlanMade
from pdb_cli.operations.update.model import ObsoleteAction
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fetching import files_below
from support.updating import Updating, bring, kept, lost, published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ENTRIES = ("3hya", "1kqe", "1dsr", "1c58", "4hhb", "1gdr", "5wkd")
MMCIF = "structures/divided/mmCIF"
HYA = f"{MMCIF}/hy/3hya.cif.gz"
KQE = f"{MMCIF}/kq/1kqe.cif.gz"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=ENTRIES)
    with ArchiveSimulator(tree) as mirror:
        yield mirror


@pytest.fixture
def here(mirror: ArchiveSimulator, tmp_path: Path) -> Updating:
    bring(mirror.tree, tmp_path / "pdb")
    return Updating(tmp_path / "pdb", mirror)


class TestObsolete:
    """What becomes of files whose entry was removed."""

    @pytest.fixture(autouse=True)
    def removed(self, mirror: ArchiveSimulator, here: Updating) -> None:
        """Remove two entries; the successor of one is not here."""
        here.check()
        mirror.tree.publish(
            copies={"2abc": "1c58"}, obsolete={"3hya": "2ABC", "1gdr": None, "4hhb": ["1C58"]}
        )

    @pytest.mark.parametrize("action", [ObsoleteAction.DELETE, ObsoleteAction.MOVE])
    def test_more_than_a_list_that_is_right_would_ask_for_do_not_go(
        self, mirror: ArchiveSimulator, here: Updating, action: ObsoleteAction
    ) -> None:
        copies = {f"{number}a{letter}c": "3hya" for number in range(1, 8) for letter in "xyz"}
        mirror.tree.publish(copies=copies)
        bring(mirror.tree, here.root)
        mirror.tree.publish(change=["1c58"], obsolete=dict.fromkeys(copies))
        before = kept(here)
        for max_delete in ("5%", "20"):
            with pytest.raises(ObsoleteLimitError):
                here.update(obsolete=action, max_delete=max_delete)
        assert kept(here) == before
        assert set(here.results(obsolete=ObsoleteAction.REPORT).values()) == {"None", "updated"}
        done = here.results(obsolete=action, max_delete="30")
        assert len([name for name in done if done[name] in {"moved", "trashed"}]) >= len(copies)

    def test_by_default_they_stay(self, here: Updating) -> None:
        before = kept(here)
        assert set(here.results().values()) == {"None"}
        assert kept(here) == before

    def test_they_move_to_where_the_archive_has_them(
        self, mirror: ArchiveSimulator, here: Updating
    ) -> None:
        done = here.results(obsolete=ObsoleteAction.MOVE)
        assert done == {
            "3hya.cif.gz": "moved",
            "pdb1gdr.ent.gz": "moved",
            "4hhb-assembly1.cif.gz": "kept",
            "4hhb.pdb1.gz": "kept",
        }
        moved = "structures/obsolete/mmCIF/hy/3hya.cif.gz"
        assert kept(here)[moved] == published(mirror.tree)[moved]
        assert (here.root / moved).stat().st_mtime == mirror.tree.file_time_s - 604_800
        assert HYA not in kept(here)
        # They are not missed, and what lies there is not accused.
        states = here.states()
        assert (states["3hya.cif.gz"], states["pdb1gdr.ent.gz"]) == ("up-to-date", "up-to-date")

    def test_what_is_there_already_is_not_written_over(self, here: Updating) -> None:
        moved = here.root / "structures/obsolete/mmCIF/hy/3hya.cif.gz"
        moved.parent.mkdir(parents=True)
        moved.write_bytes(b"somebody's own")
        types = frozenset({DataType.STRUCTURES})
        results = here.results(obsolete=ObsoleteAction.MOVE, types=types)
        assert results["3hya.cif.gz"] == "trashed"
        assert moved.read_bytes() == b"somebody's own"

    def test_they_go_to_the_trash(self, here: Updating) -> None:
        before = kept(here)
        done = here.update(obsolete=ObsoleteAction.DELETE)
        assert {str(one.result) for one in done.values()} == {"trashed"}
        trash = files_below(here.root / ".pdb-cli" / "trash")
        assert {path.partition("/")[2]: data for path, data in trash.items()} == {
            path: data for path, data in before.items() if path not in kept(here)
        }
        assert len(trash) == 4
        assert "3hya.cif.gz" not in here.states()

    def test_successors_are_fetched_and_only_those_that_are_not_here(
        self, mirror: ArchiveSimulator, here: Updating
    ) -> None:
        types = frozenset({DataType.STRUCTURES})
        results = here.results(follow=True, obsolete=ObsoleteAction.MOVE, types=types)
        assert results == {
            "2abc.cif.gz": "followed",
            "3hya.cif.gz": "moved",
            "pdb1gdr.ent.gz": "moved",
        }
        there = published(mirror.tree)
        assert kept(here)[f"{MMCIF}/ab/2abc.cif.gz"] == there[f"{MMCIF}/ab/2abc.cif.gz"]

    def test_a_successor_that_was_here_comes_once(
        self, mirror: ArchiveSimulator, here: Updating
    ) -> None:
        types = frozenset({DataType.STRUCTURES})
        here.update(follow=True, types=types)
        (here.root / MMCIF / "ab" / "2abc.cif.gz").unlink()
        here.events.clear()
        mirror.forget_requests()
        done = here.results(follow=True, obsolete=ObsoleteAction.MOVE, types=types)
        assert (done["2abc.cif.gz"], done["3hya.cif.gz"]) == ("updated", "moved")
        assert [one.files_total for one in here.events if isinstance(one, PlanMade)] == [1]
        told = [one for one in here.events if isinstance(one, FilePublished | FilePresent)]
        assert [type(one) for one in told] == [FilePublished]

    def test_nothing_goes_before_a_successor_that_was_here(
        self, mirror: ArchiveSimulator, here: Updating
    ) -> None:
        types = frozenset({DataType.STRUCTURES})
        here.update(follow=True, types=types)
        successor = f"{MMCIF}/ab/2abc.cif.gz"
        for root in (here.root, mirror.tree.root / "data"):
            (root / successor).unlink()
        done = here.results(follow=True, obsolete=ObsoleteAction.DELETE, types=types)
        assert (done["2abc.cif.gz"], done["3hya.cif.gz"]) == ("not-found", "kept")

    def test_nothing_goes_before_its_successor_is_here(
        self, mirror: ArchiveSimulator, here: Updating
    ) -> None:
        (mirror.tree.root / "data" / MMCIF / "ab" / "2abc.cif.gz").unlink()
        before = kept(here)
        entries = frozenset({EntryId.parse("3hya")})
        done = here.results(follow=True, obsolete=ObsoleteAction.DELETE, entries=entries)
        assert done == {"2abc.cif.gz": "not-found", "3hya.cif.gz": "kept"}
        assert kept(here) == before

    @pytest.mark.parametrize("action", [ObsoleteAction.DELETE, ObsoleteAction.MOVE])
    def test_none_goes_once_the_collection_is_somebody_elses(
        self, here: Updating, action: ObsoleteAction
    ) -> None:
        before = kept(here)
        with pytest.raises(CollectionBusyError):
            here.update(lost(here, after=0), obsolete=action)
        assert kept(here) == before
