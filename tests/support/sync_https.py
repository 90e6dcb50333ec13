"""Sync over https without a command line: trees, a transport, and what came of both."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.archive.sync_targets import ARCHIVE_ROWS
from pdb_cli.events import ignore_event
from pdb_cli.operations.sync.https.transport import HttpsSettings, HttpsTransport
from pdb_cli.operations.sync.model import SettledStatus, SyncSelection
from pdb_cli.operations.sync.trees import make_trees
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.index.model import Check, Mark, Record
    from pdb_cli.operations.collection_plan import GroupPlan, PlannedChange
    from pdb_cli.operations.sync.model import FileSettled, SyncTree

HTTP = HttpOptions(connections=4, connect_timeout_s=2, stall_timeout_s=5, user_agent="test")
RETRY = RetryPolicy(retries=1, base_s=0.01)


class MarkTable:
    """Marks in memory, as the catalogue keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, Mark] = {}
        self.bad: dict[str, Check] = {}
        self.recorded: dict[str, Record] = {}
        self._unwritten: list[Record] = []

    def marks(self, paths: Iterable[str]) -> Mapping[str, Mark]:
        """Return the marks of some files."""
        return {path: self.kept[path] for path in paths if path in self.kept}

    def sizes(self, directory: str) -> Mapping[str, tuple[int, int]]:
        """Return size and time of recorded files."""
        return {
            path: (record.size_bytes, record.mtime_ns)
            for path, record in self.recorded.items()
            if path.startswith(f"{directory}/")
        }

    def settle(self, marks: Iterable[Mark]) -> None:
        """Keep marks."""
        self.kept.update({mark.path: mark for mark in marks})

    def remember(self, records: Iterable[Record]) -> None:
        """Keep records, when they are written; the marks of their files go then."""
        self._unwritten.extend(records)

    def condemned(self, under: str) -> Mapping[str, Check]:
        """Return the looks that found files bad."""
        return {path: check for path, check in self.bad.items() if path.startswith(f"{under}/")}

    def records(self, paths: Iterable[str]) -> Mapping[str, Record]:
        """Return the records of some files."""
        return {path: self.recorded[path] for path in paths if path in self.recorded}

    def flush(self) -> None:
        """Write what is not written yet."""
        for record in self._unwritten:
            self.recorded[record.path] = record
            self.kept.pop(record.path, None)
        self._unwritten.clear()


@dataclass(slots=True)
class HttpsSync:
    """A collection and the mirror it follows; each run is a transport of its own."""

    collection: Path
    url: str
    layout: Layout = Layout.CLASSIC
    others: tuple[str, ...] = ()
    """Roots of mirrors to fall back to."""
    marks: MarkTable = field(default_factory=MarkTable)
    now_s: float = 2_000_000_000.0
    """The clock: long after every file of the tests."""

    def trees(self, *names: str, links: bool = False) -> tuple[SyncTree, ...]:
        """Return the trees of these names, or all that have entries."""
        rows = [
            row
            for row in ARCHIVE_ROWS[self.layout]
            if (row.name in names if names else row.data_type is not DataType.IHM)
        ]
        return make_trees(
            rows, collection=self.collection, data_type_dirs={}, layout=self.layout, links=links
        )

    def transport(self) -> HttpsTransport:
        """Return a new transport."""
        settings = HttpsSettings(
            lists_dir=self.collection / ".pdb-cli" / "holdings",
            http=HTTP,
            retry=RETRY,
            fallbacks=tuple(
                Mirror(f"other{number}", url, (), self.layout)
                for number, url in enumerate(self.others)
            ),
            open_memory=lambda: nullcontext(self.marks),
            clock=lambda: self.now_s,
        )
        return HttpsTransport(Mirror("lab", self.url, (), self.layout), settings)

    def run(
        self,
        *names: str,
        delete: bool = True,
        selection: SyncSelection = SyncSelection(),  # noqa: B008 - a named tuple
        observe: Observer = ignore_event,
    ) -> Run:
        """Plan, and do what the plan says; deletions too."""
        transport = self.transport()
        run = Run()
        trees = self.trees(*names)
        for tree, plan, error in transport.plan(trees, selection, delete=delete, observe=observe):
            if plan is None:
                run.errors[tree.name] = error
                continue
            run.plans[tree.name] = plan
            with closing(transport.execute(tree, plan, observe=observe)) as files:
                run.settled.extend(files)
            for change in plan.deletions:
                tree.path_of(change.path).unlink()
        return run

    def plan(
        self,
        *names: str,
        delete: bool = True,
        selection: SyncSelection = SyncSelection(),  # noqa: B008 - a named tuple
        observe: Observer = ignore_event,
        links: bool = False,
    ) -> Run:
        """Plan, and do nothing."""
        run = Run()
        trees = self.trees(*names, links=links)
        for tree, plan, error in self.transport().plan(
            trees, selection, delete=delete, observe=observe
        ):
            if plan is None:
                run.errors[tree.name] = error
            else:
                run.plans[tree.name] = plan
        return run


@dataclass(slots=True)
class Run:
    """What came of a run."""

    plans: dict[str, GroupPlan] = field(default_factory=dict)
    errors: dict[str, PdbCliError | None] = field(default_factory=dict)
    settled: list[FileSettled] = field(default_factory=list)

    def changes(self) -> Sequence[PlannedChange]:
        """Return all changes that were planned."""
        return [
            change
            for plan in self.plans.values()
            for changes in (plan.transfers, plan.deletions)
            for change in changes
        ]

    def said(self) -> dict[str, str]:
        """Return what was planned: path to what, and why."""
        return {change.path: f"{change.action} ({change.reason})" for change in self.changes()}

    @property
    def kept(self) -> int:
        """Files that were found to be current."""
        return sum(plan.kept.files for plan in self.plans.values())

    def transferred(self) -> set[str]:
        """Return the paths of what came."""
        return {one.path for one in self.settled if one.status is SettledStatus.TRANSFERRED}


def tree_state(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and time of every file below a directory, without pdb-cli's own state."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), int(path.stat().st_mtime))
        for path in root.rglob("*")
        if path.is_file() and ".pdb-cli" not in path.parts
    }


def archive_state(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return the same of an archive, by the paths a collection has."""
    found = tree_state(root)
    return {
        path.removeprefix("data/"): state
        for path, state in found.items()
        if not path.startswith("holdings/")
    }
