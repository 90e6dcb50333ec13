"""``sync`` with the rsync program: the plan from its dry run, the files from a list.

What is planned is what is fetched: rsync gets the names of the plan (``--files-from``) and no
``--delete``, so it does nothing else, whatever the mirror has become meanwhile. See
docs/explanation/sync-rsync.md.
"""

from __future__ import annotations

from contextlib import closing, nullcontext, suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import (
    FileAccessError,
    PdbCliError,
    RsyncBusyError,
    RsyncError,
    RsyncRefusedError,
    RsyncUnavailableError,
    UnsupportedError,
)
from pdb_cli.events import BytesReceived, Note
from pdb_cli.operations.sync.condemned import find_condemned
from pdb_cli.operations.sync.model import (
    FileSettled,
    ProbeResult,
    SettledStatus,
    TreePlanned,
)
from pdb_cli.operations.sync.patterns import make_filter, takes_everything, wildcards
from pdb_cli.operations.sync.rsync.plan import NOT_ON_MIRROR, PlanMaker, TreeState
from pdb_cli.storage.flush import flush_file_system
from pdb_cli.transfer.rsync_fetch import Fetched, RsyncFetch
from pdb_cli.transfer.rsync_leftovers import NameLists, take_over
from pdb_cli.transfer.rsync_listing import list_tree
from pdb_cli.transfer.rsync_probe import probe_daemons
from pdb_cli.transfer.rsync_rules import tree_rules
from pdb_cli.transfer.rsync_shares import share_out

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pdb_cli.archive.mirrors import Mirror, RsyncRoot
    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import (
        GroupPlan,
    )
    from pdb_cli.operations.sync.condemned import Looks
    from pdb_cli.operations.sync.model import SyncSelection, SyncTree
    from pdb_cli.transfer.rsync_arguments import RsyncOptions

_NOT_SENT = "the mirror did not send it"
_MOST_AT_ONCE: Final = 50_000
"""Files that are shared out together: what is in memory is that much, however large the plan."""


