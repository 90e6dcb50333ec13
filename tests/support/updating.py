"""Run the update operation as a library, on a collection that a mirror's files were copied to."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any

from pdb_cli.archive.layouts import Layout, collection_path
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import CollectionBusyError
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.update.check import CollectionCheck
from pdb_cli.operations.update.model import UpdateRequest
from pdb_cli.operations.update.run import run_update
from pdb_cli.storage.collection import Collection
from pdb_cli.storage.guard import no_guard
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy
from support.fetching import files_below

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.events import Event
    from pdb_cli.operations.update.model import JudgedFile, UpdatedFile
    from pdb_cli.storage.guard import Guard
    from support.archive_simulator import ArchiveSimulator
    from support.archive_tree import ArchiveTree

OPTIONS = HttpOptions(connections=4, connect_timeout_s=2, stall_timeout_s=2)
RETRY = RetryPolicy(retries=0, base_s=0.01)


def bring(tree: ArchiveTree, root: Path, *, layout: Layout = Layout.CLASSIC) -> None:
    """Copy what an archive has now, with its times, as rsync does; nothing is removed."""
    for file, path in tree.files().items():
        place = root / collection_path(file, layout)
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(".new")
        shutil.copy2(path, new)
        new.replace(place)


def copy_by_hand(path: Path, data: bytes) -> None:
    """Write a file as a person does: in place, and it is of this moment."""
    path.write_bytes(data)
    now_ns = path.stat().st_mtime_ns
    if now_ns % 1_000_000_000 == 0:  # once in a thousand million times, or a coarse file system
        os.utime(path, ns=(now_ns + 1000, now_ns + 1000))


class Updating:
    """A collection and the mirror it is kept up to date with."""

    def __init__(self, root: Path, *mirrors: ArchiveSimulator | str) -> None:
        self.root = root
        self.mirrors = tuple(
            _mirror(f"lab{number}", mirror) for number, mirror in enumerate(mirrors, 1)
        )
        self.events: list[Event] = []
        self.last: CollectionCheck | None = None
        self.now_s = 2_000_000_000.0
        """The clock: long after every file of the tests."""

    def request(self, **changes: Any) -> UpdateRequest:
        """Return a request for everything."""
        request = UpdateRequest(self.root, self.mirrors, self.root / ".pdb-cli" / "holdings")
        return request._replace(**changes)

    def check(self, **changes: Any) -> dict[str, JudgedFile]:
        """Compare; return every file by its path in the collection."""
        collection = Collection(self.root, changes.get("data_type_dirs", {}))
        with open_catalogue(collection, observe=self.events.append) as catalogue:
            self.last = CollectionCheck(
                self.request(**changes), collection, catalogue,
                options=OPTIONS, retry=RETRY, observe=self.events.append, clock=lambda: self.now_s,
            )  # fmt: skip
            with closing(self.last.judge(with_current=True)) as judged:
                return {one.name: one for one in judged}

    def states(self, **changes: Any) -> dict[str, str]:
        """Compare; return the state of every file by its name."""
        found = self.check(**changes)
        return {name.rpartition("/")[2]: str(one.state) for name, one in found.items()}

    def update(self, guard: Guard = no_guard, **changes: Any) -> dict[str, UpdatedFile]:
        """Update; return what was done by the paths files had."""
        request = self.request(**changes)
        collection = Collection(self.root, request.data_type_dirs)
        with open_catalogue(collection, observe=self.events.append) as catalogue:
            self.last = CollectionCheck(
                request, collection, catalogue,
                options=OPTIONS, retry=RETRY, observe=self.events.append, clock=lambda: self.now_s,
            )  # fmt: skip
            updates = run_update(
                request, self.last, collection, catalogue,
                options=OPTIONS, retry=RETRY, observe=self.events.append, guard=guard,
            )  # fmt: skip
            with closing(updates):
                return {one.judged.name: one for one in updates}

    def results(self, **changes: Any) -> dict[str, str]:
        """Update; return what was done by the names of files."""
        found = self.update(**changes)
        return {name.rpartition("/")[2]: str(one.result) for name, one in found.items()}


def _mirror(name: str, mirror: ArchiveSimulator | str) -> Mirror:
    """Return a mirror by its URL, or of a simulator."""
    if isinstance(mirror, str):
        return Mirror(name, mirror, (), Layout.CLASSIC)
    return Mirror(name, mirror.url, (), mirror.tree.layout)


def published(tree: ArchiveTree) -> dict[str, bytes]:
    """Return what an archive has, by the path it has in a collection."""
    return files_below(tree.root / "data")


def kept(here: Updating) -> dict[str, bytes]:
    """Return what is in a collection, without what is known of it."""
    found = files_below(here.root)
    return {path: data for path, data in found.items() if not path.startswith(".pdb-cli/")}


def lost(here: Updating, *, after: int) -> Guard:
    """Return a guard that lets some changes happen before the collection is somebody else's."""
    asked = count()

    def guard() -> None:
        if next(asked) >= after:
            raise CollectionBusyError(here.root, "elsewhere", 42, "pdb-cli sync")

    return guard
