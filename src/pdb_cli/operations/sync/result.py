"""What came of a run of ``sync``: sums per tree, fed while it runs, to be read at any time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pdb_cli.operations.collection_plan import Tally
from pdb_cli.operations.sync.model import SettledStatus

if TYPE_CHECKING:
    from pdb_cli.errors import ListDoubtError, PdbCliError
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import FileSettled, SyncTree

MOST_NAMED: Final = 10
"""Failed files whose names are kept."""


@dataclass(slots=True)
class TreeResult:
    """What came of one tree."""

    tree: SyncTree
    plan: GroupPlan | None = None
    """The last one that was made; None when no mirror could be asked."""
    asked: tuple[str, str] | None = None
    """The mirror that was asked for a list last, and how."""
    transferred: Tally = field(default_factory=Tally)
    unchanged: int = 0
    """Files that were planned, but that the mirror said are the same as here."""
    vanished: int = 0
    """Files that the mirror lists, and did not have when they were asked for."""
    absent: list[str] = field(default_factory=list)
    """The first of these."""
    failed: dict[str, str] = field(default_factory=dict)
    """Some of the files that did not come in the end, and why."""
    failed_files: int = 0
    removed: Tally = field(default_factory=Tally)
    error: PdbCliError | None = None
    """Why it is not done, if it is not."""
    incomplete: PdbCliError | None = None
    """What the list lacks that the plan was made of: no mirror gave a better one."""
    left: ListDoubtError | None = None
    """What the last list would have taken back: these files stay as they are."""
    is_begun: bool = False
    """Whether files were asked for."""
    is_finished: bool = False
    """Whether all that was planned has come and gone."""
    is_refused: bool = False
    """Whether the run stopped before it began, because of what it found here or on the mirror."""
    _came_before: int = 0
    """Files that this run had settled when the plan was made: they count as kept in it."""

    @property
    def is_well(self) -> bool:
        """Whether nothing has gone wrong so far."""
        wrong = self.reason is not None or self.failed_files or self.vanished
        return self.plan is not None and not wrong

    @property
    def is_done(self) -> bool:
        """Whether it is as the mirror has it."""
        return self.state == "done"

    @property
    def state(self) -> str:
        """How it is, in a word for people.

        ``done``, ``incomplete``, ``not done``, ``refused``, ``interrupted`` or ``not begun``.
        """
        if self.is_finished:
            return "done" if self.reason is None else "incomplete"
        if self.is_refused:
            return "refused"
        if self.error is not None or self.failed_files or self.vanished:
            return "not done"
        return "interrupted" if self.is_begun else "not begun"

    @property
    def reason(self) -> PdbCliError | None:
        """Why it is not done, whatever kept it."""
        return self.error or self.incomplete or self.left

    @property
    def files_here(self) -> int:
        """How many of the listed files are here, as far as the run has come."""
        return self.kept_files + self.transferred.files

    @property
    def kept_files(self) -> int:
        """How many of the listed files were here before the run, and are as the mirror has them."""
        kept = 0 if self.plan is None else self.plan.kept.files - self._came_before
        return max(0, kept) + self.unchanged

    @property
    def did_something(self) -> bool:
        """Whether anything was of use; what is listed may all be here, though more may exist."""
        if self.is_finished or self.transferred.files or self.removed.files:
            return True
        # With a list that names more than there is, the rest is as the mirror has it all the same.
        return bool(self.vanished and self.kept_files)

    def take_plan(self, plan: GroupPlan) -> None:
        """Go by a plan from now on; what has come so far is among what it keeps."""
        self.plan = plan
        self._came_before = self.transferred.files + self.unchanged

    def begin_attempt(self) -> None:
        """Forget why an earlier attempt failed; what it brought stays counted."""
        self.is_begun = True
        self.failed.clear()
        self.absent.clear()
        self.failed_files = self.vanished = 0
        self.error = None

    def settle(self, settled: FileSettled) -> None:
        """Count one file."""
        match settled.status:
            case SettledStatus.TRANSFERRED:
                self.transferred += Tally(1, settled.size_bytes)
            case SettledStatus.UNCHANGED:
                self.unchanged += 1
            case SettledStatus.VANISHED:
                self.vanished += 1
                if len(self.absent) < MOST_NAMED:
                    self.absent.append(settled.path)
            case SettledStatus.FAILED:
                self.failed_files += 1
                if len(self.failed) < MOST_NAMED:
                    self.failed[settled.path] = settled.reason


@dataclass(slots=True)
class SyncResult:
    """What came of a run."""

    trees: dict[str, TreeResult] = field(default_factory=dict)
    """By name."""
    retries: int = 0
    """How often a mirror had to be asked again."""

    @property
    def transferred(self) -> Tally:
        """All that came."""
        return sum((tree.transferred for tree in self.trees.values()), Tally())

    @property
    def removed(self) -> Tally:
        """All that went."""
        return sum((tree.removed for tree in self.trees.values()), Tally())

    @property
    def failed_files(self) -> int:
        """All that did not come."""
        return sum(tree.failed_files for tree in self.trees.values())

    @property
    def is_well(self) -> bool:
        """Whether nothing has gone wrong so far, with any tree."""
        return all(tree.is_well for tree in self.trees.values())

    @property
    def is_done(self) -> bool:
        """Whether every tree is as its mirror has it."""
        return all(tree.is_done for tree in self.trees.values())

    @property
    def did_something(self) -> bool:
        """Whether anything was of use."""
        return any(tree.did_something for tree in self.trees.values())
