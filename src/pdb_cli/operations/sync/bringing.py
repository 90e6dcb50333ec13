"""Bring what plans say: one tree after the other, again where it broke, then by the next way."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.errors import (
    CollectionBusyError,
    FileAccessError,
    PdbCliError,
    RsyncRefusedError,
    SyncError,
    TransferError,
)
from pdb_cli.events import Note
from pdb_cli.operations.sync.condemned import Replacements
from pdb_cli.operations.sync.guards import PathGuard, check_deletions, check_places, is_of_here
from pdb_cli.operations.sync.lists import accept_list, forget_accepted
from pdb_cli.operations.sync.patience import more_telling, reason_in_short, way_of
from pdb_cli.operations.sync.planning import Planned
from pdb_cli.operations.sync.space import check_space
from pdb_cli.operations.sync.telling import tell_failures, tell_settled
from pdb_cli.transfer.rsync_outcome import is_one_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import SyncRequest, SyncTransport, SyncTree
    from pdb_cli.operations.sync.planning import Planner
    from pdb_cli.operations.sync.result import SyncResult, TreeResult

_NAMED = 3
"""Files that a message has room for."""


class Bringer:
    """Carries out the plans of one run, but for what goes.

    Parameters
    ----------
    planner
        Has made the plans, and makes new ones.
    planned
        Of all trees.
    request
        What is wanted.
    result
        Gets what becomes of each file.
    check_lock
        Raises if the collection is not ours any more.
    observe
        Gets an event for everything that happens.
    """

    def __init__(
        self,
        planner: Planner,
        planned: Sequence[Planned],
        *,
        request: SyncRequest,
        result: SyncResult,
        check_lock: Callable[[], None],
        observe: Observer,
    ) -> None:
        self._planner = planner
        self._planned = tuple(planned)
        self._request = request
        self._result = result
        self._check_lock = check_lock
        self._observe = observe

    def bring_all(self) -> list[Planned]:
        """Fetch what is to come, tree by tree.

        Returns
        -------
        list of Planned
            The plans that were carried out, of the trees of which all came.

        Raises
        ------
        FileAccessError
            Nothing more can be written.
        CollectionBusyError
            The lock was lost.
        """
        return [brought for one in self._planned if (brought := self._bring(one)) is not None]

    def _bring(self, planned: Planned) -> Planned | None:
        """Fetch what a plan says; return the plan that was carried out, or None if none was."""
        tree, first, route = planned
        outcome = self._result.trees[tree.name]
        plan: GroupPlan | None = first
        while (transport := self._planner.way(route)) is not None:
            trouble = outcome.error
            plan = self._bring_by(transport, tree, plan, outcome)
            if plan is not None:
                return Planned(tree, plan, route)
            outcome.error = more_telling(trouble, outcome.error)
            if is_of_here(outcome.error):
                break
            route += 1
            if self._planner.way(route) is not None:
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
        fewest: float = math.inf
        looked_again = False
        while True:
            outcome.begin_attempt()
            if plan is None:
                plan = self._plan_again(transport, tree, outcome)
            if plan is not None and len(plan.transfers) < fewest:
                # A connection that breaks now and then is none that does not come about. What has
                # come says nothing: on a disk that keeps no times all of it comes again.
                tries, fewest = 0, len(plan.transfers)
            if plan is not None and self._fetch(transport, tree, plan, outcome):
                return plan
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
            if not (may_help and self._planner.patience.is_left(tries, refused=refused)):
                return None
            tries += 1
            self._planner.patience.wait(tries, way_of(transport), [tree])

    def _plan_again(
        self, transport: SyncTransport, tree: SyncTree, outcome: TreeResult
    ) -> GroupPlan | None:
        """Plan one tree anew, with all checks; None if that is not possible by this way."""
        try:
            with closing(self._planner.ask(transport, [tree])) as answers:
                for _, plan, error in answers:
                    outcome.error = error
                    if error is not None and outcome.incomplete is None:
                        # The first plan was whole; another mirror's may be.
                        continue
                    checked = None if plan is None else self._planner.checked(tree, plan)
                    if checked is not None:
                        outcome.incomplete, outcome.error = error, None
                        outcome.take_plan(checked)
                        check_places([(tree, checked)], self._request)
                        others = (one.plan for one in self._planned if one.tree is not tree)
                        check_deletions([*others, checked], self._request.limit)
                        check_space([(tree, checked)], trash=self._request.trash)
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
        outcome.error = _shortfall(plan, outcome, settled_files) or outcome.error
        return not (outcome.failed_files or outcome.vanished)


def _shortfall(plan: GroupPlan, outcome: TreeResult, settled_files: int) -> TransferError | None:
    """Return what of a plan did not come, and count it; None if all did."""
    missing = len(plan.transfers) - settled_files
    if missing > 0:
        outcome.failed_files += missing
        reason = f"{missing} of {len(plan.transfers)} files did not arrive"
        return TransferError(plan.listing.source, reason)
    if outcome.failed_files:
        first = next(iter(outcome.failed.values()), "")
        reason = f"{outcome.failed_files} of {len(plan.transfers)} files did not arrive"
        return TransferError(plan.listing.source, f"{reason}; the first: {first}")
    if outcome.vanished:
        names = ", ".join(outcome.absent[:_NAMED])
        more = " and more" if outcome.vanished > _NAMED else ""
        reason = f"{outcome.vanished} files that it lists are not there: {names}{more}"
        return TransferError(plan.listing.source, reason)
    return None
