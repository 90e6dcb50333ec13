"""Sync without rsync: the archive's lists say what there is, the download engine brings it.

What a tree holds is read from the lists of the mirror (``holdings/``), a few requests in all; what
is here is compared with it by names and times; files are fetched by :mod:`pdb_cli.transfer.fetch`.
What lists can not tell, and how it is settled, is in docs/adr/0024-sync-over-https.md.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pdb_cli.errors import FileAccessError, NobodyListensError, PdbCliError, UnsupportedError
from pdb_cli.events import Note
from pdb_cli.operations.collection_plan import Listing
from pdb_cli.operations.sync.https.compare import compare_tree
from pdb_cli.operations.sync.https.doubts import Judge, Marks
from pdb_cli.operations.sync.https.fetch import fetch_planned
from pdb_cli.operations.sync.https.lists import MirrorLists
from pdb_cli.operations.sync.https.names import TreeNames
from pdb_cli.operations.sync.https.remote import ListedTree, read_trees
from pdb_cli.operations.sync.https.sources import DateKind, Lists, source_of
from pdb_cli.operations.sync.model import ProbeResult, SyncTransport, TreePlanned
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.reach import reach
from pdb_cli.transfer.retry import RetryPolicy
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pdb_cli.archive.mirrors import Mirror
    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.https.doubts import Memory
    from pdb_cli.operations.sync.model import FileSettled, SyncSelection, SyncTree

_PROBE_S: Final = 2.5


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """What a transport over https needs besides its mirror."""

    lists_dir: Path
    """Where the archive's lists are kept, below ``.pdb-cli`` of the collection."""
    http: HttpOptions = field(default_factory=HttpOptions)
    """Connections (``--parallel``), rate limit (``--bwlimit``), time limits, certificates."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """How often and how late a request is made again."""
    fallbacks: tuple[Mirror, ...] = ()
    """Where a file is fetched from when the mirror does not deliver it; those with another layout
    are passed over."""
    open_memory: Callable[[], AbstractContextManager[Memory | None]] = nullcontext
    """Opens the catalogue: what was found to be current before, what has arrived. The default
    remembers nothing, and asks anew each time."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    trust_list: bool = False
    """Whether a list that is older than the one the mirror sent before is followed."""


