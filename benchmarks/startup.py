"""How long pdb-cli takes to answer, as a multiple of a bare interpreter's start.

Run as ``./dev bench startup``. Each command runs in turn with ``python -c pass``; the figure is
the median of the ratios of such pairs, so that a busy machine disturbs both sides alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from support.archive_simulator import ArchiveSimulator
from support.job_load import PDB_CLI, download_in_background, list_all, write_finished_jobs
from support.measured import Measured, clean_environment, measure, median_ratio, succeed, table

FINISHED_JOBS = 1000
# Name of the row, most it may be.
LIMITS = {
    "pdb-cli --version": 3.5,
    "pdb-cli --help": 3.5,
    f"pdb-cli jobs, {FINISHED_JOBS} of them": 5.0,
    "pdb-cli download --bg": 7.0,
}


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        many_jobs, one_job = folder / "many", folder / "one"
        write_finished_jobs(many_jobs, count=FINISHED_JOBS)
        errors = folder / "errors"
        config = folder / "config.toml"

        def run(*arguments: str | Path, jobs_dir: Path = one_job) -> Measured:
            changes = {"PDB_CLI_JOBS_DIR": str(jobs_dir), "PDB_CLI_CONFIG": str(config)}
            env = clean_environment(folder, **changes)
            return succeed(measure(*arguments, env=env, errors=errors), errors)

        commands = (
            lambda: run(PDB_CLI, "--version"),
            lambda: run(PDB_CLI, "--help"),
            lambda: list_all(partial(run, jobs_dir=many_jobs), count=FINISHED_JOBS),
            lambda: download_in_background(run, folder, one_job),
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
