"""Whole files or not: ``pdb-cli validate --level gzip`` against ``gzip -t``.

Run as ``./dev bench validate``. The collection holds real content at real sizes, or is the one that
``--collection DIR`` names, with its ``structures``. Both sides read every file to its end and
compare checksum and length; pdb-cli's start, its scan of the tree and its catalogue are in its
figures. They run in turn, once on one processor and once on two; the figures are medians of the
ratios of such pairs. The files are read once before, so that no disk is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.contest import require
from support.large_mirror import make_large_mirror
from support.measured import clean_environment, measure, succeed, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.measured import Measured

FILES = 4000
ROUNDS = 5
PER_CORE_LIMIT = 3.0
TWO_CORES_LIMIT = 2.5
SCALING_LIMIT = 0.8


@dataclass(frozen=True, slots=True)
class Round:
    """Everybody once."""

    gzip: Measured
    ours: Measured
    two_gzips: Measured
    ours_on_two: Measured


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--collection", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        collection = options.collection
        if collection is None:
            collection = make_large_mirror(folder, files=options.files).root / "data"
        contest = _Contest(folder, collection)
        contest.run_once()  # warms up
        rounds = [contest.run_once() for _ in range(options.rounds)]
        levels = {level: contest.pdb_cli(2, level) for level in ("size", "content", "hash")}
    return report(contest, rounds, levels)


class _Contest:
    """The same files for everybody."""

    def __init__(self, folder: Path, collection: Path) -> None:
        self._folder = folder
        self._errors = folder / "errors"
        self._collection = collection
        paths = sorted((collection / "structures").rglob("*.cif.gz"))
        self.files = len(paths)
        self.size_bytes = sum(path.stat().st_size for path in paths)
        self._list = folder / "list"
        self._list.write_bytes(b"".join(bytes(path) + b"\0" for path in paths))
        self._gzip, self._xargs = require("gzip"), require("xargs")

    def run_once(self) -> Round:
        """Let everybody run in turn."""
        return Round(self.gzip(1), self.pdb_cli(1), self.gzip(2), self.pdb_cli(2))

    def gzip(self, processes: int) -> Measured:
        """Run ``gzip -t`` over all files."""
        return self._measure(
            self._xargs, "-0", "-P", str(processes), "-n", "50", "-a", self._list, self._gzip, "-t"
        )

    def pdb_cli(self, processors: int, level: str = "gzip") -> Measured:
        """Run ``pdb-cli validate`` over all files."""
        program = Path(sys.executable).with_name("pdb-cli")
        return self._measure(
            program, "--pdb-dir", self._collection, "validate", "--type", "structures",
            "--format", "mmcif", "--level", level, "-j", str(processors), "-o", "ids",
        )  # fmt: skip

    def _measure(self, program: str | Path, *arguments: str | Path) -> Measured:
        """Run a program."""
        environment = clean_environment(self._folder, PDB_CLI_JOBS_DIR=str(self._folder / "jobs"))
        run = measure(program, *arguments, env=environment, errors=self._errors)
        return succeed(run, self._errors)


def report(contest: _Contest, rounds: list[Round], levels: dict[str, Measured]) -> int:
    """Print what was found; return 1 when a limit does not hold."""

    def median(ratio: Callable[[Round], float]) -> float:
        return statistics.median(ratio(each) for each in rounds)

    def cpu_s(run: Measured) -> float:
        return run.user_s + run.system_s

    ratios = [
        (
            "per processor: gzip -t, CPU s",
            median(lambda r: cpu_s(r.gzip)), median(lambda r: cpu_s(r.ours)),
            median(lambda r: cpu_s(r.gzip) / cpu_s(r.ours)), PER_CORE_LIMIT,
        ),
        (
            "on one: gzip -t, wall s",
            median(lambda r: r.gzip.wall_s), median(lambda r: r.ours.wall_s),
            median(lambda r: r.gzip.wall_s / r.ours.wall_s), PER_CORE_LIMIT,
        ),
        (
            "on two: xargs -P2 gzip -t, wall s",
            median(lambda r: r.two_gzips.wall_s), median(lambda r: r.ours_on_two.wall_s),
            median(lambda r: r.two_gzips.wall_s / r.ours_on_two.wall_s), TWO_CORES_LIMIT,
        ),
        (
            # That of gzip tells how busy the machine is with other things.
            "scaling: one / two / 2",
            median(lambda r: r.gzip.wall_s / r.two_gzips.wall_s / 2),
            median(lambda r: r.ours.wall_s / r.ours_on_two.wall_s / 2),
            median(lambda r: r.ours.wall_s / r.ours_on_two.wall_s / 2), SCALING_LIMIT,
        ),
    ]  # fmt: skip
    rows = [("", "peer", "pdb-cli", "ratio", "at least", "")]
    rows += [
        (
            title, f"{peer:.2f}", f"{ours:.2f}", f"{ratio:.2f}", f"{limit:g}",
            "holds" if ratio >= limit else "DOES NOT HOLD",
        )
        for title, peer, ours, ratio, limit in ratios
    ]  # fmt: skip
    size_mb = contest.size_bytes / 1e6
    print(f"{contest.files} files, {size_mb:.0f} MB, medians of {len(rounds)} pairs:\n")
    print(table(rows))
    print("\nOther levels on two processors:\n")
    rate = [
        (level, f"{run.wall_s:.2f} s", f"{size_mb / run.wall_s:.0f} MB/s", f"{run.peak_mb:.0f} MB")
        for level, run in levels.items()
    ]
    print(table([("", "wall", "rate", "memory"), *rate]))
    return 0 if all(ratio >= limit for *_, ratio, limit in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
