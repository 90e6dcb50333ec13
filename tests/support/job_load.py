"""What benchmarks of jobs measure: many finished jobs, and a download in the background."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.jobs.model import Job, JobStatus, utc_text
from pdb_cli.jobs.store import JobStore
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.measured import Measured

PDB_CLI = Path(sys.executable).with_name("pdb-cli")


def write_finished_jobs(jobs_dir: Path, *, count: int) -> None:
    """Fill a jobs directory with jobs that ended within a day, so that the list shows them all."""
    store = JobStore(jobs_dir)
    now_s = time.time()
    for number in range(count):
        paths = store.reserve()
        started_s = now_s - 10 * (number + 10)
        store.write(
            Job(
                id=paths.job_id,
                command=f"download -l list-{number}.txt",
                argv=("download", "-l", f"list-{number}.txt"),
                cwd="/",
                status=JobStatus.FAILED if number % 10 == 0 else JobStatus.COMPLETED,
                started_at=utc_text(started_s),
                finished_at=utc_text(started_s + 42),
                exit_code=int(number % 10 == 0),
            ),
            durable=False,
        )


def list_all(run: Callable[..., Measured], *arguments: str, count: int) -> Measured:
    """Run ``pdb-cli jobs`` and make sure that it shows every job."""
    measured = run(PDB_CLI, "jobs", *arguments)
    if measured.output.count(b"job_") < count:
        raise SystemExit("the list of jobs is not complete")
    return measured


def download_in_background(run: Callable[..., Measured], folder: Path, jobs_dir: Path) -> Measured:
    """Start a download of one entry from the mirror ``lab``, and wait until it has ended."""
    destination = Path(tempfile.mkdtemp(dir=folder))
    measured = run(PDB_CLI, "download", "3hya", "-m", "lab", "-d", destination, "--bg")
    # It goes on in the background: the next measurement starts when it has ended.
    store = JobStore(jobs_dir)
    job_id = store.resolve("last")
    wait_until(lambda: store.read(job_id).status.final, what="the job to end")
    if not (destination / "3hya.cif.gz").exists():
        raise SystemExit(f"the job failed: {store.read(job_id)}")
    return measured
