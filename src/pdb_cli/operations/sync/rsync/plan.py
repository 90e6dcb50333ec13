"""From what a dry run of rsync names to a plan, and to what the end of the run needs."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pdb_cli.events import Note
from pdb_cli.operations.change_log import ChangeLog
from pdb_cli.operations.collection_plan import (
    GroupPlan,
    Listing,
    PlanAction,
    Tally,
    is_safe_path,
)
from pdb_cli.operations.sync.condemned import FOUND_BAD
from pdb_cli.operations.sync.guards import PathGuard
from pdb_cli.transfer.rsync_lines import Change

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pdb_cli.events import Observer
    from pdb_cli.operations.sync.model import SyncTree
    from pdb_cli.transfer.rsync_listing import ListedChange, RsyncListing

NOT_ON_MIRROR = "not on the mirror"
_NS = 1_000_000_000


@dataclass(slots=True)
class TreeState:
    """What is remembered of a tree between its plan and the end of the run."""

    extra: list[str] = field(default_factory=list)
    """Files and directories that need no bytes but times or permissions."""
    directories: dict[str, int] = field(default_factory=dict)
    """Times that directories shall have in the end, in nanoseconds, below the tree."""
    gone: list[str] = field(default_factory=list)
    """Directories the mirror lacks."""
    again: frozenset[str] = frozenset()
    """Paths in the collection of files that come although size and time agree."""
    is_brought: bool = False
    """Whether :attr:`extra` was asked for along with files."""

    def look(self, root: Path) -> None:
        """Remember the times rsync gave to directories, before deletions change them.

        Parameters
        ----------
        root
            The tree's directory.
        """
        for path in self.extra:
            with suppress(OSError):
                status = os.lstat(root / path)
                if stat.S_ISDIR(status.st_mode):
                    self.directories[path] = status.st_mtime_ns

    def restore(self, root: Path) -> None:
        """Remove empty directories the mirror lacks, and set the times of the others.

        Parameters
        ----------
        root
            The tree's directory.
        """
        # The innermost first.
        for directory in sorted(self.gone, key=lambda path: -path.count("/")):
            with suppress(OSError):
                (root / directory).rmdir()
        for directory, mtime_ns in self.directories.items():
            path = root / directory
            with suppress(OSError):
                if path.stat(follow_symlinks=False).st_mtime_ns != mtime_ns:
                    os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)


class PlanMaker:
    """Takes files as they are named; then makes the plan.

    Parameters
    ----------
    tree
        What is planned.
    bad
        Paths in the collection that were found bad.
    """

    def __init__(self, tree: SyncTree, bad: Collection[str] = ()) -> None:
        self._tree = tree
        self._bad = bad
        self._transfers = ChangeLog(tree.group)
        self._deletions = ChangeLog(tree.group)
        self._touched: set[str] = set()
        self._again: set[str] = set()
        self._refused = 0
        self._a_refused = ""

    def take(self, change: ListedChange) -> None:
        """Take a file that is new or changed.

        Parameters
        ----------
        change
            The file.
        """
        if not is_safe_path(change.path):
            self._refused += 1
            self._a_refused = change.path
            return
        self._touched.add(change.path.rpartition("/")[0] or ".")
        if not change.marks:
            self._again.add(f"{self._tree.directory}/{change.path}")
        path = f"{self._tree.directory}/{change.path}"
        is_new = change.change is Change.NEW
        self._transfers.add(
            PlanAction.NEW if is_new else PlanAction.CHANGED,
            path,
            change.size_bytes,
            FOUND_BAD if path in self._bad and not is_new else _reason(change),
            change.mtime_s,
        )

    def make(
        self,
        listing: RsyncListing,
        source: str,
        *,
        mirror: str,
        everything: bool,
        observe: Observer,
    ) -> tuple[GroupPlan, TreeState]:
        """Make the plan when all has been named.

        Parameters
        ----------
        listing
            What else was said.
        source
            Who said it.
        mirror
            The mirror's name.
        everything
            Whether all there is was asked for.
        observe
            Gets notes about what is not as it should be.

        Returns
        -------
        tuple of (GroupPlan, TreeState)
            The plan, and what the end of the run needs.
        """
        tree = self._tree
        if not listing.is_complete:
            # Its error says so.
            listing.gone.clear()
            listing.gone_directories.clear()
        if self._refused:
            shown = ascii(self._a_refused)
            observe(Note(f"{source}: {self._refused} names are not accepted, such as {shown}"))
        for path in filter(is_safe_path, listing.gone):
            self._touched.add(path.rpartition("/")[0] or ".")
            size_bytes = _local_size(tree.root / path)
            name = f"{tree.directory}/{path}"
            self._deletions.add(PlanAction.DELETE, name, size_bytes, NOT_ON_MIRROR)
        new, changed = (self._transfers.tally(one) for one in (PlanAction.NEW, PlanAction.CHANGED))
        kept = Tally(listing.kept_files, listing.kept_bytes)
        listed = new + changed + kept
        about = Listing(
            mirror,
            "rsync",
            source,
            listing.is_complete,
            listed.files,
            listed.size_bytes,
            listing.newest_s,
        )
        plan = GroupPlan(
            tree.name,
            tree.group,
            about,
            self._transfers,
            self._deletions,
            new,
            changed,
            self._deletions.tally(PlanAction.DELETE),
            kept,
        )
        return plan, self._state(listing, everything=everything)

    def _state(self, listing: RsyncListing, *, everything: bool) -> TreeState:
        """Keep what the end of the run needs."""
        # Of a selection, directories come with their files, or not at all.
        skipped = set() if everything else set(listing.new_directories)
        differing = {
            path: mtime_s
            for path, mtime_s in listing.directories.items()
            if path not in skipped and (path == "." or is_safe_path(path))
        }
        state = TreeState(
            gone=[path for path in listing.gone_directories if is_safe_path(path)],
            again=frozenset(self._again),
        )
        # rsync can not be sent for the tree's own directory without what is in it.
        mtime_s = differing.pop(".", None)
        if mtime_s is not None:
            state.directories["."] = mtime_s * _NS
        guard = PathGuard(self._tree)
        # What is in the way of a directory is not replaced by one.
        state.extra = [
            *(path for path in differing if guard.is_free(f"{self._tree.directory}/{path}")),
            *(
                path
                for path in filter(is_safe_path, listing.attributes)
                if guard.is_free(f"{self._tree.directory}/{path}".rpartition("/")[0])
            ),
        ]
        for path in self._touched:
            if path not in differing and path not in state.directories:
                # As the mirror has it: what happens in it must not change that.
                with suppress(OSError):
                    state.directories[path] = os.lstat(self._tree.root / path).st_mtime_ns
        return state


def _reason(change: ListedChange) -> str:
    """Say why a file is fetched; the places of the marks are those of rsync(1)."""
    if change.change is Change.NEW:
        return "missing"
    if not change.marks:
        return FOUND_BAD
    differs = [
        name
        for name, mark in (("size", change.marks[1:2]), ("time", change.marks[2:3].lower()))
        if mark == name[:1].encode()
    ]
    return " and ".join(differs) or "contents"


def _local_size(path: Path) -> int | None:
    """Return the size of what will go."""
    with suppress(OSError):
        return os.lstat(path).st_size
    return None
