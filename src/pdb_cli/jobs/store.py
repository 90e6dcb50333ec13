"""The jobs directory: reserve, read, write, find and list records.

``meta.json`` of each job is the truth. Writers follow one rule: one writer at a time (the starter
until the supervisor runs, then the supervisor, later only who holds the job's lock).
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from pdb_cli.errors import AmbiguousJobError, FileAccessError, JobRecordError, UnknownJobError
from pdb_cli.jobs.model import ID_PATTERN, Job, decode, encode
from pdb_cli.jobs.paths import JobPaths
from pdb_cli.jobs.regular_file import read_regular
from pdb_cli.storage.atomic import sync_directory, sync_file, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_ACTION = "create jobs in"
"""The action of the errors of ``JobStore.reserve``."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_RESERVE_TRIES = 100
_WRITE_POLL_S = 0.2
_TRANSIT_S = 60.0


class JobStore:
    """The records below one jobs directory.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = JobStore(pathlib.Path(folder) / "jobs")
    ...     paths = store.reserve()
    ...     paths.directory.is_dir(), store.job_ids() == [paths.job_id]
    (True, True)
    """

    def __init__(self, jobs_dir: Path) -> None:
        self.jobs_dir = jobs_dir

    def paths(self, job_id: str) -> JobPaths:
        """Return the paths of a job.

        Raises
        ------
        UnknownJobError
            The text is not a job id; no path is built from it.
        """
        if not ID_PATTERN.fullmatch(job_id):
            raise UnknownJobError(job_id)
        return JobPaths(self.jobs_dir, job_id)

    def reserve(self) -> JobPaths:
        """Make a new job directory, mode 0700; two callers can never get the same one.

        Raises
        ------
        FileAccessError
            The jobs directory can not be made or written.
        """
        try:
            self.jobs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for _ in range(_RESERVE_TRIES):
                job_id = "job_" + "".join(_ALPHABET[byte % 36] for byte in os.urandom(6))
                paths = JobPaths(self.jobs_dir, job_id)
                try:
                    paths.directory.mkdir(mode=0o700)
                except FileExistsError:
                    continue
                return paths
        except OSError as error:
            raise FileAccessError.wrap(RESERVE_ACTION, self.jobs_dir, error) from error
        raise FileAccessError(RESERVE_ACTION, self.jobs_dir, "no free job id found")

    def read(self, job_id: str) -> Job:
        """Read the record of a job.

        Raises
        ------
        UnknownJobError
            There is no such job.
        JobRecordError
            The record is missing, torn, no regular file, or of a newer version.
        """
        paths = self.paths(job_id)
        try:
            data = read_regular(paths.meta)
        except FileNotFoundError:
            if paths.directory.is_dir():
                raise JobRecordError(job_id, "meta.json is missing") from None
            raise UnknownJobError(job_id) from None
        except OSError as error:
            raise JobRecordError(job_id, f"meta.json: {error.strerror}") from error
        return decode(data, job_id=job_id)

    def write(self, job: Job, *, durable: bool = True) -> None:
        """Replace the record of a job: readers see the old one or the new one, whole.

        Parameters
        ----------
        job
            The record.
        durable
            Whether to wait until it is on the disk (state changes do).

        Raises
        ------
        FileAccessError
            It could not be written; the old record is still there.
        """
        write_atomic(self.paths(job.id).meta, encode(job), mode=0o600, durable=durable)

    def make_durable(self, job_id: str) -> None:
        """Wait until the record of a job, as it is now, is on the disk; it may be gone."""
        with suppress(OSError):
            sync_file(self.paths(job_id).meta)
            sync_directory(self.paths(job_id).directory)

    def write_patiently(self, job: Job, *, patience_s: float) -> None:
        """Replace the record of a job, trying again while the disk refuses.

        Parameters
        ----------
        job
            The record.
        patience_s
            How long to go on trying, in seconds.

        Raises
        ------
        UnknownJobError
            The job's directory is gone, so there is nothing to record.
        FileAccessError
            It could not be written in all that time; the old record is still there.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self.write(job)
            except FileAccessError:
                if not self.paths(job.id).directory.is_dir():
                    raise UnknownJobError(job.id) from None
                if time.monotonic() >= deadline:
                    raise
            else:
                return
            time.sleep(_WRITE_POLL_S)

    def in_transit(self, job_id: str) -> bool:
        """Tell whether a directory without a record is just being made or removed."""
        made_s = self._changed_s(job_id)
        return made_s is not None and abs(time.time() - made_s) < _TRANSIT_S

    def never_started(self, job_id: str, *, before_s: float) -> bool:
        """Tell whether a directory was reserved long ago and never became a job.

        It has neither a record nor a lock: its starter died before any supervisor had it.

        Parameters
        ----------
        job_id
            The job.
        before_s
            Only if nothing was put into it since, POSIX seconds.
        """
        made_s = self._changed_s(job_id)
        return (
            made_s is not None
            and made_s <= before_s
            and not self.in_transit(job_id)
            and not self.paths(job_id).lock.exists()
        )

    def _changed_s(self, job_id: str) -> float | None:
        """Return when something was last put into a directory that holds no record."""
        paths = self.paths(job_id)
        try:
            paths.meta.lstat()
        except FileNotFoundError:
            with suppress(OSError):
                return paths.directory.stat().st_mtime
        except OSError:
            pass
        return None

    def job_ids(self) -> list[str]:
        """Return the ids of all job directories, in no order; links are not followed.

        A jobs directory that does not exist holds none.

        Raises
        ------
        FileAccessError
            The jobs directory can not be read.
        """
        try:
            with os.scandir(self.jobs_dir) as entries:
                return [
                    entry.name
                    for entry in entries
                    if ID_PATTERN.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
                ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileAccessError.wrap("read", self.jobs_dir, error) from error

    def resolve(self, reference: str) -> str:
        """Return the one job id meant by an id, a unique prefix of one, or ``last``.

        Parameters
        ----------
        reference
            What the user typed; ``job_`` may be left out.

        Raises
        ------
        UnknownJobError
            No job fits.
        AmbiguousJobError
            More than one job fits.
        FileAccessError
            The jobs directory can not be read.
        """
        ids = self.job_ids()
        if reference in ids:
            return reference
        if reference == "last":
            return self._last(ids)
        matches = sorted(
            job_id
            for job_id in ids
            if reference and (job_id.startswith((reference, f"job_{reference}")))
        )
        if not matches:
            raise UnknownJobError(reference)
        if len(matches) > 1:
            raise AmbiguousJobError(reference, tuple(matches))
        return matches[0]

    def _last(self, ids: list[str]) -> str:
        """Return the job that was asked for last."""
        from pdb_cli.jobs.index import repair_index  # noqa: PLC0415 - it needs this module

        index = repair_index(self, ids)
        if not index:
            raise UnknownJobError("last")
        newest = max(entry["started_at"] for entry in index.values())
        last = [job_id for job_id, entry in index.items() if entry["started_at"] == newest]
        return max(last, key=lambda job_id: (self._made_s(job_id), job_id))

    def _made_s(self, job_id: str) -> float:
        """Return when a job's link was made: tells two jobs of the same second apart."""
        try:
            return self.paths(job_id).log_link.lstat().st_ctime
        except OSError:
            return 0.0
