"""4,000 files from a real rsync daemon: ``pdb-cli sync`` against the rsync program alone.

Run as ``./dev bench rsync``. Both bring the same mirror's structures, in turn, into an empty
directory and onto the disk (``sync -f`` follows rsync, pdb-cli waits by itself); then pdb-cli runs
again with nothing to do. Last, a daemon that gives each connection 5 MB/s: one plain rsync against
``pdb-cli sync --parallel 4``. The figures are medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.contest import require
from support.large_mirror import LargeMirror, make_large_mirror
from support.measured import Measured, clean_environment, measure, succeed, table
from support.rsync_daemon import RsyncDaemon

if TYPE_CHECKING:
    from collections.abc import Sequence

FILES, QUICK_FILES = 4000, 800
ROUNDS, QUICK_ROUNDS = 5, 2
WALL_FACTOR, WALL_EXTRA_S = 1.15, 0.5
LIMITED_FILES = 600
LIMIT_KIB_S = 4883
"""5 MB/s."""
PARALLEL = 4
SPEED_UP_LIMIT = 3.0
TREE = "data/structures/divided/mmCIF"


class Sides:
    """Plain rsync and pdb-cli, with one daemon.

    Parameters
    ----------
    folder
        For settings and what is brought.
    daemon
        It runs.
    """

    def __init__(self, folder: Path, daemon: RsyncDaemon) -> None:
        self._folder = folder
        self._daemon = daemon
        self._errors = folder / "errors"
        self.plain = folder / "plain"
        self.collection = folder / "collection"
        self._config = folder / "config.toml"
        self._config.write_text(f'[mirrors.lab]\nrsync = "{daemon.url}"\n')

    def run_plain(self) -> Measured:
        """Run what the archive recommends, into an empty directory."""
        shutil.rmtree(self.plain, ignore_errors=True)
        self.plain.mkdir()
        url = f"{self._daemon.url}/{TREE}/"
        script = '"$1" -rlpt --delete "$2" "$3" && sync -f "$3"'
        return self._measure(
            require("sh"), "-c", script, "sh", require("rsync"), url, f"{self.plain}/"
        )

    def run_pdb_cli(self, *options: str) -> Measured:
        """Sync into an empty collection, and see that it is what plain rsync brings."""
        shutil.rmtree(self.collection, ignore_errors=True)
        # A collection that is remembered and empty is taken for a disk that is not mounted.
        shutil.rmtree(self._folder / ".cache", ignore_errors=True)
        self.collection.mkdir()
        measured = self.run_pdb_cli_again(*options)
        ours, theirs = (seen(root) for root in (self.collection / TREE[5:], self.plain))
        if ours != theirs:
            raise SystemExit("what pdb-cli brought differs from what rsync brought")
        return measured

    def run_pdb_cli_again(self, *options: str) -> Measured:
        """Sync into the collection as it is."""
        return self._measure(
            Path(sys.executable).with_name("pdb-cli"), "--pdb-dir", self.collection,
            "sync", "structures", "--mirror", "lab", "--transport", "rsync", "--delete", *options,
        )  # fmt: skip

    def _measure(self, program: str | Path, *arguments: str | Path) -> Measured:
        """Run one side."""
        changes = {
            "PDB_CLI_CONFIG": str(self._config),
            "PDB_CLI_JOBS_DIR": str(self._folder / "jobs"),
        }
        env = clean_environment(self._folder, **changes)
        return succeed(measure(program, *arguments, env=env, errors=self._errors), self._errors)


def seen(root: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of all files, and the times of directories below the root."""
    found = {}
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            status = os.lstat(f"{folder}/{name}")
            size = status.st_size if name in files else 0
            found[os.path.relpath(f"{folder}/{name}", root)] = (size, status.st_mtime_ns)
    return found


def main() -> int:
    """Measure, print the tables, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer files and rounds")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    program = require("rsync")
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        mirror = make_large_mirror(folder / "mirror", files=QUICK_FILES if options.quick else FILES)
        age(mirror.root)
        (folder / "daemon").mkdir()
        with RsyncDaemon(program, mirror.root, folder=folder / "daemon") as daemon:
            sides = Sides(folder, daemon)
            sides.run_plain()  # the first run of each warms up
            sides.run_pdb_cli()
            pairs = [(sides.run_plain(), sides.run_pdb_cli()) for _ in range(rounds)]
            again = [sides.run_pdb_cli_again() for _ in range(rounds)]
        held = report(mirror, pairs, again)
        return 0 if run_limited(folder / "limited", program, rounds) and held else 1


def run_limited(folder: Path, program: str, rounds: int) -> bool:
    """Measure with a daemon that limits each connection; tell whether the limit holds."""
    mirror = make_large_mirror(folder / "mirror", files=LIMITED_FILES)
    age(mirror.root)
    (folder / "daemon").mkdir()
    with RsyncDaemon(
        program, mirror.root, folder=folder / "daemon", limit_kib_s=LIMIT_KIB_S
    ) as daemon:
        sides = Sides(folder, daemon)
        pairs = [
            (sides.run_plain(), sides.run_pdb_cli("--parallel", str(PARALLEL)))
            for _ in range(min(rounds, 3))
        ]
    speed_up = statistics.median(plain.wall_s / ours.wall_s for plain, ours in pairs)
    holds = speed_up >= SPEED_UP_LIMIT
    print(f"\n{mirror.size_bytes / 1e6:.0f} MB, each connection limited to 5 MB/s\n")
    verdict = "holds" if holds else "DOES NOT HOLD"
    print(
        table([
            ("", "rsync", f"--parallel {PARALLEL}", "times faster", "limit", ""),
            (
                "wall s",
                f"{statistics.median(plain.wall_s for plain, _ in pairs):.2f}",
                f"{statistics.median(ours.wall_s for _, ours in pairs):.2f}",
                f"{speed_up:.2f}", f"{SPEED_UP_LIMIT}", verdict,
            ),
        ])
    )  # fmt: skip
    return holds


def age(root: Path) -> None:
    """Give everything a time of long ago: rsync takes times within a second for equal."""
    for number, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, (1_600_000_000 + number, 1_600_000_000 + number))


def report(
    mirror: LargeMirror, pairs: Sequence[tuple[Measured, Measured]], again: Sequence[Measured]
) -> bool:
    """Print what was found; tell whether the limit holds."""
    over_s = statistics.median(ours.wall_s - WALL_FACTOR * plain.wall_s for plain, ours in pairs)
    holds = over_s <= WALL_EXTRA_S
    rows = [("", "rsync", "pdb-cli", "limit", "")]
    for name in ("wall_s", "user_s", "system_s", "peak_mb"):
        theirs, ours = (
            statistics.median(getattr(pair[side], name) for pair in pairs) for side in (0, 1)
        )
        limit = verdict = ""
        if name == "wall_s":
            limit = f"{WALL_FACTOR} x + {WALL_EXTRA_S} s"
            verdict = f"holds ({over_s:+.2f} s)" if holds else f"DOES NOT HOLD ({over_s:+.2f} s)"
        unit, _, dimension = name.partition("_")
        rows.append((f"{unit} {dimension}", f"{theirs:.2f}", f"{ours:.2f}", limit, verdict))
    nothing_s = statistics.median(run.wall_s for run in again)
    rows.append(("wall s, nothing to do", "", f"{nothing_s:.2f}", "", ""))
    print(f"{len(mirror.paths)} files, {mirror.size_bytes / 1e6:.0f} MB,"
          f" medians of {len(pairs)} interleaved pairs\n")  # fmt: skip
    print(table(rows))
    return holds


if __name__ == "__main__":
    sys.exit(main())
