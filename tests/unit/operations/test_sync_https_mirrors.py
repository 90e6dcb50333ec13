"""Whose list a run over https follows: that of the mirror it names, and no other one's."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.dates import format_second
from pdb_cli.archive.holdings import HoldingsFile
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.operations.delete_limit import DeleteLimit
from pdb_cli.operations.sync.https.transport import HttpsSettings, HttpsTransport
from pdb_cli.operations.sync.model import SyncRequest, TransportFactory
from pdb_cli.operations.sync.run import SyncRun
from pdb_cli.storage.collection_lock import CollectionLock, Holder
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.holdings import write_holdings
from support.sync_https import HTTP, RETRY, HttpsSync, archive_state, tree_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.operations.sync.result import SyncResult

DATES = HoldingsFile.STRUCTURE_DATES
PLACE = "structures/divided/mmCIF/c5/1c58.cif.gz"


@dataclass(slots=True)
class Follower:
    """A collection, and mirrors by name; each run is a run of its own, with all checks."""

    root: Path
    mirrors: dict[str, ArchiveSimulator] = field(default_factory=dict)

    def sync(
        self, *names: str, trust: bool = False, kept: tuple[str, ...] = ("structures-mmcif",)
    ) -> SyncResult:
        """Follow some mirrors, in this order."""
        trees = HttpsSync(self.root, "").trees(*kept)
        mirrors = [Mirror(n, self.mirrors[n].url, (), Layout.CLASSIC) for n in names]
        request = SyncRequest(
            "wwpdb",
            self.root,
            trees,
            tuple(mirrors),
            delete=True,
            limit=DeleteLimit(percent=100.0),
            trust_list=trust,
            retries=0,
        )
        settings = HttpsSettings(
            lists_dir=self.root / ".pdb-cli" / "holdings",
            http=HTTP,
            retry=RETRY,
            fallbacks=tuple(mirrors),
            trust_list=trust,
        )
        way = TransportFactory("https", lambda mirror: HttpsTransport(mirror, settings))
        run = SyncRun(request, [way])
        with CollectionLock.acquire(
            self.root, Holder("here", 1, "pdb-cli sync"), wait=False
        ) as lock:
            return run.carry_out(lock)

    def is_as(self, name: str) -> bool:
        """Tell whether the collection is what a mirror has."""
        top = "structures/divided/mmCIF/"
        there = archive_state(self.mirrors[name].tree.root)
        return tree_state(self.root) == {p: f for p, f in there.items() if p.startswith(top)}


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    """Follow two mirrors of one state."""
    tree = ArchiveTree(tmp_path / "one")
    tree.publish(add=["1c58", "3hya"], copies={f"9a{n:02}": "1dul" for n in range(20)})
    shutil.copytree(tree.folder, tmp_path / "two")
    with (
        ArchiveSimulator(tree) as one,
        ArchiveSimulator(ArchiveTree(tmp_path / "two")) as two,
    ):
        yield Follower(tmp_path / "pdb", {"one": one, "two": two})


def test_a_bad_list_of_one_mirror_is_no_matter_to_another(follower: Follower) -> None:
    assert follower.sync("one").is_done
    tree = follower.mirrors["one"].tree
    cut = {"1C58": "2026-08-28T14:09:19+00:00"}
    write_holdings(tree.root / "holdings", DATES, cut, mtime_s=tree.file_time_s + 604_800)
    with pytest.raises(ListDoubtError) as refusal:
        follower.sync("one")
    assert refusal.value.doubt is ListDoubt.SHORT
    result = follower.sync("two")
    assert result.is_done
    assert follower.is_as("two")
    assert not (follower.root / ".pdb-cli" / "trash").exists()


def test_an_older_list_is_said_to_be_of_the_mirror_that_has_it(follower: Follower) -> None:
    one, two = follower.mirrors["one"], follower.mirrors["two"]
    one.tree.publish(change=["1c58"])
    assert follower.sync("one").is_done
    before = tree_state(follower.root)
    with pytest.raises(ListDoubtError) as refusal:
        follower.sync("two")
    assert refusal.value.doubt is ListDoubt.OLDER
    assert refusal.value.source.startswith(two.url)
    assert tree_state(follower.root) == before


@pytest.mark.parametrize("name", ["one", "two"])
def test_an_older_list_that_is_trusted_is_followed(follower: Follower, name: str) -> None:
    one = follower.mirrors["one"].tree
    one.publish(change=["1c58"], copies={"9zzz": "1dul"})
    assert follower.sync("one").is_done
    if name == "one":  # it goes back, as after a failed disk
        older = follower.mirrors["two"].tree.folder
        shutil.rmtree(one.folder)
        shutil.copytree(older, one.folder)
    before = tree_state(follower.root)
    with pytest.raises(ListDoubtError) as refusal:
        follower.sync(name)
    assert refusal.value.doubt is ListDoubt.OLDER
    assert refusal.value.source.startswith(follower.mirrors[name].url)
    assert tree_state(follower.root) == before
    assert follower.sync(name, trust=True).is_done
    assert follower.is_as(name)
    again = follower.sync(name)
    assert again.is_done
    assert follower.is_as(name)


def test_what_no_mirror_delivers_as_announced_leaves_a_run_undone(follower: Follower) -> None:
    assert follower.sync("one", "two").is_done
    one = follower.mirrors["one"].tree
    one.publish(change=["1c58"])
    (one.root / "data" / PLACE).unlink()
    before = tree_state(follower.root)
    result = follower.sync("one", "two")
    assert not result.is_done
    assert tree_state(follower.root) == before
    (tree,) = result.trees.values()
    assert tree.error is not None


def test_the_times_of_two_lists_are_not_compared(follower: Follower) -> None:
    tree = follower.mirrors["one"].tree
    tree.publish(add=["1kqe", "5wkd", "1gdr"])
    tree.publish(obsolete={"1kqe": None, "1gdr": None})
    (gone,) = (tree.root / "data/structures/obsolete/mmCIF").rglob("*.gz")
    write_holdings(
        tree.root / "holdings",
        HoldingsFile.OBSOLETE_DATES,
        {"1KQE": format_second(gone.stat().st_mtime)},
        mtime_s=tree.file_time_s + 60,
    )
    later = tree.root / HoldingsFile.EXPERIMENTAL_DATA_DATES.path
    hidden = later.rename(later.with_suffix(".hidden"))
    assert follower.sync("one", kept=("obsolete-mmcif", "structure-factors")).is_done
    # Another list is read for both formats; and one that was not there comes, older than others.
    hidden.rename(later)
    os.utime(later, (tree.file_time_s - 60, tree.file_time_s - 60))
    for absent in (follower.root / ".pdb-cli").rglob("*.absent"):
        absent.unlink()
    assert follower.sync(
        "one", kept=("obsolete-mmcif", "obsolete-pdb", "structure-factors")
    ).is_done
