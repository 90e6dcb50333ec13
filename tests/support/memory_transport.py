"""A transport whose mirror is a dictionary, for tests of what is the same for every transport."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdb_cli.operations.collection_plan import (
    GroupPlan,
    Listing,
    PlanAction,
    PlannedChange,
    Tally,
)
from pdb_cli.operations.sync.model import (
    FileSettled,
    ProbeResult,
    SettledStatus,
    SyncSelection,
    SyncTransport,
    SyncTree,
    TreePlanned,
)
from pdb_cli.operations.sync.patterns import make_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer


_USABLE = ProbeResult(usable=True, reason="memory")


@dataclass
class MemoryArchive:
    """What a mirror has, and how it misbehaves."""

    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    """By path below the mirror's root: content and time."""
    newest_s: float | None = None
    newest_entry_s: float | None = None
    newest_of: str = ""
    has_times: bool = False
    complete: bool = True
    incomplete: set[str] = field(default_factory=set)
    """Trees whose lists say of themselves that they are not complete."""
    plan_errors: list[PdbCliError] = field(default_factory=list)
    """Raised instead of plans, one after the other."""
    execute_errors: list[BaseException] = field(default_factory=list)
    """Raised after half of the files, one after the other."""
    interrupted: str = ""
    """The tree in the middle of which Ctrl-C is pressed."""
    meanwhile: Callable[[], object] = lambda: None
    """What others do while files come."""
    broken: set[str] = field(default_factory=set)
    """Files that never arrive."""
    vanishing: set[str] = field(default_factory=set)
    """Files that are removed when they are asked for."""
    phantoms: set[str] = field(default_factory=set)
    """Files that are listed, and never there."""
    keeps_times: bool = True
    """Whether the disk here takes the times of files."""
    probe: ProbeResult = _USABLE
    plans: int = 0
    executions: int = 0
    finished: list[str] = field(default_factory=list)


class MemoryTransport(SyncTransport):
    """Serves a :class:`MemoryArchive`."""

    name = "memory"
    keeps_records = False

    def __init__(self, mirror: Mirror, archive: MemoryArchive) -> None:
        self.mirror = mirror
        self._archive = archive

    def probe(self) -> ProbeResult:
        """Say what the archive was told to say."""
        return self._archive.probe

    def plan(
        self,
        trees: Iterable[SyncTree],
        selection: SyncSelection,
        *,
        delete: bool,
        observe: Observer,  # noqa: ARG002 - as the protocol
    ) -> Iterator[TreePlanned]:
        """Compare a dictionary with a directory."""
        self._archive.plans += 1
        for tree in trees:
            if self._archive.plan_errors:
                yield TreePlanned(tree, None, self._archive.plan_errors.pop(0))
            else:
                yield TreePlanned(tree, self._plan(tree, selection, delete=delete))

    def execute(
        self,
        tree: SyncTree,
        plan: GroupPlan,
        *,
        observe: Observer,  # noqa: ARG002 - as the protocol
    ) -> Generator[FileSettled, None, None]:
        """Write the files."""
        self._archive.executions += 1
        self._archive.meanwhile()
        for number, change in enumerate(plan.transfers):
            if self._archive.execute_errors and number >= len(plan.transfers) // 2:
                raise self._archive.execute_errors.pop(0)
            if tree.name == self._archive.interrupted and number == len(plan.transfers) // 2:
                raise KeyboardInterrupt
            name = change.path.removeprefix(tree.directory + "/")
            if name in self._archive.broken:
                yield FileSettled(change.path, SettledStatus.FAILED, reason="broken")
                continue
            if name in self._archive.vanishing:
                self._archive.vanishing.discard(name)
                del self._archive.files[f"{tree.remote}/{name}"]
            gone = name in self._archive.phantoms
            if gone or f"{tree.remote}/{name}" not in self._archive.files:
                yield FileSettled(change.path, SettledStatus.VANISHED)
                continue
            data, mtime_s = self._archive.files[f"{tree.remote}/{name}"]
            place = tree.path_of(change.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            if self._archive.keeps_times:
                os.utime(place, (mtime_s, mtime_s))
            yield FileSettled(change.path, SettledStatus.TRANSFERRED, len(data))

    def finish(self, tree: SyncTree, plan: GroupPlan, *, observe: Observer) -> None:  # noqa: ARG002
        """Remember that the tree was finished."""
        self._archive.finished.append(tree.name)

    def _plan(self, tree: SyncTree, selection: SyncSelection, *, delete: bool) -> GroupPlan:
        """Plan one tree."""
        wanted = make_filter(tree, selection)
        top = tree.remote + "/"
        listed = {
            path.removeprefix(top): value
            for path, value in self._archive.files.items()
            if path.startswith(top) and wanted(path.removeprefix(top))
        }
        local = {
            path.relative_to(tree.root).as_posix(): path.stat()
            for path in sorted(tree.root.rglob("*"))
            if path.is_file()
        }
        changes: list[PlannedChange] = []
        kept = Tally()
        for name, (data, mtime_s) in listed.items():
            action, reason = PlanAction.NEW, "missing"
            if name in local:
                if (local[name].st_size, local[name].st_mtime) == (len(data), mtime_s):
                    kept += Tally(1, len(data))
                    continue
                action, reason = PlanAction.CHANGED, "size or time"
            path = f"{tree.directory}/{name}"
            changes.append(PlannedChange(action, path, tree.group, len(data), reason, mtime_s))
        for name, status in local.items():
            if delete and name not in listed and wanted(name):
                path = f"{tree.directory}/{name}"
                changes.append(
                    PlannedChange(PlanAction.DELETE, path, tree.group, status.st_size, "not listed")
                )
        listing = Listing(
            self.mirror.name,
            self.name,
            f"memory://{self.mirror.name}/{tree.remote}",
            self._archive.complete and tree.name not in self._archive.incomplete,
            len(listed),
            newest_s=self._archive.newest_s,
            newest_entry_s=self._archive.newest_entry_s,
            newest_of=self._archive.newest_of,
            has_times=self._archive.has_times,
        )
        return GroupPlan.make(tree.name, tree.group, listing, changes, kept=kept)
