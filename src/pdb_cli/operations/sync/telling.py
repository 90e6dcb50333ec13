"""Events for the files of a run of ``sync``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.events import FileFailed, FilePresent, FilePublished, MoreFilesFailed
from pdb_cli.operations.sync.model import SettledStatus

if TYPE_CHECKING:
    from pdb_cli.events import Observer
    from pdb_cli.operations.sync.model import FileSettled
    from pdb_cli.operations.sync.result import TreeResult


def tell_settled(settled: FileSettled, observe: Observer) -> None:
    """Report one file that is here; what failed may yet come.

    Parameters
    ----------
    settled
        The file.
    observe
        Gets at most one event.
    """
    match settled.status:
        case SettledStatus.TRANSFERRED:
            observe(FilePublished(settled.path, settled.size_bytes))
        case SettledStatus.UNCHANGED:
            observe(FilePresent(settled.path))
        case SettledStatus.VANISHED | SettledStatus.FAILED:
            pass


def tell_failures(outcome: TreeResult, observe: Observer) -> None:
    """Report the files of a tree that did not come in the end.

    Parameters
    ----------
    outcome
        That of the tree.
    observe
        Gets an event for each whose name is kept, and one for all others.
    """
    for path, reason in outcome.failed.items():
        observe(FileFailed(path, reason))
    if (more := outcome.failed_files - len(outcome.failed)) > 0:
        observe(MoreFilesFailed(more))
