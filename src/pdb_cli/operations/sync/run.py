"""Bring directories of the archive up to date: plan, check, fetch, and last remove what is gone.

The same for every transport: one writer per collection, lists that are not believed blindly, room
for what comes, retries and other mirrors, deletions at the very end and only where all has come.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import (
    CollectionBusyError,
    FileAccessError,
    ListDoubtError,
    NoTransportError,
    PdbCliError,
    RsyncRefusedError,
    SyncError,
    TransferError,
    UnsafeTreeError,
)
from pdb_cli.events import Note, PhaseBegan, PlanMade, ignore_event
from pdb_cli.operations.collection_plan import CollectionPlan
from pdb_cli.operations.sync.belief import ListBelief
from pdb_cli.operations.sync.condemned import Replacements
from pdb_cli.operations.sync.guards import PathGuard, check_deletions, check_places
from pdb_cli.operations.sync.lists import accept_list, forget_accepted, remember_list
from pdb_cli.operations.sync.patience import Patience, reason_in_short, way_of
from pdb_cli.operations.sync.removal import remove_gone
from pdb_cli.operations.sync.result import SyncResult, TreeResult
from pdb_cli.operations.sync.routes import Routes
from pdb_cli.operations.sync.space import check_space
from pdb_cli.operations.sync.telling import tell_failures, tell_settled
from pdb_cli.storage.trash import empty_trash, trash_dir
from pdb_cli.transfer.rsync_outcome import is_one_place

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import (
        SyncRequest,
        SyncTransport,
        SyncTree,
        TransportFactory,
    )
    from pdb_cli.storage.collection_lock import CollectionLock

_NAMED = 3
"""Files that a message has room for."""


class _Planned(NamedTuple):
    """A tree whose plan was made, and by which way."""

    tree: SyncTree
    plan: GroupPlan
    route: int


class SyncRun:
    """One run; used once, from one thread.

    Parameters
    ----------
    request
        What is wanted.
    factories
        Ways to a mirror, the best first: one where the user named it, else all.
    observe
        Gets an event for everything that happens.

    Attributes
    ----------
    result
        What has come of it so far; to be read also when a method has raised.
    """

    def __init__(
        self,
        request: SyncRequest,
        factories: Sequence[TransportFactory],
        *,
        observe: Observer = ignore_event,
    ) -> None:
        self.result = SyncResult({tree.name: TreeResult(tree) for tree in request.trees})
        self._request = request
        self._observe = observe
        self._routes = Routes(request.mirrors, factories, observe)
        self._planned: tuple[_Planned, ...] = ()
        self._check_lock: Callable[[], None] = lambda: None
        self._belief = ListBelief(request, observe)
        self._patience = Patience(request, self.result, observe)
        self._begun_s = 0.0
        self._doubts: dict[str, ListDoubtError] = {}
        """Of trees of which no list was believed so far, the last one."""
        self._makeshifts: dict[str, _Planned] = {}
        """Plans of incomplete lists, for trees that get no better one."""

    def plan(self) -> CollectionPlan:
        """Find out what would change; change nothing.

        Trees that no mirror could list are not in the plan: their results have the errors.

        Returns
        -------
        CollectionPlan
            What :meth:`carry_out` would do now, if :meth:`check_plan` lets it.

        Raises
        ------
        NoTransportError
            There is no way to any mirror.
        ListDoubtError
            A list looks cut short, or older than the last one.
        FileAccessError
            The disk refuses.
        """
        self._observe(PhaseBegan("planning"))
        self._begun_s = time.time()
        self._planned = tuple(self._plan_trees())
        return CollectionPlan(tuple(one.plan for one in self._planned))

    def check_plan(self) -> None:
        """See that what :meth:`plan` found may be carried out.

        Raises
        ------
        DeleteLimitError
            More files would go than allowed.
        NoSpaceError
            There is no room for what would come.
        UnsafeTreeError
            Files would go from where others have theirs.
        """
        check_places(((one.tree, one.plan) for one in self._planned), self._request)
        check_deletions((one.plan for one in self._planned), self._request.limit)
        check_space(((one.tree, one.plan) for one in self._planned), trash=self._trash)

    def carry_out(self, lock: CollectionLock) -> SyncResult:
        """Plan, and do what the plan says.

        Nothing is transferred before all plans are made and checked; nothing goes from a tree
        before all that is to come to it is there. Ending it by an exception (an interrupt) leaves
        files that are whole, and partial ones for the next run.

        Parameters
        ----------
        lock
            The collection is ours until this returns, or until the lock says otherwise.

        Returns
        -------
        SyncResult
            The same as :attr:`result`.

        Raises
        ------
        NoTransportError, ListDoubtError, DeleteLimitError, NoSpaceError
            As :meth:`plan` and :meth:`check_plan`; nothing has been changed.
        FileAccessError
            Nothing more can be written.
        CollectionBusyError
            The lock was lost to somebody else; nothing has been changed since.
        """
        self._check_lock = lock.check
        try:
            self.plan()
            self.check_plan()
        except SyncError as error:
            self._refuse(error)
            raise
        planned = self._planned
        for one in planned:
            accept_list(self._request.collection, one.plan, self._request.selection)
        self._observe(PlanMade(sum(len(one.plan.transfers) for one in planned)))
        self._observe(PhaseBegan("downloading"))
        done = [brought for one in planned if (brought := self._bring(one)) is not None]
        self._remove(done)
        return self.result

    def _refuse(self, error: SyncError) -> None:
        """Note of the trees why the run does not begin: of one, or of all."""
        for outcome in self.result.trees.values():
            about = getattr(error, "tree", None)
            if about in {None, outcome.tree.name} and not isinstance(error, NoTransportError):
                outcome.is_refused, outcome.error = True, error

    @property
    def _trash(self) -> Path | None:
        """Where files go to, if they go to a trash."""
        request = self._request
        return trash_dir(request.collection) if request.use_trash else None

    def _plan_trees(self) -> Iterator[_Planned]:
        """Plan every tree by the first way that can."""
        pending = list(self._request.trees)
        route = 0
        while pending and (transport := self._route(route)) is not None:
            pending = yield from self._plan_by(transport, route, pending)
            route += 1
        if not route:
            raise self._routes.failure()
        for doubt in self._doubts.values():
            raise doubt
        yield from self._take_makeshifts(pending)

    def _take_makeshifts(self, trees: list[SyncTree]) -> Iterator[_Planned]:
        """Take for trees that no mirror lists to the end what was listed: it is better than none.

        Nothing is deleted by it, and the tree is not done.
        """
        for tree in trees:
            made = self._makeshifts.pop(tree.name, None)
            if made is None or not made.plan.listing.files:
                continue  # nothing is listed: what it lacks is the error of this tree alone
            plan = self._checked(made.tree, made.plan)
            if plan is None:
                continue
            outcome = self.result.trees[tree.name]
            outcome.incomplete, outcome.error = outcome.error, None
            outcome.take_plan(plan)
            yield made._replace(plan=plan)

    def _plan_by(
        self, transport: SyncTransport, route: int, trees: list[SyncTree]
    ) -> Generator[_Planned, None, list[SyncTree]]:
        """Plan trees by one way; return those it can not."""
        given_up: list[SyncTree] = []
        for attempt in range(self._request.retries + 1):
            if attempt:
                self._patience.wait(attempt, way_of(transport), trees)
            pending: list[SyncTree] = []
            with closing(self._ask(transport, trees)) as answers:
                for tree, answer, trouble in answers:
                    outcome = self.result.trees[tree.name]
                    error = trouble
                    if answer is not None and error is not None:
                        self._keep_makeshift(_Planned(tree, answer, route))
                    plan = None
                    if answer is not None and error is None:
                        plan, error = self._judge(tree, answer, transport, route)
                    if plan is not None:
                        outcome.error = None
                        outcome.take_plan(plan)
                        self._doubts.pop(tree.name, None)
                        yield _Planned(tree, plan, route)
                        continue
                    outcome.error = error or outcome.error
                    may_help = error is not None and error.transient
                    (pending if may_help else given_up).append(tree)
            trees = pending
            refused = self._patience.are_refused(trees)
            if not trees or (refused and not self._patience.is_left(attempt, refused=True)):
                break
        return given_up + trees

    def _judge(
        self, tree: SyncTree, answer: GroupPlan, transport: SyncTransport, route: int
    ) -> tuple[GroupPlan | None, PdbCliError | None]:
        """Return what may be carried out of a plan, or why that is nothing."""
        try:
            plan = self._checked(tree, answer)
        except ListDoubtError as doubt:
            # Another mirror may have a better one.
            self._doubts[tree.name] = doubt
            if self._route(route + 1) is None:
                raise
            why = f"{way_of(transport)}: {reason_in_short(doubt)}"
            self._observe(Note(f"{tree.name}: {why}; trying the next"))
            return None, doubt
        try:
            PathGuard(tree).check_all(() if plan is None else plan.transfers)
        except UnsafeTreeError as error:
            return None, error
        return plan, None

    def _keep_makeshift(self, planned: _Planned) -> None:
        """Keep a plan of an incomplete list, unless another mirror has listed more."""
        kept = self._makeshifts.get(planned.tree.name)
        # A way is known by its last plan: what it said before is void.
        if kept is None or (
            kept.route == planned.route or planned.plan.listing.files > kept.plan.listing.files
        ):
            self._makeshifts[planned.tree.name] = planned

    def _ask(
        self, transport: SyncTransport, trees: list[SyncTree]
    ) -> Generator[tuple[SyncTree, GroupPlan | None, PdbCliError | None], None, None]:
        """Let a transport plan trees; an error of the whole is one of each that is left."""
        left = {tree.name: tree for tree in trees}
        try:
            for tree, plan, error in transport.plan(
                trees,
                self._request.selection,
                delete=self._request.delete,
                observe=self._observe,
            ):
                del left[tree.name]
                yield tree, plan, error
        except (FileAccessError, SyncError):
            raise
        except PdbCliError as error:
            for tree in left.values():
                yield tree, None, error

    def _checked(self, tree: SyncTree, plan: GroupPlan) -> GroupPlan | None:
        """See that a list may be believed; None when it is of no use but harms nothing."""
        return self._belief.check(tree, plan, self.result.trees[tree.name])

    def _bring(self, planned: _Planned) -> _Planned | None:
        """Fetch what a plan says; return the plan that was carried out, or None if none was."""
        tree, first, route = planned
        outcome = self.result.trees[tree.name]
        plan: GroupPlan | None = first
        while (transport := self._route(route)) is not None:
            plan = self._bring_by(transport, tree, plan, outcome)
            if plan is not None:
                return _Planned(tree, plan, route)
            if isinstance(outcome.error, FileAccessError):
                break  # of what is here: no mirror helps
            route += 1
            if self._route(route) is not None:
                reason = reason_in_short(outcome.error) if outcome.error else "files did not arrive"
                self._observe(Note(f"{tree.name}: {way_of(transport)}: {reason}; trying the next"))
        tell_failures(outcome, self._observe)
        return None

    def _bring_by(
        self,
        transport: SyncTransport,
        tree: SyncTree,
        plan: GroupPlan | None,
        outcome: TreeResult,
    ) -> GroupPlan | None:
        """Fetch a tree by one way, again and again; return the plan that was carried out."""
        tries = 0
        looked_again = False
        while True:
            outcome.begin_attempt()
            before = outcome.transferred.files
            if plan is None:
                plan = self._plan_again(transport, tree, outcome)
            if plan is not None and self._fetch(transport, tree, plan, outcome):
                return plan
            if outcome.transferred.files > before:
                # A connection that breaks now and then is none that does not come about.
                tries = 0
            plan = None
            if outcome.vanished and outcome.error is not None:
                # The list was no longer true: a new one is.
                forget_accepted(self._request.collection, tree.name, self._request.selection)
                if not looked_again:
                    looked_again = True
                    self._observe(
                        Note(f"{tree.name}: {reason_in_short(outcome.error)}; listing again")
                    )
                    continue
            may_help = outcome.error is not None and outcome.error.transient
            # Over https a server that has given its list in this run is waited for to the end.
            refused = isinstance(outcome.error, RsyncRefusedError)
            if not (may_help and self._patience.is_left(tries, refused=refused)):
                return None
            tries += 1
            self._patience.wait(tries, way_of(transport), [tree])

    def _plan_again(
        self, transport: SyncTransport, tree: SyncTree, outcome: TreeResult
    ) -> GroupPlan | None:
        """Plan one tree anew, with all checks; None if that is not possible by this way."""
        try:
            with closing(self._ask(transport, [tree])) as answers:
                for _, plan, error in answers:
                    outcome.error = error
                    if error is not None and outcome.incomplete is None:
                        # The first plan was whole; another mirror's may be.
                        continue
                    checked = None if plan is None else self._checked(tree, plan)
                    if checked is not None:
                        outcome.incomplete, outcome.error = error, None
                        outcome.take_plan(checked)
                        check_places([(tree, checked)], self._request)
                        others = (one.plan for one in self._planned if one.tree is not tree)
                        check_deletions([*others, checked], self._request.limit)
                        check_space([(tree, checked)], trash=self._trash)
                        accept_list(self._request.collection, checked, self._request.selection)
                        # The next tree that is planned anew is counted together with this plan.
                        self._planned = tuple(
                            one._replace(plan=checked) if one.tree is tree else one
                            for one in self._planned
                        )
                        return checked
        except SyncError as error:
            outcome.error = error
        return None

    def _fetch(
        self, transport: SyncTransport, tree: SyncTree, plan: GroupPlan, outcome: TreeResult
    ) -> bool:
        """Let a transport carry out a plan; tell whether all of it came."""
        if not len(plan.transfers):
            return True
        settled_files = 0
        try:
            PathGuard(tree).check_all(plan.transfers)
            replaced = Replacements(plan, self._request, self._observe)
            if not transport.keeps_records:
                replaced.begin()
            self._check_lock()
            try:
                with closing(transport.execute(tree, plan, observe=self._observe)) as files:
                    for settled in files:
                        self._check_lock()
                        settled_files += 1
                        outcome.settle(settled)
                        replaced.settle(settled)
                        tell_settled(settled, self._observe)
            finally:
                replaced.end()
        except (CollectionBusyError, FileAccessError) as error:
            outcome.error = error
            if is_one_place(error):
                return False
            raise
        except PdbCliError as error:
            outcome.error = error
            return False
        missing = len(plan.transfers) - settled_files
        if missing > 0:
            outcome.failed_files += missing
            reason = f"{missing} of {len(plan.transfers)} files did not arrive"
            outcome.error = TransferError(plan.listing.source, reason)
        elif outcome.failed_files:
            first = next(iter(outcome.failed.values()), "")
            reason = f"{outcome.failed_files} of {len(plan.transfers)} files did not arrive"
            outcome.error = TransferError(plan.listing.source, f"{reason}; the first: {first}")
        elif outcome.vanished:
            names = ", ".join(outcome.absent[:_NAMED])
            more = " and more" if outcome.vanished > _NAMED else ""
            reason = f"{outcome.vanished} files that it lists are not there: {names}{more}"
            outcome.error = TransferError(plan.listing.source, reason)
        return not (outcome.failed_files or outcome.vanished)

    def _remove(self, done: list[_Planned]) -> None:
        """Remove what is gone from the archive, from trees where all else is done."""
        request = self._request
        today = datetime.now(UTC).date()
        if request.delete:
            self._observe(PhaseBegan("deleting"))
        for tree, plan, route in done:
            outcome = self.result.trees[tree.name]
            try:
                remove_gone(
                    outcome,
                    plan.deletions,
                    request=request,
                    day=today,
                    observe=self._observe,
                    check=self._check_lock,
                    since_s=self._begun_s,
                )
            except (FileAccessError, SyncError) as error:
                # What has come and gone so far stays, and is told; other trees may be elsewhere.
                outcome.error = error
                continue
            if (transport := self._route(route)) is not None:
                transport.finish(tree, plan, observe=self._observe)
            # Only now has the list proved true: all it names is here. A run that ended before this
            # leaves the mark where the last one that was completed has set it.
            remember_list(request.collection, plan, request.selection)
            outcome.is_finished = True
        empty_trash(request.collection, today)

    def _route(self, number: int) -> SyncTransport | None:
        """Return a way; before the first is given up, look again for as long as that may help."""
        transport = self._routes.get(number)
        attempt = 0
        while transport is None and number == 0:
            refused = self._routes.are_refused
            is_left = self._patience.is_left(attempt, refused=refused)
            if not (is_left and self._routes.look_again()):
                break
            attempt += 1
            self._patience.wait(attempt, "all mirrors", [])
            transport = self._routes.get(number)
        return transport
