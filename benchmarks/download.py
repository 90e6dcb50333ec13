"""200 files from a mirror 50 ms away: pdb-cli against ``curl --parallel``.

Run as ``./dev bench download``. The mirror is a local nginx that holds back every answer by 50 ms;
the files are copies of the bundled real entries under ids of their own. Both sides use 16
connections and run in turn; the figures are medians of the ratios of such pairs.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.archive_tree import ArchiveTree
from support.measured import Measured, clean_environment, measure, succeed, table
from support.nginx import Nginx, echo_module
from support.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = 200
CONNECTIONS = 16
DELAY_S = 0.05
WALL_LIMIT = 1.5
PEAK_LIMIT_MB = 120.0
SOURCES = ("3hya", "1kqe", "1dsr", "1c58", "1o3q", "1dul")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Files:
    """What is downloaded."""

    tree: ArchiveTree
    paths: dict[str, Path]
    """Id to the file in the mirror."""
    size_bytes: int

    @classmethod
    def make(cls, folder: Path) -> Files:
        """Fill a mirror with copies of real entries."""
        ids = [f"9{DIGITS[n // 36]}{DIGITS[n % 36]}x" for n in range(FILES)]
        tree = ArchiveTree(folder)
        tree.publish(copies={name: SOURCES[n % len(SOURCES)] for n, name in enumerate(ids)})
        paths = {str(file.entry): path for file, path in tree.files().items()}
        return cls(tree, paths, sum(path.stat().st_size for path in paths.values()))

    def check(self, destination: Path) -> None:
        """Make sure that every file has arrived as the mirror has it, and nothing else."""
        wanted = {path.name: path.read_bytes() for path in self.paths.values()}
        found = {path.name: path.read_bytes() for path in destination.iterdir()}
        if found != wanted:
            raise SystemExit(f"{destination} does not hold the mirror's files")


class Contest:
    """Both programs, the same list, the same mirror."""

    def __init__(self, folder: Path, files: Files, nginx: Nginx, curl: str) -> None:
        self._folder = folder
        self._files = files
        self._curl = curl
        self._errors = folder / "errors"
        self._destination = folder / "destination"
        root = f"{nginx.origin}/{files.tree.root.relative_to(files.tree.folder).as_posix()}"
        (folder / "config.toml").write_text(f'[mirrors.lab]\nhttps = "{root}"\n')
        (folder / "list.txt").write_text("\n".join(files.paths))
        (folder / "curl.txt").write_text(
            "".join(
                f'url = "{root}/{path.relative_to(files.tree.root).as_posix()}"\n'
                f'output = "{self._destination}/{path.name}"\n'
                for path in files.paths.values()
            )
        )

    def run_pdb_cli(self) -> Measured:
        """Download with pdb-cli into an empty folder."""
        return self._check(self._pdb_cli)

    def run_pdb_cli_again(self) -> Measured:
        """Download once more what is there already."""
        return self._pdb_cli()

    def run_curl(self) -> Measured:
        """Download with curl into an empty folder."""
        return self._check(
            lambda: self._measure(
                self._curl, "--silent", "--show-error", "--fail", "--parallel",
                "--parallel-max", str(CONNECTIONS), "--config", self._folder / "curl.txt",
            )
        )  # fmt: skip

    def _check(self, run: Callable[[], Measured]) -> Measured:
        """Run into an empty folder and look at what has arrived."""
        shutil.rmtree(self._destination, ignore_errors=True)
        self._destination.mkdir()
        measured = run()
        self._files.check(self._destination)
        return measured

    def _pdb_cli(self) -> Measured:
        """Run ``pdb-cli download`` on the list."""
        pdb_cli = Path(sys.executable).with_name("pdb-cli")
        return self._measure(
            pdb_cli, "download", "--mirror", "lab", "--parallel", str(CONNECTIONS),
            "--list", self._folder / "list.txt", "--dest", self._destination,
        )  # fmt: skip

    def _measure(self, program: str | Path, *arguments: str | Path) -> Measured:
        """Run one side."""
        changes = {
            "PDB_CLI_CONFIG": str(self._folder / "config.toml"),
            "PDB_CLI_JOBS_DIR": str(self._folder / "jobs"),
        }
        env = clean_environment(self._folder, **changes)
        return succeed(measure(program, *arguments, env=env, errors=self._errors), self._errors)


def programs() -> tuple[str, str]:
    """Return nginx and curl, or say what is missing."""
    nginx, curl = find_program("nginx"), find_program("curl")
    if nginx is None or curl is None or echo_module() is None:
        raise SystemExit("this needs nginx, its module echo (libnginx-mod-http-echo), and curl")
    return nginx, curl


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    nginx_program, curl = programs()
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        (folder / "nginx").mkdir()
        files = Files.make(folder / "mirror")
        with Nginx(
            nginx_program, files.tree.folder, folder=folder / "nginx", delay_s=DELAY_S
        ) as nginx:
            contest = Contest(folder, files, nginx, curl)
            contest.run_curl()  # the first run of each warms up
            contest.run_pdb_cli()
            pairs = [(contest.run_curl(), contest.run_pdb_cli()) for _ in range(rounds)]
            asked = len(nginx.requests())
            contest.run_pdb_cli_again()
            asked_again = len(nginx.requests()) - asked
    return report(files, pairs, asked_again)


def report(files: Files, pairs: list[tuple[Measured, Measured]], asked_again: int) -> int:
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
        f"{FILES} files, {files.size_bytes / 1e6:.1f} MB, {CONNECTIONS} connections,"
        f" {DELAY_S * 1000:.0f} ms delay per request,"
        f" medians of {len(pairs)} interleaved pairs:\n"
    )
    print(table(rows))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
