"""Cancel jobs: leave a request, tell the supervisor, wait for the end it writes."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from pdb_cli.errors import FileAccessError, JobError, JobOutOfReachError, JobStateError
from pdb_cli.jobs.cancel_request import leave_request
from pdb_cli.jobs.ending import cancel_reason
from pdb_cli.jobs.identity import is_alive, this_place
from pdb_cli.jobs.index import update_index
from pdb_cli.jobs.liveness import Doubt, observe
from pdb_cli.jobs.locks import JobLock
from pdb_cli.jobs.model import JobStatus, utc_now
from pdb_cli.jobs.process import system

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pdb_cli.jobs.liveness import Observation
    from pdb_cli.jobs.model import Job, ProcessIdentity
    from pdb_cli.jobs.store import JobStore

_POLL_S = 0.05
_PATIENCE_S = 10.0
_FORCE_PATIENCE_S = 5.0
_DEATH_WAIT_S = 2.0


def cancel_job(
    store: JobStore,
    job_id: str,
    *,
    user: str,
    reason: str | None = None,
    grace_s: float | None = None,
    force: bool = False,
) -> Job:
    """Cancel a job and wait until its whole process tree has ended.

    Cancelling a cancelled job changes nothing.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.
    user
        Who asks, for the record.
    reason
        Why, for the record.
    grace_s
        Seconds between TERM and KILL; None for what the job's record says.
    force
        Kill at once, without TERM and whatever ``grace_s`` says; and where the supervisor, on
        this very host, does not act within five seconds, kill it too and write the end in its
        place.

    Returns
    -------
    Job
        The final record. Its status is ``completed`` or ``failed`` if the command ended by
        itself before the request reached it.

    Raises
    ------
    JobStateError
        The job had already completed or failed, or its supervisor did not act within the grace
        time and ten seconds.
    JobOutOfReachError
        As the last, and it runs on another host or in another container.
    FileAccessError
        The request could not be left in the job's directory, or the end not be written in place
        of a supervisor that is gone.
    UnknownJobError, JobRecordError
        As ``JobStore.read``.
    """
    cancellation = _Cancellation(
        store, job_id, user=user, reason=reason, grace_s=grace_s, force=force
    )
    cancellation.ask()
    return cancellation.wait()


def cancel_jobs(
    store: JobStore,
    job_ids: Iterable[str],
    *,
    user: str,
    reason: str | None = None,
    grace_s: float | None = None,
    force: bool = False,
) -> Iterator[Job | JobError | FileAccessError]:
    """Cancel jobs at the same time: all are asked to end, then waited for one after the other.

    Parameters
    ----------
    store, user, reason, grace_s, force
        As for ``cancel_job``.
    job_ids
        The jobs.

    Yields
    ------
    Job | JobError | FileAccessError
        For each job what ``cancel_job`` would have returned or raised: an error of one is no
        reason to let the others run.
    """
    asked: list[_Cancellation | JobError | FileAccessError] = []
    for job_id in job_ids:
        cancellation = _Cancellation(
            store, job_id, user=user, reason=reason, grace_s=grace_s, force=force
        )
        try:
            cancellation.ask()
        except (JobError, FileAccessError) as error:
            asked.append(error)
        else:
            asked.append(cancellation)
    for item in asked:
        if not isinstance(item, _Cancellation):
            yield item
            continue
        try:
            ended = item.wait()
        except (JobError, FileAccessError) as error:
            yield error
        else:
            yield ended


class _Cancellation:
    """The request for the end of one job, and the wait until it has come to pass."""

    def __init__(
        self,
        store: JobStore,
        job_id: str,
        *,
        user: str,
        reason: str | None,
        grace_s: float | None,
        force: bool,
    ) -> None:
        self._store = store
        self._job_id = job_id
        self._user = user
        self._reason = reason
        self._grace_s = 0.0 if force else grace_s
        self._force = force
        self._asked_s = 0.0
        self._request: dict[str, Any] = {}

    def ask(self) -> None:
        """Leave the request and wake the supervisor."""
        job = observe(self._store, self._job_id).job
        if job.status is JobStatus.CANCELLED:
            return
        if job.status.final:
            raise JobStateError(job.id, str(job.status), "cancel")
        self._request = leave_request(
            self._store.paths(job.id).cancel,
            user=self._user,
            reason=self._reason,
            grace_s=self._grace_s,
        )
        self._asked_s = time.monotonic()
        if job.supervisor is not None and _is_ours(job):
            # The request alone is enough, a second later.
            system().tell_supervisor(job.supervisor)

    def wait(self) -> Job:
        """Wait until the supervisor has written the end; stand in for one that can not."""
        while True:
            seen = observe(self._store, self._job_id)
            waited_s = time.monotonic() - self._asked_s
            if seen.job.status.final:
                return seen.job
            if seen.doubt is Doubt.UNSUPERVISED:
                self._stand_in(seen.job, [], note="its supervisor was gone")
                seen = observe(self._store, self._job_id)
            elif seen.doubt is Doubt.NOT_STARTED:
                self._stand_in(seen.job, [], note="before it was started")
                seen = observe(self._store, self._job_id)
            elif self._force and waited_s > _FORCE_PATIENCE_S and _is_ours(seen.job):
                self._replace_supervisor(seen.job)
                seen = observe(self._store, self._job_id)
            if seen.job.status.final:
                return seen.job
            if waited_s > self._grace_of(seen.job) + _PATIENCE_S:
                raise self._no_answer(seen)
            time.sleep(_POLL_S)

    def _no_answer(self, seen: Observation) -> JobError:
        """Return the error for a request that nobody has acted on."""
        job = seen.job
        if job.host == this_place().host and seen.doubt is not Doubt.UNKNOWN:
            return JobStateError(job.id, f"still {job.status}", "cancel")
        directory = self._store.paths(job.id).directory
        return JobOutOfReachError(job.id, job.host, seen.last_seen_s, directory)

    def _grace_of(self, job: Job) -> float:
        """Return the grace time that counts, in seconds."""
        return job.grace_s if self._grace_s is None else self._grace_s

    def _replace_supervisor(self, job: Job) -> None:
        """Kill a supervisor that does not act, and do its work."""
        if job.supervisor is None:
            return
        # Its tree is asked for first, while it can still be told by its parent.
        tree = system().kill_supervisor(job.supervisor)
        deadline = time.monotonic() + _DEATH_WAIT_S
        while is_alive(job.supervisor) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if not is_alive(job.supervisor):
            self._stand_in(job, tree, note="its supervisor did not act")

    def _stand_in(self, job: Job, tree: Sequence[ProcessIdentity], *, note: str) -> None:
        """End a command whose supervisor is gone, and write the end in its place."""
        paths = self._store.paths(job.id)
        try:
            lock = JobLock(paths.lock)
        except OSError as error:
            raise FileAccessError.wrap("write", paths.lock, error) from error
        with lock:
            # While it is held nobody else writes a verdict; whoever holds it now cancels too.
            if not lock.claim():
                return
            job = self._store.read(job.id)
            # It may have ended, or been started, since it was looked at.
            if job.status.final or is_alive(job.supervisor):
                return
            gone = system().end_unsupervised(
                [*([] if job.child is None else [job.child]), *tree],
                mark=paths.mark,
                grace_s=self._grace_of(job),
                patience_s=_PATIENCE_S,
            )
            if not gone:
                raise JobStateError(self._job_id, f"still {job.status}", "cancel")
            ended = job.with_changes(
                status=JobStatus.CANCELLED,
                finished_at=utc_now(),
                pid=None,
                exit_code=None,
                reason=cancel_reason(self._request, note=note),
            )
            self._store.write(ended)
            with contextlib.suppress(OSError):
                paths.pid.unlink(missing_ok=True)
        update_index(self._store, [ended])


def _is_ours(job: Job) -> bool:
    """Tell whether the supervisor lives and is ours to signal."""
    here = this_place()
    same = (job.host, job.boot_id, job.pid_namespace) == (
        here.host,
        here.boot_id,
        here.pid_namespace,
    )
    return same and is_alive(job.supervisor)
