"""Hold a collection while a command changes it as a whole."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pdb_cli.cli.registry import PROGRAM
from pdb_cli.config.paths import cache_dir
from pdb_cli.errors import PdbCliError
from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.model import utc_now
from pdb_cli.jobs.spawn import command_line
from pdb_cli.storage.collection_lock import CollectionLock, Holder, check_not_held
from pdb_cli.storage.known_roots import KnownRoots

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.cli.session import Session
    from pdb_cli.events import Observer


def hold(session: Session, root: Path, *, wait: bool, observe: Observer) -> CollectionLock:
    """Take a collection for this run.

    Parameters
    ----------
    session
        This run.
    root
        The collection's.
    wait
        Whether to wait for somebody else.
    observe
        Gets one ``Note`` when there is somebody to wait for.

    Returns
    -------
    CollectionLock
        A context manager that lets it go.

    Raises
    ------
    CollectionBusyError
        Somebody else has it.
    FileAccessError
        The collection can not be written.
    """
    job_dir = session.job_dir()
    holder = Holder(
        host=this_place().host,
        pid=os.getpid(),
        command=typed_command(session),
        job=None if job_dir is None else job_dir.name,
        started_at=utc_now(),
    )
    return CollectionLock.acquire(root, holder, wait=wait, observe=observe)


def known_roots(session: Session) -> KnownRoots:
    """Return the notes about where collections have been.

    Parameters
    ----------
    session
        This run.
    """
    return KnownRoots(cache_dir(session.environ) / "collections", this_place().host)


def typed_command(session: Session) -> str:
    """Return the command of this run as the user typed it, without secrets.

    Parameters
    ----------
    session
        This run; that of a job has other arguments than those it was started with.
    """
    if (job_dir := session.job_dir()) is not None:
        from pdb_cli.jobs.store import JobStore  # noqa: PLC0415 - only in a job

        # Without its record, what this process was started with says enough.
        with suppress(PdbCliError):
            return f"{PROGRAM} {JobStore(job_dir.parent).read(job_dir.name).command}"
    return f"{PROGRAM} {command_line(session.argv)}"


def check_free(root: Path) -> None:
    """See that nobody has a collection, before a job is started that would need it.

    Parameters
    ----------
    root
        The collection's.

    Raises
    ------
    CollectionBusyError
        Somebody has it.
    """
    check_not_held(root, host=this_place().host)
