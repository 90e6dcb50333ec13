"""How long pdb-cli takes to answer, as a multiple of a bare interpreter's start.

Run as ``./dev bench startup``. Each command runs in turn with ``python -c pass``; the figure is
the median of the ratios of such pairs, so that a busy machine disturbs both sides alike.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.jobs.model import Job, JobStatus, utc_text
from pdb_cli.jobs.store import JobStore
from support.archive_simulator import ArchiveSimulator
from support.measured import Measured, clean_environment, measure, succeed, table
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

FINISHED_JOBS = 1000
PDB_CLI = Path(sys.executable).with_name("pdb-cli")
# Name of the row, most it may be.
LIMITS = {
    "pdb-cli --version": 3.5,
    "pdb-cli --help": 3.5,
    f"pdb-cli jobs, {FINISHED_JOBS} of them": 5.0,
    "pdb-cli download --bg": 7.0,
}


def write_finished_jobs(jobs_dir: Path) -> None:
    """Fill a jobs directory with jobs that ended today, so that the list shows them all."""
    store = JobStore(jobs_dir)
    for number in range(FINISHED_JOBS):
        paths = store.reserve()
        started_s = time.time() - 60 * (number + 1)
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


def median_ratio(
    rounds: int, bare: Callable[[], Measured], command: Callable[[], Measured]
) -> tuple[float, float, float]:
    """Return the medians of the bare start and the command (both ms) and of their ratios."""
    pairs = [(bare().wall_s, command().wall_s) for _ in range(rounds + 1)][1:]  # the first warms up
    return (
        statistics.median(pair[0] for pair in pairs) * 1000,
        statistics.median(pair[1] for pair in pairs) * 1000,
        statistics.median(pair[1] / pair[0] for pair in pairs),
    )


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        many_jobs, one_job = folder / "many", folder / "one"
        write_finished_jobs(many_jobs)
        errors = folder / "errors"
        config = folder / "config.toml"

        def run(*arguments: str | Path, jobs_dir: Path = one_job) -> Measured:
            changes = {"PDB_CLI_JOBS_DIR": str(jobs_dir), "PDB_CLI_CONFIG": str(config)}
            env = clean_environment(folder, **changes)
            return succeed(measure(*arguments, env=env, errors=errors), errors)

        def jobs() -> Measured:
            measured = run(PDB_CLI, "jobs", jobs_dir=many_jobs)
            if measured.output.count(b"job_") < FINISHED_JOBS:
                raise SystemExit("the list of jobs is not complete")
            return measured

        def download_in_background() -> Measured:
            destination = Path(tempfile.mkdtemp(dir=folder))
            measured = run(PDB_CLI, "download", "3hya", "-m", "lab", "-d", destination, "--bg")
            # It goes on in the background: the next measurement starts when it has ended.
            store = JobStore(one_job)
            job_id = store.resolve("last")
            wait_until(lambda: store.read(job_id).status.final, what="the job to end")
            if not (destination / "3hya.cif.gz").exists():
                raise SystemExit(f"the job failed: {store.read(job_id)}")
            return measured

        commands = (
            lambda: run(PDB_CLI, "--version"),
            lambda: run(PDB_CLI, "--help"),
            jobs,
            download_in_background,
        )
        rows = [("", "bare ms", "ms", "ratio", "limit", "")]
        held = True
        with ArchiveSimulator.make(folder / "mirror", "3hya") as mirror:
            config.write_text(f'[mirrors.lab]\nhttps = "{mirror.url}"\n')
            for (label, limit), command in zip(LIMITS.items(), commands, strict=True):
                bare_ms, command_ms, ratio = median_ratio(
                    rounds, lambda: run(sys.executable, "-c", "pass"), command
                )
                verdict = "holds" if ratio <= limit else "DOES NOT HOLD"
                held = held and ratio <= limit
                figures = (f"{bare_ms:.1f}", f"{command_ms:.1f}", f"{ratio:.2f}", f"{limit:.1f}")
                rows.append((label, *figures, verdict))
    print(f"Start-up against 'python -c pass', medians of {rounds} interleaved pairs:\n")
    print(table(rows))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
