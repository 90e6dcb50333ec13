"""What it takes to know which files a collection has, as a multiple of ``find``.

Run as ``./dev bench scan``. The tree has 260,000 small files in 1,100 directories, as many as the
structures of the archive. ``find`` prints path, size and time of each; the catalogue of pdb-cli is
filled from nothing, and then brought up to date once more. The figures are the medians of rounds
in which each runs once, so that a busy machine disturbs all alike. All files are in the system's
memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.index.scan import SETTLE_NS
from pdb_cli.storage.collection import Collection
from support.measured import table

if TYPE_CHECKING:
    from collections.abc import Callable

FILES, DIRECTORIES = 260_000, 1_100
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
ROUNDS = 5
OLD_S = 1_600_000_000
# Name of the row, the most it may take, in times of find.
FILL, AGAIN, LIST = "first, filling the catalogue", "again", "again, and every file in it"
LIMITS = {FILL: 4.0, AGAIN: 0.1}


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        root = Path(name) / "pdb"
        make_tree(root, arguments.files)
        # Directories that have just changed are read again in any case.
        time.sleep(SETTLE_NS / 1e9 + 0.5)
        rounds = [measure_round(root) for _ in range(arguments.rounds)]
        database_mb = (root / ".pdb-cli" / "catalogue.sqlite").stat().st_size / 1e6
    find_s = statistics.median(each["find"] for each in rounds)
    rows = [("", "ms", "times find", "limit", ""), ("find", f"{find_s * 1000:.0f}", "1.00", "", "")]
    held = True
    for label in (FILL, AGAIN, LIST):
        wall_s = statistics.median(each[label] for each in rounds)
        ratio = statistics.median(each[label] / each["find"] for each in rounds)
        limit = LIMITS.get(label)
        verdict = "" if limit is None else "holds" if ratio <= limit else "DOES NOT HOLD"
        held = held and verdict != "DOES NOT HOLD"
        shown = "" if limit is None else f"{limit:g}"
        rows.append((label, f"{wall_s * 1000:.0f}", f"{ratio:.2f}", shown, verdict))
    print(f"{arguments.files} files in {DIRECTORIES} directories:\n\n{table(rows)}")
    print(f"\nThe catalogue takes {database_mb:.1f} MB.")
    return 0 if held else 1


def make_tree(root: Path, count: int) -> None:
    """Make so many files, old ones."""
    each = -(-count // DIRECTORIES)
    left = count
    for first, second in islice(product(LETTERS, LETTERS), DIRECTORIES):
        folder = root / "structures" / "divided" / "mmCIF" / (first + second)
        folder.mkdir(parents=True)
        for begin, end in islice(product(LETTERS[:10], LETTERS), min(each, left)):
            descriptor = os.open(
                folder / f"{begin}{first}{second}{end}.cif.gz", os.O_CREAT | os.O_WRONLY
            )
            os.utime(descriptor, (OLD_S, OLD_S))
            os.close(descriptor)
        left -= min(each, left)


def measure_round(root: Path) -> dict[str, float]:
    """Return how long each takes, in seconds."""
    shutil.rmtree(root / ".pdb-cli", ignore_errors=True)
    command = ["find", str(root), "-type", "f", "-printf", "%p %s %T@\\n"]
    return {
        "find": timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)),
        FILL: timed(lambda: refresh(root)),
        AGAIN: timed(lambda: refresh(root)),
        LIST: timed(lambda: refresh(root, lists=True)),
    }


def refresh(root: Path, *, lists: bool = False) -> None:
    """Open the catalogue, bring it up to date, and close it."""
    with open_catalogue(Collection(root)) as catalogue:
        found = catalogue.refresh().files
        if lists and sum(1 for _ in catalogue.files()) != found:
            raise SystemExit("the catalogue does not list all files")


def timed(work: Callable[[], object]) -> float:
    """Return how long something takes, in seconds."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    sys.exit(main())
