"""Every path of the jobs directory and of one job, in one place."""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
import os
from pathlib import Path
from typing import NamedTuple

from pdb_cli.jobs.process import JOB_DIR_VARIABLE


class JobPaths(NamedTuple):
    """The paths of one job."""

    jobs_dir: Path
    job_id: str

    @property
    def directory(self) -> Path:
        """The job's own directory."""
        return self.jobs_dir / self.job_id

    @property
    def mark(self) -> tuple[str, str]:
        """The environment variable that all processes of the job are started with."""
        # However the directory is spelled, by way of which links, it is the same job's.
        return JOB_DIR_VARIABLE, os.path.realpath(self.directory)

    @property
    def meta(self) -> Path:
        """The record: the truth about the job."""
        return self.directory / "meta.json"

    @property
    def stdout(self) -> Path:
        """Data the command printed."""
        return self.directory / "stdout.log"

    @property
    def stderr(self) -> Path:
        """Messages the command printed: the log."""
        return self.directory / "stderr.log"

    @property
    def supervisor_log(self) -> Path:
        """The supervisor's own trouble; normally empty."""
        return self.directory / "supervisor.log"

    @property
    def pid(self) -> Path:
        """The supervisor's pid while it runs; informational."""
        return self.directory / "pid"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.directory / "lock"

    @property
    def cancel(self) -> Path:
        """A request to cancel the job."""
        return self.directory / "cancel.json"

    @property
    def progress(self) -> Path:
        """The latest progress snapshot."""
        return self.directory / "progress.json"

    @property
    def log_link(self) -> Path:
        """``job_xxxxxx.log`` beside the directory, a link to the log."""
        return self.jobs_dir / f"{self.job_id}.log"
