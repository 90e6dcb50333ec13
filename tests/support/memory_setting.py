"""A collection, a tree and mirrors that are dictionaries, for tests of the core of sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.operations.sync.model import SyncRequest, SyncTree, TransportFactory
from pdb_cli.operations.sync.run import SyncRun
from pdb_cli.storage.collection_lock import CollectionLock, Holder
from support.memory_transport import MemoryArchive, MemoryTransport

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.events import Event

DIRECTORY = "structures/divided/mmCIF"
REMOTE = f"data/{DIRECTORY}"
HOLDER = Holder("here", 1, "pdb-cli sync")


def make_mirror(name: str) -> Mirror:
    """Return a mirror without addresses."""
    return Mirror(name, None, (), Layout.CLASSIC)


def make_files(count: int, *, directory: str = REMOTE) -> dict[str, tuple[bytes, float]]:
    """Return the content and times of some files, by path below a mirror's root."""
    return {
        f"{directory}/{n % 10}a/1{n % 10}a{n // 10}.cif.gz": (b"x" * (n + 1), 1000.0 + n)
        for n in range(count)
    }


class MemorySetting:
    """A collection, a tree, and mirrors that are dictionaries."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "pdb"
        self.tree = self.make_tree("structures-mmcif", DIRECTORY, "{hash}/{id}.cif.gz")
        self.archives = {"one": MemoryArchive(make_files(20))}
        self.events: list[Event] = []
        self.request = SyncRequest(
            "wwpdb",
            self.root,
            (self.tree,),
            (make_mirror("one"),),
            delete=True,
            retries=2,
            retry_delay_s=0.0,
        )

    def make_tree(self, name: str, directory: str, pattern: str | None = None) -> SyncTree:
        """Return a tree of the collection."""
        return SyncTree(
            name,
            name.partition("-")[0],
            f"data/{directory}",
            directory,
            self.root / directory,
            Layout.CLASSIC,
            pattern,
        )

    @property
    def archive(self) -> MemoryArchive:
        """What the first mirror has."""
        return self.archives["one"]

    def _make(self, mirror: Mirror) -> MemoryTransport:
        return MemoryTransport(mirror, self.archives[mirror.name])

    def make_run(self) -> SyncRun:
        """Return a run of the request."""
        return SyncRun(
            self.request,
            [TransportFactory("memory", self._make)],
            observe=self.events.append,
        )

    def sync(self) -> SyncRun:
        """Carry out a run."""
        run = self.make_run()
        with CollectionLock.acquire(self.root, HOLDER, wait=False) as lock:
            run.carry_out(lock)
        return run

    def local(self) -> dict[str, bytes]:
        """Return the files of the collection, by path on a mirror."""
        return {
            f"data/{path.relative_to(self.root).as_posix()}": path.read_bytes()
            for path in self.root.rglob("*.gz")
            if ".pdb-cli" not in path.parts
        }

    def trash(self) -> list[str]:
        """Return the names of the files in the trash."""
        top = self.root / ".pdb-cli" / "trash"
        return sorted(path.name for path in top.rglob("*.gz"))

    def is_equal(self) -> bool:
        """Tell whether the collection is as the first mirror."""
        return self.local() == {path: data for path, (data, _) in self.archive.files.items()}

    def add_mirror(self, name: str, archive: MemoryArchive) -> None:
        self.archives[name] = archive
        self.request = self.request._replace(mirrors=(*self.request.mirrors, make_mirror(name)))
