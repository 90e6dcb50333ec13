"""Which lists of mirrors a run of ``sync`` believes, with what it has seen so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.errors import ListDoubt, ListDoubtError
from pdb_cli.events import Note
from pdb_cli.operations.sync.guards import check_list, check_still_here
from pdb_cli.operations.sync.lag import check_lag
from pdb_cli.operations.sync.lists import SeenList, read_seen_list
from pdb_cli.operations.sync.removal import only_own

if TYPE_CHECKING:
    from pdb_cli.events import Observer
    from pdb_cli.operations.collection_plan import GroupPlan
    from pdb_cli.operations.sync.model import SyncRequest, SyncTree
    from pdb_cli.operations.sync.result import TreeResult


class ListBelief:
    """Judges the lists of one run.

    Parameters
    ----------
    request
        What is wanted, and whether the user says that lists are right.
    observe
        Gets notes.
    """

    def __init__(self, request: SyncRequest, observe: Observer) -> None:
        self._request = request
        self._observe = observe
        self._believed: dict[str, SeenList] = {}
        """By tree, how new the lists of this run are: a mirror that is behind must not go on where
        another one has begun."""

    def check(self, tree: SyncTree, plan: GroupPlan, outcome: TreeResult) -> GroupPlan | None:
        """See that a list may be believed.

        Parameters
        ----------
        tree
            The tree.
        plan
            What a transport made of the list.
        outcome
            That of the tree; gets the error of a list that is of no use, and what stays though the
            mirror has an older one.

        Returns
        -------
        GroupPlan or None
            What may be carried out of it; None when it is of no use but harms nothing.

        Raises
        ------
        ListDoubtError
            It looks wrong: the run stops.
        UnsafeTreeError
            Nothing is here where there was something.
        """
        request = self._request
        # What is of no tree says nothing of a mirror, and does not go.
        plan = only_own(tree, plan)
        seen = read_seen_list(request.collection, plan.name, request.selection)
        believed = self._believed.get(plan.name, SeenList(0, {}))
        if believed.newest_s:
            seen = believed if seen is None else seen.newer(believed)
        whole = request.selection.is_all
        try:
            check_list(plan, seen, trust=request.trust_list, whole=whole)
            if not request.trust_list:
                plan, outcome.left = check_lag(tree, plan, seen, whole=whole)
        except ListDoubtError as error:
            says_it_is_all = plan.listing.complete or error.doubt is not ListDoubt.EMPTY
            if says_it_is_all and (plan.local_files or (seen is not None and seen.files)):
                raise
            # Nothing is here and nothing ever was, or nobody says that this is all: the other trees
            # may go on.
            outcome.error = error
            return None
        newest_s = {**believed.newest_s, **plan.listing.ages_s}
        self._believed[plan.name] = SeenList(0, newest_s, plan.listing.source)
        check_still_here(tree, plan, seen, trust=request.trust_list)
        if plan.deleted.files and not plan.listing.complete:
            self._observe(Note(f"{plan.name}: the list is not complete: nothing is deleted"))
            return plan._replace(deletions=(), deleted=type(plan.deleted)())
        return plan
