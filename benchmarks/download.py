"""200 files from a mirror 50 ms away: pdb-cli against ``curl --parallel``.

Run as ``./dev bench download``. The mirror is a local nginx that holds back every answer by 50 ms;
the files are copies of the bundled real entries under ids of their own. Both sides use 16
connections and run in turn; the figures are medians of the ratios of such pairs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.contest import Contest, require_nginx
from support.large_mirror import LargeMirror, make_large_mirror
from support.measured import table
from support.nginx import Nginx

if TYPE_CHECKING:
    from support.measured import Measured

FILES = 200
CONNECTIONS = 16
DELAY_S = 0.05
WALL_LIMIT = 1.5
PEAK_LIMIT_MB = 120.0


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    program = require_nginx()
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        (folder / "nginx").mkdir()
        mirror = make_large_mirror(folder / "mirror", files=FILES, repeats=(1,))
        with Nginx(program, folder / "mirror", folder=folder / "nginx", delay_s=DELAY_S) as nginx:
            contest = Contest(
                folder / "contest", nginx, mirror.root, mirror.paths, connections=CONNECTIONS
            )
            contest.run_curl()  # the first run of each warms up
            contest.run_pdb_cli()
            pairs = [(contest.run_curl(), contest.run_pdb_cli()) for _ in range(rounds)]
            asked = len(nginx.requests())
            contest.run_pdb_cli_again()
            asked_again = len(nginx.requests()) - asked
        return report(mirror, pairs, asked_again)


def report(mirror: LargeMirror, pairs: list[tuple[Measured, Measured]], asked_again: int) -> int:
    """Print what was found; return 1 when a limit does not hold."""
    quickest_s = min(pair[0].wall_s for pair in pairs)
    if quickest_s < DELAY_S * FILES / CONNECTIONS:
        raise SystemExit(f"curl took {quickest_s:.2f} s: the mirror did not delay its answers")
    wall = statistics.median(ours.wall_s / theirs.wall_s for theirs, ours in pairs)
    user = statistics.median(ours.user_s / theirs.user_s for theirs, ours in pairs)
    memory = statistics.median(ours.peak_mb / theirs.peak_mb for theirs, ours in pairs)
    peak_mb = max(ours.peak_mb for _, ours in pairs)
    held = [wall <= WALL_LIMIT, peak_mb <= PEAK_LIMIT_MB, asked_again == 0]
    verdicts = ["holds" if yes else "DOES NOT HOLD" for yes in held]

    def median(side: int, field: str) -> float:
        return float(statistics.median(getattr(pair[side], field) for pair in pairs))

    rows = [
        ("", "curl", "pdb-cli", "ratio", "limit", ""),
        (
            "wall s", f"{median(0, 'wall_s'):.2f}", f"{median(1, 'wall_s'):.2f}",
            f"{wall:.2f}", f"{WALL_LIMIT} x", verdicts[0],
        ),
        (
            "user CPU s", f"{median(0, 'user_s'):.2f}", f"{median(1, 'user_s'):.2f}",
            f"{user:.2f}", "", "",
        ),
        (
            "peak memory MB", f"{median(0, 'peak_mb'):.0f}", f"{median(1, 'peak_mb'):.0f}",
            f"{memory:.2f}", f"{PEAK_LIMIT_MB:.0f} MB", verdicts[1],
        ),
        ("requests of a second run", "", str(asked_again), "", "0", verdicts[2]),
    ]  # fmt: skip
    print(
        f"{FILES} files, {mirror.size_bytes / 1e6:.1f} MB, {CONNECTIONS} connections,"
        f" {DELAY_S * 1000:.0f} ms delay per request,"
        f" medians of {len(pairs)} interleaved pairs:\n"
    )
    print(table(rows))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