class HttpsTransport(SyncTransport):
    """One mirror over https.

    Parameters
    ----------
    mirror
        The mirror; with an ``https`` root.
    settings
        All else.
    """

    name = "https"
    keeps_records = True

    def __init__(self, mirror: Mirror, settings: HttpsSettings) -> None:
        self.mirror = mirror
        self._settings = settings
        self._listed: dict[str, ListedTree] = {}
        """What was planned, by the names of the trees."""

    def probe(self) -> ProbeResult:
        """Look whether the mirror can be reached; no request is made."""
        if self.mirror.https is None:
            return ProbeResult(usable=False, reason=f"mirrors.{self.mirror.name}.https is not set")
        parts = urlsplit(without_credentials(self.mirror.https))
        error = reach(self.mirror.https, options=self._settings.http, timeout_s=_PROBE_S)
        if error is not None:
            reason = str(getattr(error, "reason", type(error).__name__))
            return ProbeResult(
                usable=False,
                # libcurl often says it itself.
                reason=reason if parts.netloc in reason else f"{parts.netloc}: {reason}",
                may_pass=error.transient,
                refused=isinstance(error, NobodyListensError),
            )
        return ProbeResult(usable=True, reason=f"{parts.netloc} answers")

    def plan(
        self,
        trees: Iterable[SyncTree],
        selection: SyncSelection,
        *,
        delete: bool,
        observe: Observer,
    ) -> Iterator[TreePlanned]:
        """Compare trees with the lists of the mirror; nothing is changed in them.

        Parameters
        ----------
        trees, selection, delete, observe
            As :meth:`SyncTransport.plan`. Only names that fit ``SyncTree.pattern`` are deleted:
            no list tells what else is in a directory of the archive.

        Yields
        ------
        TreePlanned
            One per tree; with an ``UnsupportedError`` for those that no list tells about.

        Raises
        ------
        FileAccessError
            The disk refuses.
        """
        lists = MirrorLists(
            self.mirror,
            self._settings.lists_dir,
            options=self._settings.http,
            # Who calls this tries again.
            retry=replace(self._settings.retry, retries=0),
            observe=observe,
            trust=self._settings.trust_list,
        )
        by_list: dict[Lists, list[ListedTree]] = {}
        for tree in trees:
            try:
                listed = ListedTree(TreeNames(tree), source_of(tree))
            except UnsupportedError as error:
                yield TreePlanned(tree, None, error)
            else:
                by_list.setdefault(listed.lists, []).append(listed)
        for listed_together in by_list.values():
            try:
                read_trees(listed_together, lists, selection)
            except FileAccessError:
                raise
            except PdbCliError as error:
                for listed in listed_together:
                    yield TreePlanned(listed.names.tree, None, error)
                continue
            while listed_together:
                listed = listed_together.pop(0)
                yield self._plan(listed, lists, selection, delete=delete, observe=observe)

    def execute(
        self, tree: SyncTree, plan: GroupPlan, *, observe: Observer
    ) -> Generator[FileSettled, None, None]:
        """Fetch what a plan says is new or changed.

        Parameters
        ----------
        tree, plan, observe
            As :meth:`SyncTransport.execute`.

        Yields
        ------
        FileSettled
            One per transfer, as they end.

        Raises
        ------
        FileAccessError
            Nothing more can be written.
        TransferError
            The mirror can not be reached any more.
        """
        listed = self._listed.get(tree.name)
        names = listed.names if listed is not None else TreeNames(tree)
        with self._settings.open_memory() as memory:
            yield from fetch_planned(
                names,
                plan,
                mirrors=(self.mirror, *self._fallbacks()),
                dates=listed,
                marks=Marks(memory, self._settings.clock),
                options=self._settings.http,
                retry=self._settings.retry,
                observe=observe,
            )

    def finish(self, tree: SyncTree, plan: GroupPlan, *, observe: Observer) -> None:
        """Do nothing: the times of directories are not known over https.

        Parameters
        ----------
        tree, plan, observe
            As :meth:`SyncTransport.finish`.
        """
        del tree, plan, observe

    def _plan(
        self,
        listed: ListedTree,
        lists: MirrorLists,
        selection: SyncSelection,
        *,
        delete: bool,
        observe: Observer,
    ) -> TreePlanned:
        """Plan one tree whose lists were read."""
        tree = listed.names.tree
        if listed.refused:
            observe(
                Note(
                    f"{tree.name}: {listed.refused} paths of the list are not where its files "
                    f"should be, such as {listed.example[:100]!r}; nothing is deleted there"
                )
            )
        listing = self._listing(listed, lists)
        try:
            with self._settings.open_memory() as memory:
                judge = Judge(
                    self.mirror,
                    Marks(memory, self._settings.clock),
                    options=self._settings.http,
                    retry=self._settings.retry,
                    observe=observe,
                )
                plan = compare_tree(listed, listing, selection, delete=delete, judge=judge)
        except FileAccessError:
            raise
        except PdbCliError as error:
            return TreePlanned(tree, None, error)
        # Names by the hundred thousand are not needed any more, dates are.
        listed.buckets.clear()
        self._listed[tree.name] = listed
        return TreePlanned(tree, plan)

    def _listing(self, listed: ListedTree, lists: MirrorLists) -> Listing:
        """Say where the knowledge of a tree came from."""
        # The one with the names.
        kept = lists.get(listed.sources[0])
        return Listing(
            mirror=self.mirror.name,
            transport=self.name,
            source=kept.url,
            complete=listed.refused == 0,
            files=0,  # counted when they are compared
            newest_s=kept.modified_s,
            newest_entry_s=lists.newest_entry_s(listed.sources),
            newest_of=listed.sources[0],
            has_times=listed.kind is DateKind.EXACT,
        )

    def _fallbacks(self) -> tuple[Mirror, ...]:
        """Return the other mirrors that have the same paths."""
        return tuple(
            other
            for other in self._settings.fallbacks
            if other.layout is self.mirror.layout
            and other.https is not None
            and other.name != self.mirror.name
        )
