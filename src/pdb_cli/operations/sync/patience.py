"""How often a run of ``sync`` asks again, and how long it waits before that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import (
    DeleteLimitError,
    ListDoubtError,
    NobodyListensError,
    NoSpaceError,
    RsyncRefusedError,
    UnsupportedError,
)
from pdb_cli.events import AttemptFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.errors import PdbCliError
    from pdb_cli.events import Observer
    from pdb_cli.operations.sync.model import SyncRequest, SyncTransport, SyncTree
    from pdb_cli.operations.sync.result import SyncResult

_LONGEST_DELAY_S: Final = 30.0
_TRIES_IF_REFUSED: Final = 2
"""After the first, where nothing listens: a daemon that is started anew is back by then."""


class Patience:
    """The patience of one run.

    Parameters
    ----------
    request
        Says how often, and how late if the user cares.
    result
        Retries are counted there; it knows why trees failed.
    observe
        Gets ``AttemptFailed`` before each wait.
    """

    def __init__(self, request: SyncRequest, result: SyncResult, observe: Observer) -> None:
        self._request = request
        self._result = result
        self._observe = observe

    def is_left(self, tries: int, *, refused: bool) -> bool:
        """Tell whether one more try is worth it; who says how long to wait means it.

        Parameters
        ----------
        tries
            How many there were, after the first.
        refused
            Whether nothing listens there.
        """
        retries = self._request.retries
        patient = not refused or self._request.retry_delay_s is not None
        return tries < (retries if patient else min(retries, _TRIES_IF_REFUSED))

    def are_refused(self, trees: Sequence[SyncTree]) -> bool:
        """Tell whether nothing listens where trees were asked for last.

        Parameters
        ----------
        trees
            All of them.
        """
        kinds = RsyncRefusedError, NobodyListensError
        return all(isinstance(self._error_of(tree), kinds) for tree in trees)

    def wait(self, attempt: int, what: str, trees: Sequence[SyncTree]) -> None:
        """Wait before another try.

        Parameters
        ----------
        attempt
            Its number, from 1.
        what
            Who is asked, for people.
        trees
            What for.
        """
        delay_s = self._request.retry_delay_s
        if delay_s is None:
            delay_s = min(_LONGEST_DELAY_S, 2.0 ** (attempt - 1))
        self._result.retries += 1
        error = self._error_of(trees[0]) if trees else None
        reason = reason_in_short(error) if error is not None else "no answer"
        names = ", ".join(tree.name for tree in trees)
        self._observe(AttemptFailed(names or "sync", reason, delay_s, what, holds_up=attempt == 1))
        time.sleep(delay_s)

    def _error_of(self, tree: SyncTree) -> PdbCliError | None:
        """Return why a tree failed last."""
        return self._result.trees[tree.name].error


def way_of(transport: SyncTransport) -> str:
    """Return how a mirror is asked, in a few words.

    Parameters
    ----------
    transport
        The way.
    """
    return f"{transport.mirror.name} by {transport.name}"


def reason_in_short(error: PdbCliError) -> str:
    """Return why something failed, in a few words.

    Parameters
    ----------
    error
        What was raised.
    """
    if isinstance(error, ListDoubtError):
        return f"its list is not believed ({error.doubt})"
    if isinstance(error, DeleteLimitError):
        return f"{error.deletions} files would be deleted"
    if isinstance(error, NoSpaceError):
        return f"there is no room in {error.path}"
    return str(getattr(error, "reason", type(error).__name__))


def more_telling(before: PdbCliError | None, error: PdbCliError | None) -> PdbCliError | None:
    """Return which of two reasons a user should read.

    Parameters
    ----------
    before
        Why the ways that were tried before have failed.
    error
        Why the last one has. That it can not list such files at all is no news where one that can
        was in trouble.
    """
    if error is None or (before is not None and isinstance(error, UnsupportedError)):
        return before
    return error
