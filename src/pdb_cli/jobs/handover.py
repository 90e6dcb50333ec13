"""Give a job to a supervisor that waits for one, and hear what it says."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, BinaryIO

from pdb_cli.errors import JobStartError, PdbCliError
from pdb_cli.jobs.cancel_request import leave_request, read_request
from pdb_cli.jobs.ending import failed, never_started
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import utc_now
from pdb_cli.jobs.process import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.jobs.launch import WaitingSupervisor
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.options import Handling
    from pdb_cli.jobs.store import JobStore

_LOCK_WAIT_S = 1.0
_END_PATIENCE_S = 10.0


class Handover:
    """The caller's end of the pipes to a waiting supervisor; close it in any case.

    Parameters
    ----------
    supervisor
        The one that is to get the job; one that is closed without a job ends.
    """

    def __init__(self, supervisor: WaitingSupervisor) -> None:
        self._answer_fd = supervisor.answer_fd
        self._request = os.fdopen(supervisor.request_fd, "wb")

    def close(self) -> None:
        """Close both pipes."""
        _close_quietly(self._request)
        os.close(self._answer_fd)

    def give(self, store: JobStore, job: Job, arguments: Sequence[str], handling: Handling) -> Job:
        """Hand the job over and wait for the supervisor's word.

        Parameters
        ----------
        store
            The jobs directory, absolute: the supervisor works in another directory.
        job
            Its record, already written; from here on it is the supervisor's.
        arguments
            Those of the command, secrets included.
        handling
            What else the supervisor is told.

        Returns
        -------
        Job
            The record as the supervisor wrote it.

        Raises
        ------
        JobStartError
            It did not answer, or could not start the command.
        """
        paths = store.paths(job.id)
        message = {
            "directory": str(paths.directory),
            "command": [*handling.program, *arguments],
            "notify": handling.notify,
            "log_max_bytes": handling.log_max_bytes,
        }
        with contextlib.suppress(BrokenPipeError):
            self._request.write(json.dumps(message).encode("ascii") + b"\n")
        _close_quietly(self._request)
        answer = system().read_answer(self._answer_fd, wait_s=handling.answer_wait_s)
        match answer:
            case "ok":
                return store.read(job.id)
            case None:
                reason = f"its supervisor did not answer within {handling.answer_wait_s:g} s"
                # It may yet wake up: then it finds that it is not wanted any more.
                leave_request(paths.cancel, user=job.user, reason=reason)
            case "":
                reason = "its supervisor died while starting"
                _record_failure(store, job, reason)
            case reason:
                pass
        raise JobStartError(job.id, reason)


def _record_failure(store: JobStore, job: Job, reason: str) -> None:
    """Make sure that a job whose supervisor died while starting has ended, and says so."""
    paths = store.paths(job.id)
    with contextlib.suppress(OSError, PdbCliError), JobLock(paths.lock) as lock:
        if lock.claim(wait_s=_LOCK_WAIT_S) and not store.read(job.id).status.final:
            # It may have started the command, and not have come to record that.
            system().end_unsupervised(
                [], mark=paths.mark, grace_s=job.grace_s, patience_s=_END_PATIENCE_S
            )
            cancel = read_request(paths.cancel)
            now = utc_now()
            store.write(
                failed(job, reason, finished_at=now)
                if cancel is None
                else never_started(job, cancel=cancel, finished_at=now)
            )


def _close_quietly(pipe: BinaryIO) -> None:
    """Close a pipe whose reader may have died; the missing answer tells."""
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
