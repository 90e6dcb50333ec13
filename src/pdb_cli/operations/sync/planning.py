"""Plan every tree by the first way that can, with lists that are not believed blindly."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.errors import FileAccessError, ListDoubtError, PdbCliError, SyncError, UnsafeTreeError
from pdb_cli.events import Note
from pdb_cli.operations.sync.belief import ListBelief
from pdb_cli.operations.sync.guards import PathGuard, is_of_here
from pdb_cli.operations.sync.patience import Patience, more_telling, reason_in_short, way_of
from pdb_cli.operations.sync.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import (
        SyncRequest,
        SyncTransport,
        SyncTree,
        TransportFactory,
    )
    from pdb_cli.operations.sync.result import SyncResult


class Planned(NamedTuple):
    """A tree whose plan was made, and by which way."""

    tree: SyncTree
    plan: GroupPlan
    route: int


class Planner:
    """Makes the plans of one run.

    Parameters
    ----------
    request
        What is wanted.
    factories
        Ways to a mirror, the best first.
    result
        Gets the plan of each tree, or why there is none.
    observe
        Is told which way was chosen, and what is tried again.

    Attributes
    ----------
    patience
        That of the run.
    """

    def __init__(
        self,
        request: SyncRequest,
        factories: Sequence[TransportFactory],
        result: SyncResult,
        observe: Observer,
    ) -> None:
        self.patience = Patience(request, result, observe)
        self._request = request
        self._result = result
        self._observe = observe
        self._routes = Routes(request.mirrors, factories, observe)
        self._belief = ListBelief(request, observe)
        self._doubts: dict[str, ListDoubtError] = {}
        """Of trees of which no list was believed so far, the last one."""
        self._makeshifts: dict[str, Planned] = {}
        """Plans of incomplete lists, for trees that get no better one."""

    def plan_trees(self) -> Iterator[Planned]:
        """Plan every tree by the first way that can.

        Trees that no mirror could list are left out: their results have the errors.

        Yields
        ------
        Planned
            One for each tree, as soon as it is made.

        Raises
        ------
        NoTransportError
            There is no way to any mirror.
        ListDoubtError
            A list looks cut short, or older than the last one.
        FileAccessError
            The disk refuses.
        """
        pending = list(self._request.trees)
        route = 0
        while pending and (transport := self.way(route)) is not None:
            pending = yield from self._plan_by(transport, route, pending)
            route += 1
            if pending and self.way(route) is not None:
                self._tell_given_up(transport, pending)
        if not route:
            raise self._routes.failure()
        for doubt in self._doubts.values():
            raise doubt
        yield from self._take_makeshifts(pending)

    def way(self, number: int) -> SyncTransport | None:
        """Return a way; before the first is given up, look again for as long as that may help.

        Parameters
        ----------
        number
            Its place in the order, from 0.
        """
        transport = self._routes.get(number)
        attempt = 0
        while transport is None and number == 0:
            refused = self._routes.are_refused
            is_left = self.patience.is_left(attempt, refused=refused)
            if not (is_left and self._routes.look_again()):
                break
            attempt += 1
            self.patience.wait(attempt, "all mirrors", [])
            transport = self._routes.get(number)
        return transport

    def ask(
        self, transport: SyncTransport, trees: list[SyncTree]
    ) -> Generator[tuple[SyncTree, GroupPlan | None, PdbCliError | None], None, None]:
        """Let a transport plan trees; an error of the whole is one of each that is left.

        Parameters
        ----------
        transport
            The way.
        trees
            What is asked for.

        Yields
        ------
        tuple
            A tree, its plan if there is one, and what went wrong if anything did: then the plan is
            of an incomplete list.

        Raises
        ------
        FileAccessError, SyncError
            The run must not go on.
        """
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

    def checked(self, tree: SyncTree, plan: GroupPlan) -> GroupPlan | None:
        """See that a list may be believed; None when it is of no use but harms nothing.

        Parameters and errors are those of :meth:`ListBelief.check`.
        """
        return self._belief.check(tree, plan, self._result.trees[tree.name])

    def _take_makeshifts(self, trees: list[SyncTree]) -> Iterator[Planned]:
        """Take for trees that no mirror lists to the end what was listed: it is better than none.

        Nothing is deleted by it, and the tree is not done.
        """
        for tree in trees:
            made = self._makeshifts.pop(tree.name, None)
            if made is None or not made.plan.listing.files:
                continue  # nothing is listed: what it lacks is the error of this tree alone
            plan = self.checked(made.tree, made.plan)
            if plan is None:
                continue
            outcome = self._result.trees[tree.name]
            outcome.incomplete, outcome.error = outcome.error, None
            outcome.take_plan(plan)
            yield made._replace(plan=plan)

    def _plan_by(
        self, transport: SyncTransport, route: int, trees: list[SyncTree]
    ) -> Generator[Planned, None, list[SyncTree]]:
        """Plan trees by one way; return those that another one may be able to."""
        given_up: list[SyncTree] = []
        for attempt in range(self._request.retries + 1):
            if attempt:
                self.patience.wait(attempt, way_of(transport), trees)
            pending: list[SyncTree] = []
            with closing(self.ask(transport, trees)) as answers:
                for tree, answer, trouble in answers:
                    outcome = self._result.trees[tree.name]
                    outcome.asked = transport.mirror.name, transport.name
                    error = trouble
                    if answer is not None and error is not None:
                        self._keep_makeshift(Planned(tree, answer, route))
                    plan = None
                    if answer is not None and error is None:
                        plan, error = self._judge(tree, answer, transport, route)
                    if plan is not None:
                        outcome.error = None
                        outcome.take_plan(plan)
                        self._doubts.pop(tree.name, None)
                        yield Planned(tree, plan, route)
                        continue
                    outcome.error = more_telling(outcome.error, error)
                    if is_of_here(error):
                        self._doubts.pop(tree.name, None)
                        continue
                    may_help = error is not None and error.transient
                    (pending if may_help else given_up).append(tree)
            trees = pending
            refused = self.patience.are_refused(trees)
            if not trees or (refused and not self.patience.is_left(attempt, refused=True)):
                break
        return given_up + trees

    def _judge(
        self, tree: SyncTree, answer: GroupPlan, transport: SyncTransport, route: int
    ) -> tuple[GroupPlan | None, PdbCliError | None]:
        """Return what may be carried out of a plan, or why that is nothing."""
        try:
            plan = self.checked(tree, answer)
        except ListDoubtError as doubt:
            # Another mirror may have a better one.
            self._doubts[tree.name] = doubt
            if self.way(route + 1) is None:
                raise
            why = f"{way_of(transport)}: {reason_in_short(doubt)}"
            self._observe(Note(f"{tree.name}: {why}; trying the next"))
            return None, doubt
        try:
            # Where nothing is, nothing is in the way; a first run has millions of files to look at.
            if plan is not None and os.path.lexists(tree.path_of(tree.directory)):
                PathGuard(tree).check_all(plan.transfers)
        except UnsafeTreeError as error:
            return None, error
        return plan, None

    def _tell_given_up(self, transport: SyncTransport, trees: Sequence[SyncTree]) -> None:
        """Say why the next way is taken for trees, unless it was said already."""
        names: dict[str, list[str]] = {}
        for tree in trees:
            error = self._result.trees[tree.name].error
            if error is not None and tree.name not in self._doubts:
                names.setdefault(reason_in_short(error), []).append(tree.name)
        for reason, found in names.items():
            text = f"{', '.join(found)}: {way_of(transport)}: {reason}; trying the next"
            self._observe(Note(text))

    def _keep_makeshift(self, planned: Planned) -> None:
        """Keep a plan of an incomplete list, unless another mirror has listed more."""
        kept = self._makeshifts.get(planned.tree.name)
        # A way is known by its last plan: what it said before is void.
        if kept is None or (
            kept.route == planned.route or planned.plan.listing.files > kept.plan.listing.files
        ):
            self._makeshifts[planned.tree.name] = planned
