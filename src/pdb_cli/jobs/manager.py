"""Background jobs for Python programs: one object for what the command line can do with them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.errors import FileAccessError, JobRecordError, UnknownJobError
from pdb_cli.jobs.after import parse_after
from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.clean import clean_jobs
from pdb_cli.jobs.identity import user_name
from pdb_cli.jobs.launch import start_supervisor
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.notify import check_target
from pdb_cli.jobs.options import Handling, JobOptions
from pdb_cli.jobs.process import system
from pdb_cli.jobs.restart import find_restartable, remembered_target, restart_job
from pdb_cli.jobs.spawn import command_line, create_job, spawn_background, start_job
from pdb_cli.jobs.store import JobStore
from pdb_cli.jobs.wait import wait_for_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from pdb_cli.jobs.clean import CleanResult
    from pdb_cli.jobs.launch import WaitingSupervisor
    from pdb_cli.jobs.liveness import Observation
    from pdb_cli.jobs.model import Job

DEFAULT_GRACE_S = 10.0


class JobManager:
    """The background jobs below one directory.

    Jobs live on when this object, or the whole process, is gone; any other process, the command
    line included, sees and manages the same ones. Methods take a job's id, a unique prefix of
    one, or ``last``. An instance may be used from several threads.

    Parameters
    ----------
    jobs_dir
        Where the records are; made when the first job is. The command line's is
        ``~/.cache/pdb-cli/jobs`` unless it is told otherwise.
    user
        Who starts and cancels, for the records; None for the owner of this process.
    environ
        The environment jobs get; None for this process's. It is never stored.
    log_max_bytes
        The largest log of a job, in bytes; one that grows larger is begun anew, and the part
        before is kept until the next time.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from datetime import timedelta
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manager = JobManager(pathlib.Path(folder) / "jobs")
    ...     job = manager.spawn_background(["--version"])
    ...     [ended] = manager.wait_for_jobs([job.id], timeout_s=60)
    ...     print(ended.status, ended.exit_code)
    ...     print(len(manager.clean_old_jobs(timedelta(0)).removed))
    completed 0
    1
    """

    def __init__(
        self,
        jobs_dir: Path,
        *,
        user: str | None = None,
        environ: Mapping[str, str] | None = None,
        log_max_bytes: int = 50_000_000,
    ) -> None:
        self._store = JobStore(jobs_dir.absolute())
        self._user = user or user_name()
        self._environ = environ
        self._log_max_bytes = log_max_bytes
        self._supervisors: set[int] = set()

    def spawn_background(
        self,
        args: Sequence[str],
        *,
        cwd: Path | None = None,
        label: str | None = None,
        after: str | None = None,
        notify: str = "",
        grace_s: float = DEFAULT_GRACE_S,
    ) -> Job:
        """Run ``pdb-cli`` with some arguments in the background.

        When this returns, the job runs (or waits for another one) under a supervisor of its own,
        its log exists, and the end of this process can not touch it any more. The arguments are
        not checked here: wrong ones make a job that fails with exit code 2 and says why.

        Parameters
        ----------
        args
            The arguments of ``pdb-cli``, such as ``["download", "4hhb"]``; without ``--bg``.
        cwd
            The directory it runs in; None for the current one.
        label
            A name for people.
        after
            A job that must have completed first, or with ``:any`` behind it, ended somehow.
        notify
            A command or an Apprise URL that is told of the end.
        grace_s
            Seconds between asking it to end and killing it, when it is cancelled.

        Returns
        -------
        Job
            Its record: ``running``, or ``queued`` with ``after``.

        Raises
        ------
        JobStartError
            It could not be started; a ``failed`` record with the reason stays.
        FileAccessError
            The jobs directory can not be written.
        InvalidValueError, UnknownJobError, AmbiguousJobError
            ``after`` names no job.
        JobStateError
            ``after`` has ended so that this one would never start.
        UnsupportedError
            ``notify`` is a URL, and apprise is not installed.
        """
        options = self._options(label=label, after=after, grace_s=grace_s)
        handling = self._handling(notify)
        directory = _directory(cwd)
        return spawn_background(
            self._store,
            lambda _: args,
            supervisor=self._start_supervisor(),
            cwd=directory,
            user=self._user,
            command=command_line(args),
            options=options,
            handling=handling,
        )

    def create_job(
        self,
        args: Sequence[str],
        *,
        cwd: Path | None = None,
        label: str | None = None,
        after: str | None = None,
        grace_s: float = DEFAULT_GRACE_S,
    ) -> Job:
        """Make the record of a job without starting it.

        It is listed as ``queued (not started)`` until ``start_job``, and can be cancelled.

        Parameters
        ----------
        args, cwd, label, after, grace_s
            As for ``spawn_background``.

        Raises
        ------
        FileAccessError
            The jobs directory can not be written.
        InvalidValueError
            ``args`` hold a secret, which no record keeps, or ``after`` is wrong.
        UnknownJobError, AmbiguousJobError
            ``after`` names no job.
        """
        return create_job(
            self._store,
            lambda _: args,
            cwd=_directory(cwd),
            user=self._user,
            command=command_line(args),
            options=self._options(label=label, after=after, grace_s=grace_s),
        )

    def start_job(self, job: str, *, notify: str = "") -> Job:
        """Start a job made by ``create_job``; of several callers one succeeds.

        Parameters
        ----------
        job
            The job.
        notify
            As for ``spawn_background``.

        Raises
        ------
        JobStateError
            It was started already, or cancelled.
        JobStartError, FileAccessError, UnsupportedError
            As ``spawn_background``.
        UnknownJobError, AmbiguousJobError, JobRecordError
            There is no such job, or its record can not be read.
        """
        job_id = self._store.resolve(job)
        handling = self._handling(notify)
        return start_job(
            self._store, job_id, supervisor=self._start_supervisor(), handling=handling
        )

    def restart_job(
        self, job: str, *, notify: str | None = None, grace_s: float = DEFAULT_GRACE_S
    ) -> Job:
        """Start a new job with the arguments, lists, directory and label of one that has ended.

        Parameters
        ----------
        job
            The job that has ended.
        notify
            As for ``spawn_background``; None for whoever was told before, unless by a URL.
        grace_s
            As for ``spawn_background``.

        Raises
        ------
        JobStateError
            It has not ended.
        JobRestartError
            Its arguments held a secret, which no record keeps.
        JobStartError, FileAccessError, UnsupportedError
            As ``spawn_background``.
        UnknownJobError, AmbiguousJobError, JobRecordError
            There is no such job, or its record can not be read.
        """
        found = find_restartable(self._store, self._store.resolve(job))
        target = remembered_target(found) if notify is None else notify
        handling = self._handling(target or "")
        return restart_job(
            self._store,
            found,
            supervisor=self._start_supervisor(),
            user=self._user,
            grace_s=grace_s,
            handling=handling,
        )

    def list_jobs(self, which: JobFilter = JobFilter.RECENT) -> list[Job]:
        """Return the records of jobs, the newest first; lost ones are found out and recorded.

        Records that can not be read are left out.

        Parameters
        ----------
        which
            ``RECENT``: running, queued, and ended in the last 24 hours; ``RUNNING``; ``ALL``.

        Raises
        ------
        FileAccessError
            The jobs directory can not be read.
        """
        self._reap()
        found = []
        for row in list_jobs(self._store, which=which, now_s=time.time()):
            try:
                found.append(observe(self._store, row.id).job)
            except (UnknownJobError, JobRecordError):
                continue  # removed meanwhile, or listed as unreadable
        return found

    def get_job(self, job: str) -> Job:
        """Return the record of a job, after finding out whether it still runs.

        A job that is found to be lost is recorded as ``failed`` with exit code None.

        Parameters
        ----------
        job
            The job.

        Raises
        ------
        UnknownJobError, AmbiguousJobError, JobRecordError
            There is no such job, or its record can not be read.
        """
        return self.observe_job(job).job

    def observe_job(self, job: str) -> Observation:
        """Return a job's record together with what is doubtful about it.

        Parameters
        ----------
        job
            The job.

        Raises
        ------
        UnknownJobError, AmbiguousJobError, JobRecordError
            There is no such job, or its record can not be read.
        """
        self._reap()
        return observe(self._store, self._store.resolve(job))

    def wait_for_jobs(
        self, jobs: Sequence[str], *, timeout_s: float | None = None
    ) -> Iterator[Job]:
        """Yield the final record of each job when it has ended, whoever ended first first.

        Parameters
        ----------
        jobs
            The jobs, running, queued or ended. Whoever wants only the first to end stops there.
        timeout_s
            Seconds to wait for all of them; 0 only looks, None waits for ever.

        Yields
        ------
        Job
            A final record.

        Raises
        ------
        WaitTimeoutError
            Some had not ended in that time; it names them, and they go on.
        UnknownJobError, AmbiguousJobError, JobRecordError
            There is no such job, it was removed meanwhile, or its record can not be read.
        """
        job_ids = [self._store.resolve(job) for job in jobs]
        yield from wait_for_jobs(self._store, job_ids, timeout_s=timeout_s)
        self._reap()

    def cancel_job(
        self,
        job: str,
        *,
        reason: str | None = None,
        grace_s: float | None = None,
        force: bool = False,
    ) -> Job:
        """Cancel a job and wait until its whole process tree has ended.

        Cancelling a cancelled job changes nothing.

        Parameters
        ----------
        job
            The job.
        reason
            Why, for the record.
        grace_s
            Seconds between asking and killing; None for what the job was started with.
        force
            Kill at once, also a supervisor that does not act.

        Returns
        -------
        Job
            The final record: ``cancelled``, or how the command ended by itself just before.

        Raises
        ------
        JobStateError
            It had completed or failed already, or nobody acted on the request (another host).
        FileAccessError
            The request could not be written.
        UnknownJobError, AmbiguousJobError, JobRecordError
            There is no such job, or its record can not be read.
        """
        job_id = self._store.resolve(job)
        try:
            return cancel_job(
                self._store, job_id, user=self._user, reason=reason, grace_s=grace_s, force=force
            )
        finally:
            self._reap()

    def clean_old_jobs(self, older_than: timedelta) -> CleanResult:
        """Remove the records of jobs that ended longer ago; a job that has not is never touched.

        Parameters
        ----------
        older_than
            Time since the end; ``timedelta(0)`` removes all that have ended.

        Raises
        ------
        FileAccessError
            The directory can not be read, or a record can not be removed.
        """
        self._reap()
        return clean_jobs(self._store, older_than_s=older_than.total_seconds(), now_s=time.time())

    def _options(self, *, label: str | None, after: str | None, grace_s: float) -> JobOptions:
        """Understand what a job is told."""
        waits_for = None if after is None else str(parse_after(after, self._store))
        return JobOptions(grace_s=grace_s, label=label, after=waits_for)

    def _handling(self, notify: str) -> Handling:
        """Check what a supervisor is told, before one is started."""
        if notify:
            check_target(notify)
        return Handling(notify=notify, log_max_bytes=self._log_max_bytes)

    def _start_supervisor(self) -> WaitingSupervisor:
        """Start a supervisor; this process may live long, so dead ones are collected."""
        self._reap()
        environ = self._environ
        if environ is None:
            environ = os.environ  # noqa: TID251 - a job inherits its starter's environment
        supervisor = start_supervisor(environ)
        self._supervisors.add(supervisor.pid)
        return supervisor

    def _reap(self) -> None:
        """Collect supervisors of ours that have ended, so that they are not left as zombies."""
        self._supervisors -= {pid for pid in list(self._supervisors) if system().collect(pid)}


def _directory(cwd: Path | None) -> str:
    """Return the directory a job runs in."""
    try:
        return str(cwd.absolute()) if cwd is not None else os.getcwd()  # noqa: PTH109 - a text
    except OSError as error:  # it was removed
        raise FileAccessError.wrap("use", Path(), error) from error
