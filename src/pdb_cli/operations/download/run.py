"""Download entries: plan what is missing, fetch it verified, report each file.

What was not found is explained when all else has been tried.

``run_download`` carries out what ``plan_download`` says. Both are generators, and hold what they
need for some files at a time, however many are wanted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pdb_cli.events import PhaseBegan, PlanMade, ignore_event
from pdb_cli.operations.download.lists import find_assemblies
from pdb_cli.operations.download.memory import DownloadMemory
from pdb_cli.operations.download.model import (
    Action,
    DownloadResult,
    FileOutcome,
    Outcome,
    PlannedFile,
)
from pdb_cli.operations.download.plan import look_at_files, plan_download
from pdb_cli.operations.download.rounds import DownloadRounds
from pdb_cli.transfer.verify import Digest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.download.request import DownloadRequest
    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.retry import RetryPolicy

__all__ = [
    "Action",
    "DownloadResult",
    "FileOutcome",
    "Outcome",
    "PlannedFile",
    "plan_download",
    "run_download",
]


def run_download(
    request: DownloadRequest,
    *,
    options: HttpOptions,
    retry: RetryPolicy,
    digest: Digest = Digest.NONE,
    catalogue: Catalogue | None = None,
    observe: Observer = ignore_event,
) -> Generator[FileOutcome, None, None]:
    """Plan and fetch; each file is whole, verified and in its place before its outcome comes out.

    Closing the generator (or an exception in its consumer) stops the transfers and leaves no
    partial file under a final name.

    Parameters
    ----------
    request
        What is wanted.
    options
        Connections, time limits, certificates.
    retry
        How often and how soon to try again.
    digest
        Whether to compute the SHA-256 also of files that are there already.
    catalogue
        Of the collection that files go to: tells what was verified before, and is told what is
        verified now. None where files go elsewhere.
    observe
        Gets an event for everything that happens.

    Yields
    ------
    FileOutcome
        One per wanted file, in the order they were settled.

    Raises
    ------
    UnsupportedError
        The archive has no such combination of type and format.
    FileAccessError
        Nothing more can be written (disk full, read-only); files already there stay.
    TransferError, HoldingsError
        Every assembly is wanted, and the list of them can not be had.
    """
    request = find_assemblies(request, options=options, retry=retry, observe=observe)
    # Files are looked for while others are fetched: there is no phase of planning alone.
    observe(PlanMade(request.files_total, len(request.entries)))
    observe(PhaseBegan("downloading"))
    memory = DownloadMemory(catalogue, request.destination)
    look = partial(look_at_files, digest=digest, memory=memory)
    rounds = DownloadRounds(request, options=options, retry=retry, observe=observe, memory=memory)
    try:
        yield from rounds.fetch(look(request))
        if substitutes := rounds.fall_back():
            yield from rounds.fetch(look(substitutes[0]), substitutes[1])
        yield from rounds.explain()
        for successors, instead in rounds.follow():
            yield from rounds.fetch(look(successors), instead)
            if substitutes := rounds.fall_back(instead):
                yield from rounds.fetch(look(substitutes[0]), substitutes[1])
    finally:
        memory.flush()