class RsyncTransport:
    """One mirror over rsync; a ``SyncTransport``.

    Parameters
    ----------
    mirror
        The mirror.
    options
        The program, how many processes, limits.
    state
        A directory of our own in the collection, for lists of what is being fetched.
    open_looks
        Opens the catalogue: which files were found bad. The default remembers nothing.
    """

    name = "rsync"
    keeps_records = False

    def __init__(
        self,
        mirror: Mirror,
        options: RsyncOptions,
        *,
        state: Path,
        open_looks: Callable[[], AbstractContextManager[Looks | None]] = nullcontext,
    ) -> None:
        self.mirror = mirror
        self._options = options
        self._state = state
        self._open_looks = open_looks
        self._roots = mirror.rsync
        self._trees: dict[str, TreeState] = {}

    def probe(self) -> ProbeResult:
        """Look whether one of the mirror's daemons answers; see ``SyncTransport``."""
        if not self._roots:
            return ProbeResult(usable=False, reason="it has no address for rsync")
        try:
            probed = probe_daemons(self._options, self._roots, directory=self._state)
        except RsyncUnavailableError as error:
            return ProbeResult(usable=False, reason=error.reason)
        if probed.error is not None:
            reason = getattr(probed.error, "reason", str(probed.error))
            return ProbeResult(
                usable=False,
                reason=reason,
                may_pass=probed.error.transient,
                refused=isinstance(probed.error, RsyncRefusedError),
            )
        self._prefer(probed.root)
        address = f"{probed.root.host} port {probed.root.port}"
        reason = f"{self._options.program}, {address} answers"
        return ProbeResult(usable=True, reason=reason)

    def plan(
        self,
        trees: Iterable[SyncTree],
        selection: SyncSelection,
        *,
        delete: bool,
        observe: Observer,
    ) -> Iterator[TreePlanned]:
        """Compare trees with the mirror, each by one dry run; see ``SyncTransport``."""
        for tree in trees:
            try:
                answer = self._plan_tree(tree, selection, delete=delete, observe=observe)
            except FileAccessError:
                raise
            except PdbCliError as error:
                yield TreePlanned(tree, None, error)
            else:
                yield answer

    def execute(
        self, tree: SyncTree, plan: GroupPlan, *, observe: Observer
    ) -> Generator[FileSettled, None, None]:
        """Fetch what is new or changed; see ``SyncTransport``."""
        if not len(plan.transfers):
            return
        brought = False
        try:
            with closing(self._fetch_all(tree, plan, observe)) as files:
                for settled in files:
                    brought = brought or settled.status is SettledStatus.TRANSFERRED
                    yield settled
        except PdbCliError:
            with suppress(FileAccessError):
                self._leave(tree, brought=brought)
            raise
        self._leave(tree, brought=brought)

    def _leave(self, tree: SyncTree, *, brought: bool) -> None:
        """See that what has come stays: rsync does not wait for the disk."""
        self._state_of(tree).look(tree.root)
        if brought:
            flush_file_system(tree.root)

    def _fetch_all(
        self, tree: SyncTree, plan: GroupPlan, observe: Observer
    ) -> Generator[FileSettled, None, None]:
        """Fetch batch after batch."""
        unsettled = first_number = 0
        refused: PdbCliError | None = None
        notes: list[str] = []
        above: set[str] = set()
        lists = self._lists(tree)
        state = self._state_of(tree)
        batches = self._batches(tree, plan, lists)
        batch = next(batches)
        again = bool(state.again)
        while batch:
            following = next(batches, [])
            above.update(_directories_of(path for path, _ in batch))
            # What has no file above which it is made, comes with the last ones.
            state.is_brought = not (following or again)
            shares = self._shares(batch, self._alone(tree, above) if state.is_brought else [])
            fetch = self._fetch(tree, shares, first_number=first_number, again=again)
            again = False
            first_number += len(shares)
            left = dict.fromkeys(path for path, _ in batch)
            batch = following
            yield from self._run(tree, fetch, left, observe)
            if left and fetch.errors:
                raise _worst(fetch.errors)
            for path in left:
                yield FileSettled(
                    f"{tree.directory}/{path}", SettledStatus.FAILED, reason=_NOT_SENT
                )
            unsettled += len(left)
            if left and fetch.refused is not None:
                refused = refused or fetch.refused
            if not unsettled:
                lists.remove()
            notes += fetch.notes[:1] if fetch.errors else ()
        if refused is not None:
            raise refused
        for line in () if unsettled else notes[:1]:
            observe(Note(line))

    def _run(
        self, tree: SyncTree, fetch: RsyncFetch, left: dict[str, None], observe: Observer
    ) -> Generator[FileSettled, None, None]:
        """Run one fetch; take what has come from what is left."""
        with closing(fetch.run()) as events:
            for event in events:
                if not isinstance(event, Fetched):
                    observe(BytesReceived(event.size_bytes))
                elif event.path in left:
                    del left[event.path]
                    yield FileSettled(
                        f"{tree.directory}/{event.path}",
                        SettledStatus.TRANSFERRED if event.is_new else SettledStatus.UNCHANGED,
                        event.size_bytes,
                    )
        for path in _named_in(fetch.gone, left):
            del left[path]
            yield FileSettled(
                f"{tree.directory}/{path}", SettledStatus.VANISHED, reason=NOT_ON_MIRROR
            )

    def _batches(
        self, tree: SyncTree, plan: GroupPlan, lists: NameLists
    ) -> Iterator[list[tuple[str, int]]]:
        """Yield the files of a plan, some at a time: there may be millions.

        First come those that were found bad, if any, by themselves. Then all that an earlier run
        may have begun: its lists, which say so, make room for ours.
        """
        prefix = len(tree.directory) + 1
        again = self._state_of(tree).again
        bad = [
            (path[prefix:], one.size_bytes or 0)
            for one in (plan.transfers if again else ())
            if (path := one.path) in again
        ]
        earlier = set(lists.read())
        begun = [
            (path, one.size_bytes or 0)
            for one in (plan.transfers if earlier else ())
            if (path := one.path[prefix:]) in earlier
        ]
        earlier = {path for path, _ in begun}
        take_over(tree.root, lists, wanted=earlier)
        if bad:
            yield bad
            bad_paths = {path for path, _ in bad}
            begun = [one for one in begun if one[0] not in bad_paths]
            earlier |= bad_paths
        files = (
            (path, one.size_bytes or 0)
            for one in plan.transfers
            if (path := one.path[prefix:]) not in earlier
        )
        batch = [*begun, *islice(files, max(0, _MOST_AT_ONCE - len(begun)))]
        while batch:
            yield batch
            batch = list(islice(files, _MOST_AT_ONCE))

    def finish(self, tree: SyncTree, plan: GroupPlan, *, observe: Observer) -> None:  # noqa: ARG002 - as the protocol
        """Leave directories as the mirror has them; see ``SyncTransport``."""
        state = self._state_of(tree)
        if state.extra and not state.is_brought and tree.root.is_dir():
            # Only what no rsync has looked at in this run; the next one would do it as well.
            with suppress(PdbCliError):
                take_over(tree.root, self._lists(tree), wanted=())
                for _ in self._fetch(tree, self._shares((), state.extra)).run():
                    pass
                state.look(tree.root)
                self._lists(tree).remove()
        state.restore(tree.root)

    def _plan_tree(
        self, tree: SyncTree, selection: SyncSelection, *, delete: bool, observe: Observer
    ) -> TreePlanned:
        """Plan one tree: ask the daemons of the mirror in their order, until one lists all of it.

        If none does, what one listed is a plan too, with the error that says what it lacks.
        """
        if tree.root.exists() and not tree.root.is_dir():
            raise FileAccessError("read", tree.root, "it is no directory")
        everything = takes_everything(tree, selection)
        rules = tree_rules(None if everything else wildcards(tree, selection))
        wanted = None if everything else make_filter(tree, selection)
        with self._open_looks() as looks:
            bad = find_condemned(tree, looks)
        again = [path[len(tree.directory) + 1 :] for path in bad]
        first_error: PdbCliError | None = None
        makeshift: TreePlanned | None = None
        for root in self._roots:
            maker = PlanMaker(tree, bad)
            try:
                source = root.url(f"{tree.remote}/")
                listing = list_tree(
                    self._options,
                    source,
                    tree.root,
                    rules=rules,
                    take=maker.take,
                    wanted=wanted,
                    follow_links=tree.links,
                    delete=delete,
                    again=again,
                )
            except (RsyncError, UnsupportedError) as error:
                first_error = first_error or error
                continue
            incomplete = listing.incompleteness(source)
            if incomplete is not None and makeshift is not None:
                continue
            self._prefer(root)
            plan, self._trees[tree.name] = maker.make(
                listing,
                source,
                mirror=self.mirror.name,
                everything=everything,
                observe=observe,
            )
            if incomplete is None:
                return TreePlanned(tree, plan)
            makeshift = TreePlanned(tree, plan, incomplete)
        if makeshift is not None:
            return makeshift
        if first_error is None:
            raise UnsupportedError(
                f"rsync from mirror {self.mirror.name}",
                f"mirrors.{self.mirror.name}.rsync is not set",
            )
        raise first_error

    def _alone(self, tree: SyncTree, above: set[str]) -> list[str]:
        """Return what needs times, but does not come with files: these bring what is above them."""
        return [path for path in self._state_of(tree).extra if path not in above]

    def _shares(self, files: Iterable[tuple[str, int]], alone: Iterable[str]) -> list[list[str]]:
        """Say which process brings what."""
        shares = share_out(files, self._options.parallel)
        others = share_out(((path, 0) for path in alone), 1)
        if len(others) == 1 and shares:
            # Not worth a connection of their own.
            shares[0] = [*others.pop(), *shares[0]]
        return shares + others

    def _fetch(
        self,
        tree: SyncTree,
        shares: Sequence[Sequence[str]],
        *,
        first_number: int = 0,
        again: bool = False,
    ) -> RsyncFetch:
        """Get ready to fetch: our directory, and who brings what."""
        try:
            tree.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileAccessError.wrap("create", tree.root, error) from error
        return RsyncFetch(
            self._options,
            self._roots[0].url(f"{tree.remote}/"),
            tree.root,
            shares=shares,
            lists=self._lists(tree),
            first_number=first_number,
            follow_links=tree.links,
            again=again,
        )

    def _prefer(self, root: RsyncRoot) -> None:
        """Ask this daemon first from now on."""
        self._roots = (root, *(other for other in self._roots if other != root))

    def _lists(self, tree: SyncTree) -> NameLists:
        """Return where the lists of a tree are kept."""
        return NameLists(self._state, tree.name.replace("/", "_"))

    def _state_of(self, tree: SyncTree) -> TreeState:
        """Return what is remembered of a tree."""
        return self._trees.setdefault(tree.name, TreeState())


def _directories_of(paths: Iterable[str]) -> Iterator[str]:
    """Yield every directory above some files, some of them more than once."""
    last = ""
    for path in paths:
        directory = path.rpartition("/")[0]
        if directory != last:
            last = directory
            while directory:
                yield directory
                directory = directory.rpartition("/")[0]


def _named_in(complained: Iterable[str], unsettled: Iterable[str]) -> list[str]:
    """Return which files are meant by paths that begin somewhere above the tree."""
    known = set(unsettled)
    found = []
    for path in complained:
        parts = path.strip("/").split("/")
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            if name in known:
                found.append(name)
                known.discard(name)
                break
    return found


def _worst(errors: list[PdbCliError]) -> PdbCliError:
    """Return what explains best why a run did not end well: a busy daemon explains least."""
    return next((one for one in errors if not isinstance(one, RsyncBusyError)), errors[0])
