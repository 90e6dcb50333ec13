"""Bring directories of the archive up to date: plan, check, fetch, and last remove what is gone.

The same for every transport: one writer per collection, lists that are not believed blindly, room
for what comes, retries and other mirrors, deletions at the very end and only where all has come.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pdb_cli.errors import (
    FileAccessError,
    NoTransportError,
    SyncError,
)
from pdb_cli.events import PhaseBegan, PlanMade, ignore_event
from pdb_cli.operations.collection_plan import CollectionPlan
from pdb_cli.operations.sync.bringing import Bringer
from pdb_cli.operations.sync.guards import check_deletions, check_places
from pdb_cli.operations.sync.lists import accept_list, remember_list
from pdb_cli.operations.sync.planning import Planner
from pdb_cli.operations.sync.removal import remove_gone
from pdb_cli.operations.sync.result import SyncResult, TreeResult
from pdb_cli.operations.sync.space import check_space
from pdb_cli.storage.trash import empty_trash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pdb_cli.events import Observer
    from pdb_cli.operations.sync.model import (
        SyncRequest,
        TransportFactory,
    )
    from pdb_cli.operations.sync.planning import Planned
    from pdb_cli.storage.collection_lock import CollectionLock


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
        self._planner = Planner(request, factories, self.result, observe)
        self._planned: tuple[Planned, ...] = ()
        self._begun_s = 0.0

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
        self._planned = tuple(self._planner.plan_trees())
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
        check_space(((one.tree, one.plan) for one in self._planned), trash=self._request.trash)

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
        bringer = Bringer(
            self._planner,
            planned,
            request=self._request,
            result=self.result,
            check_lock=lock.check,
            observe=self._observe,
        )
        self._remove(bringer.bring_all(), check_lock=lock.check)
        return self.result

    def _refuse(self, error: SyncError) -> None:
        """Note of the trees why the run does not begin: of one, or of all."""
        for outcome in self.result.trees.values():
            about = getattr(error, "tree", None)
            if about in {None, outcome.tree.name} and not isinstance(error, NoTransportError):
                outcome.is_refused, outcome.error = True, error

    def _remove(self, done: list[Planned], *, check_lock: Callable[[], None]) -> None:
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
                    check=check_lock,
                    since_s=self._begun_s,
                )
            except (FileAccessError, SyncError) as error:
                # What has come and gone so far stays, and is told; other trees may be elsewhere.
                outcome.error = error
                continue
            if (transport := self._planner.way(route)) is not None:
                transport.finish(tree, plan, observe=self._observe)
            # Only now has the list proved true: all it names is here. A run that ended before this
            # leaves the mark where the last one that was completed has set it.
            remember_list(request.collection, plan, request.selection)
            outcome.is_finished = True
        empty_trash(request.collection, today)
