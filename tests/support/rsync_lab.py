"""One tree of one mirror, kept up to date by the rsync transport without the rest of ``sync``."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror, RsyncRoot
from pdb_cli.events import BytesReceived
from pdb_cli.operations.sync.model import SettledStatus, SyncSelection, SyncTree
from pdb_cli.operations.sync.rsync.transport import RsyncTransport
from pdb_cli.transfer.rsync_arguments import RsyncOptions
from pdb_cli.transfer.rsync_program import find_rsync
from support.programs import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pdb_cli.events import Event
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import FileSettled

REMOTE = "data/structures/divided/mmCIF"
DIRECTORY = "structures/divided/mmCIF"
PATTERN = "{hash}/{id}.cif.gz"


@dataclass
class RsyncLab:
    """A collection and the way to a daemon."""

    collection: Path
    port: int
    parallel: int = 1
    bandwidth_kib_s: int = 0
    stall_timeout_s: float = 20.0
    environ: Mapping[str, str] | None = None
    modules: tuple[str, ...] = ("ftp",)
    events: list[Event] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The tree's directory here."""
        return self.collection / DIRECTORY

    def tree(self, **changes: object) -> SyncTree:
        """Return the tree of structures."""
        tree = SyncTree(
            "structures-mmcif", "structures", REMOTE, DIRECTORY, self.root, Layout.CLASSIC, PATTERN
        )
        return tree._replace(**changes)  # type: ignore[arg-type]  # its own fields

    def transport(self) -> RsyncTransport:
        """Return a transport for one run."""
        require_program("rsync", package="rsync")
        roots = tuple(RsyncRoot("127.0.0.1", self.port, module) for module in self.modules)
        options = RsyncOptions(
            find_rsync(self.environ or os.environ),
            parallel=self.parallel,
            bandwidth_kib_s=self.bandwidth_kib_s,
            connect_timeout_s=5,
            stall_timeout_s=self.stall_timeout_s,
        )
        mirror = Mirror("lab", None, roots, Layout.CLASSIC)
        return RsyncTransport(mirror, options, state=self.collection / ".pdb-cli" / "rsync")

    def plan(
        self,
        transport: RsyncTransport,
        *,
        tree: SyncTree | None = None,
        selection: SyncSelection = SyncSelection(),  # noqa: B008 - a value
        delete: bool = True,
    ) -> GroupPlan:
        """Return the plan of the tree, or raise why there is none."""
        [planned] = transport.plan(
            [tree or self.tree()], selection, delete=delete, observe=self.events.append
        )
        if planned.error is not None:
            raise planned.error
        assert planned.plan is not None
        return planned.plan

    def sync(
        self,
        *,
        tree: SyncTree | None = None,
        selection: SyncSelection = SyncSelection(),  # noqa: B008 - a value
        delete: bool = True,
    ) -> Synced:
        """Plan, fetch, delete and finish, as ``sync`` does."""
        tree = tree or self.tree()
        transport = self.transport()
        plan = self.plan(transport, tree=tree, selection=selection, delete=delete)
        self.events.clear()
        settled = list(transport.execute(tree, plan, observe=self.events.append))
        for change in plan.deletions:
            tree.path_of(change.path).unlink()
        transport.finish(tree, plan, observe=self.events.append)
        return Synced(plan, settled, self.received_bytes())

    def received_bytes(self) -> int:
        """Return the sum of the progress that was told."""
        return sum(one.size_bytes for one in self.events if isinstance(one, BytesReceived))


@dataclass(frozen=True)
class Synced:
    """What a run planned and did."""

    plan: GroupPlan
    settled: list[FileSettled]
    received_bytes: int

    @property
    def transferred(self) -> set[str]:
        """Paths below the tree of what came."""
        return {
            one.path.removeprefix(DIRECTORY + "/")
            for one in self.settled
            if one.status is SettledStatus.TRANSFERRED
        }


def snapshot(root: Path) -> dict[str, tuple[int, bytes | None]]:
    """Return the time of everything below a directory, and the bytes of files."""
    return dict(_look(root, root))


def _look(root: Path, folder: Path) -> Iterator[tuple[str, tuple[int, bytes | None]]]:
    """Yield what is in a directory."""
    for path in folder.iterdir():
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        yield path.relative_to(root).as_posix(), (status.st_mtime_ns, data)
        if path.is_dir() and not path.is_symlink():
            yield from _look(root, path)


def plain_rsync(url: str, destination: Path) -> None:
    """Do what the archive recommends."""
    destination.mkdir(parents=True, exist_ok=True)
    rsync = require_program("rsync", package="rsync")
    subprocess.run([rsync, "-rlpt", "--delete", url, f"{destination}/"], check=True, timeout=30)
