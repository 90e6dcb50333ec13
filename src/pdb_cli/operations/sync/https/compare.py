"""Compare a tree on the disk with what lists say of it: the plan of one tree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pdb_cli.archive.dates import second_of
from pdb_cli.operations.change_log import ChangeLog
from pdb_cli.operations.collection_plan import GroupPlan, PlanAction, Tally
from pdb_cli.operations.sync.condemned import FOUND_BAD
from pdb_cli.operations.sync.https.doubts import Doubt, is_made_later
from pdb_cli.operations.sync.https.local import check_no_link, list_buckets, list_files
from pdb_cli.operations.sync.https.remote import extended_of
from pdb_cli.operations.sync.https.sources import DateKind

if TYPE_CHECKING:
    from pdb_cli.operations.collection_plan import Listing
    from pdb_cli.operations.sync.https.doubts import Judge
    from pdb_cli.operations.sync.https.local import LocalFile
    from pdb_cli.operations.sync.https.remote import ListedTree
    from pdb_cli.operations.sync.model import SyncSelection

_SECOND_NS: Final = 1_000_000_000
_TOGETHER: Final = 1000
"""Doubts settled in one go."""


def compare_tree(
    listed: ListedTree,
    listing: Listing,
    selection: SyncSelection,
    *,
    delete: bool,
    judge: Judge,
) -> GroupPlan:
    """Say what has to change for a tree to be as it is listed.

    The disk is read, directory after directory, and nothing is changed there.

    Parameters
    ----------
    listed
        What the lists say.
    listing
        Where that came from, for the plan; its ``files`` are counted here.
    selection
        Which entries; nothing else here is looked at.
    delete
        Whether to plan deletions; ignored unless the listing is complete.
    judge
        Decides where dates alone do not.

    Returns
    -------
    GroupPlan
        In the order of the directories.

    Raises
    ------
    FileAccessError
        The tree can not be read.
    UnsafeTreeError
        A directory in it is a link.
    TransferError
        The mirror does not say what has to be asked.
    """
    comparison = _Comparison(listed, selection, judge)
    hashes = set(listed.buckets)
    is_hashed = listed.names.is_hashed
    if delete and listing.complete and is_hashed:
        hashes.update(list_buckets(os.fspath(listed.names.tree.root)))
    if not is_hashed:
        comparison.take_flat(sorted(hashes), delete=delete and listing.complete)
    else:
        for entry_hash in sorted(hashes):
            comparison.take(entry_hash, delete=delete and listing.complete)
    comparison.settle()
    judge.marks.write()
    return comparison.plan(listing)


class _Comparison:
    """A tree while it is gone through."""

    def __init__(self, listed: ListedTree, selection: SyncSelection, judge: Judge) -> None:
        tree = listed.names.tree
        self._listed = listed
        self._tree = tree
        self._selection = selection
        self._judge = judge
        self._root = os.fspath(tree.root)
        self._transfers = ChangeLog(tree.group)
        self._deletions = ChangeLog(tree.group)
        self._kept_files = 0
        self._kept_bytes = 0
        self._listed_files = 0
        self._doubts: list[Doubt] = []
        self._condemned = judge.marks.condemned(tree)

    def plan(self, listing: Listing) -> GroupPlan:
        """Return the plan."""
        return GroupPlan(
            name=self._tree.name,
            group=self._tree.group,
            listing=listing._replace(files=self._listed_files),
            transfers=self._transfers,
            deletions=self._deletions,
            new=self._transfers.tally(PlanAction.NEW),
            changed=self._transfers.tally(PlanAction.CHANGED),
            deleted=self._deletions.tally(PlanAction.DELETE),
            kept=Tally(self._kept_files, self._kept_bytes),
        )

    def take(self, entry_hash: str, *, delete: bool) -> None:
        """Compare one bucket."""
        directory = f"{self._root}/{entry_hash}"
        check_no_link(directory)
        local = list_files(directory, self._listed.names.depth)
        start = f"{self._tree.directory}/{entry_hash}/"
        self._compare(entry_hash, start, local)
        if delete:
            self._delete(start, local)

    def take_flat(self, hashes: list[str], *, delete: bool) -> None:
        """Compare a tree whose files are not divided."""
        local = list_files(self._root, self._listed.names.depth)
        start = f"{self._tree.directory}/"
        for entry_hash in hashes:
            self._compare(entry_hash, start, local)
        if delete:
            self._delete(start, local)

    def settle(self) -> None:
        """Decide about what is in doubt."""
        doubts, self._doubts = self._doubts, []
        if not doubts:
            return
        if self._listed.kind is DateKind.EXACT:
            doubts = self._settle_dated(doubts)
        for judged in self._judge.judge(doubts):
            if judged.is_current:
                self._keep(judged.doubt.size_bytes)
            else:
                self._transfers.add(
                    PlanAction.CHANGED,
                    judged.doubt.path,
                    judged.size_bytes,
                    judged.reason,
                    judged.mtime_s,
                )

    def _settle_dated(self, doubts: list[Doubt]) -> list[Doubt]:
        """Decide about files that have a time of their own in the list; return those without."""
        known = self._judge.marks.known(doubts)
        undated = []
        for doubt in doubts:
            second = second_of(doubt.date)
            if second is None:
                undated.append(doubt)
            elif doubt.path in known:
                self._keep(doubt.size_bytes)
            else:
                self._transfers.add(
                    PlanAction.CHANGED, doubt.path, None, doubt.reason, float(second)
                )
        return undated

    def _compare(self, entry_hash: str, start: str, local: dict[str, LocalFile]) -> None:
        """Take the files that are listed out of those that are here."""
        listed, moments = self._listed, self._listed.moments
        is_dated = listed.kind is DateKind.EXACT
        add, take, condemned = self._transfers.add, local.pop, self._condemned
        listed_files = kept_files = kept_bytes = 0
        # A file that was cut off may have kept its time, as after a power failure.
        sizes = self._judge.marks.sizes(start.removesuffix("/"))
        for entry, tokens in listed.lines(entry_hash):
            listed_files += len(tokens)
            extended, second, may_be_later = "", None, False
            for token in tokens:
                name = token.replace("~", entry)
                found = take(name, None)
                if not extended and (found is not None or is_dated):
                    extended = extended_of(entry)
                    second = moments.second(extended)
                    may_be_later = listed.kind is DateKind.ENTRY or extended in moments.vague
                if found is None:
                    own_s = second if is_dated and not may_be_later else None
                    add(PlanAction.NEW, start + name, None, "missing", own_s)
                    continue
                mtime = found[0] // _SECOND_NS
                if not found[1] or (condemned and start + name in condemned):
                    reason = FOUND_BAD if found[1] else "empty"
                    add(PlanAction.CHANGED, start + name, None, reason)
                elif sizes and _is_cut(sizes.get(start + name), found):
                    self._doubt(start + name, found, extended, second, reason="size")
                elif second is not None and (
                    mtime == second or (may_be_later and is_made_later(found[1], found[0], second))
                ):
                    kept_files += 1
                    kept_bytes += found[1]
                else:
                    self._doubt(start + name, found, extended, second)
        self._listed_files += listed_files
        self._kept_files += kept_files
        self._kept_bytes += kept_bytes

    def _doubt(
        self,
        path: str,
        found: LocalFile,
        extended: str,
        second: int | None,
        *,
        reason: str = "time",
    ) -> None:
        """Put a file aside until it is decided about."""
        self._doubts.append(
            Doubt(
                path,
                self._listed.names.remote_path(path),
                found[1],
                found[0],
                self._listed.moments.text(extended),
                second,
                reason,
            )
        )
        if len(self._doubts) == _TOGETHER:
            self.settle()

    def _delete(self, start: str, local: dict[str, LocalFile]) -> None:
        """Plan to delete what is here, is of this tree and this selection, and is not listed."""
        for name in sorted(local):
            entry = self._listed.names.entry_of(name)
            if entry is not None and self._selection.has(entry):
                size_bytes = local[name][1]
                self._deletions.add(
                    PlanAction.DELETE, start + name, size_bytes, "not on the mirror"
                )

    def _keep(self, size_bytes: int) -> None:
        """Count a file that stays."""
        self._kept_files += 1
        self._kept_bytes += size_bytes


def _is_cut(recorded: tuple[int, int] | None, found: LocalFile) -> bool:
    """Tell whether a file has another size than when it arrived, and the same time."""
    return recorded is not None and recorded[1] == found[0] and recorded[0] != found[1]
