"""What background jobs cost: a supervisor at rest, the list of 5,000 jobs, the start of one.

Run as ``./dev bench jobs``. Lists and starts run in turn with ``python -c pass``, and the ratio is
the median of the ratios of such pairs, so that a busy machine disturbs both sides alike. Linux
only: a process at rest is looked at through /proc.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.jobs.cancel import cancel_job
from pdb_cli.jobs.store import JobStore
from support.archive_simulator import ArchiveSimulator
from support.job_load import download_in_background, list_all, write_finished_jobs
from support.jobs import SLEEP, JobStarter
from support.measured import Measured, clean_environment, measure, median_ratio, succeed, table

if TYPE_CHECKING:
    from collections.abc import Callable

FINISHED_JOBS = 5000
MEMORY_LIMIT_MB = 25.0
CPU_LIMIT_PERCENT = 0.5
LIST_LIMIT_S = 0.5
START_LIMIT = 7.0
VERDICTS = {True: "holds", False: "DOES NOT HOLD"}


def supervisor_at_rest(folder: Path, *, seconds: float) -> tuple[float, float]:
    """Return the memory (10**6 bytes) and the CPU share (percent) of an idle supervisor."""
    store = JobStore(folder / "rest")
    start_job = JobStarter(store, folder)
    job = start_job(*SLEEP)
    if job.supervisor is None:
        raise SystemExit("the job has no supervisor")
    pid = job.supervisor.pid
    time.sleep(1)  # it has done all that belongs to the start
    cpu_s, started_s = _cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    share = (_cpu_s(pid) - cpu_s) / (time.monotonic() - started_s)
    memory_mb = _resident_bytes(pid) / 1e6
    cancel_job(store, job.id, user="benchmark")
    start_job.reap()
    return memory_mb, share * 100


def _cpu_s(pid: int) -> float:
    """Return the CPU time a process has used: nanoseconds, where ticks would be too coarse."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in use, what it shares with others included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def lists_and_start(folder: Path, *, rounds: int) -> tuple[list[tuple[str, ...]], bool]:
    """Measure the lists of many jobs, with and without an index, and the start of one."""
    many_jobs, one_job = folder / "many", folder / "one"
    write_finished_jobs(many_jobs, count=FINISHED_JOBS)
    errors, config = folder / "errors", folder / "config.toml"

    def run(*arguments: str | Path, jobs_dir: Path = one_job) -> Measured:
        changes = {"PDB_CLI_JOBS_DIR": str(jobs_dir), "PDB_CLI_CONFIG": str(config)}
        env = clean_environment(folder, **changes)
        return succeed(measure(*arguments, env=env, errors=errors), errors)

    show = partial(list_all, partial(run, jobs_dir=many_jobs), count=FINISHED_JOBS)

    def without_index(*arguments: str) -> Measured:
        (many_jobs / "index.json").unlink()
        return show(*arguments)

    show()  # makes the index
    # What is measured, and the most it may be: seconds, or times a bare start.
    measured: list[tuple[str, Callable[[], Measured], float | None, float | None]] = [
        ("jobs", show, LIST_LIMIT_S, None),
        ("jobs --all", partial(show, "--all"), LIST_LIMIT_S, None),
        ("jobs, no index", without_index, None, None),
        ("jobs --all, no index", partial(without_index, "--all"), None, None),
        ("download --bg", partial(download_in_background, run, folder, one_job), None, START_LIMIT),
    ]
    rows: list[tuple[str, ...]] = []
    held = True
    with ArchiveSimulator.make(folder / "mirror", "3hya") as mirror:
        config.write_text(f'[mirrors.lab]\nhttps = "{mirror.url}"\n')
        for label, command, limit_s, limit in measured:
            bare_ms, command_ms, ratio = median_ratio(
                rounds, partial(run, sys.executable, "-c", "pass"), command
            )
            holds = (limit_s is None or command_ms <= limit_s * 1000) and (
                limit is None or ratio <= limit
            )
            held = held and holds
            words = f"{limit_s * 1000:.0f} ms" if limit_s else f"{limit:.1f} x" if limit else ""
            figures = (f"{bare_ms:.1f}", f"{command_ms:.1f}", f"{ratio:.2f}")
            rows.append((label, *figures, words, VERDICTS[holds] if words else ""))
    return rows, held


def main() -> int:
    """Measure, print the tables, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest-s", type=float, default=20)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        memory_mb, percent = supervisor_at_rest(Path(name), seconds=options.rest_s)
        rows, held = lists_and_start(Path(name), rounds=options.rounds)
    holds = [memory_mb <= MEMORY_LIMIT_MB, percent <= CPU_LIMIT_PERCENT]
    print(f"A supervisor at rest, looked at for {options.rest_s:.0f} s:\n")
    print(
        table(
            [
                ("", "", "limit", ""),
                ("memory MB", f"{memory_mb:.1f}", f"{MEMORY_LIMIT_MB:.0f}", VERDICTS[holds[0]]),
                ("CPU % of a core", f"{percent:.3f}", f"{CPU_LIMIT_PERCENT}", VERDICTS[holds[1]]),
            ]
        )
    )
    print(
        f"\n{FINISHED_JOBS} finished jobs, and one start, against 'python -c pass', medians of"
        f" {options.rounds} interleaved pairs:\n"
    )
    print(table([("", "bare ms", "ms", "ratio", "limit", ""), *rows]))
    load, cores = max(load_before, os.getloadavg()[0]), os.cpu_count() or 1
    if load > cores:
        print(f"\nThe machine was busy (load {load:.1f} on {cores} cores): only ratios mean much.")
    return 0 if held and all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
