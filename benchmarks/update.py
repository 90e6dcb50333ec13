"""Is it up to date? 500 files and 260,000: requests, seconds and memory of ``update --check``.

Run as ``./dev bench update``. A local nginx serves the archive's lists, and its log counts the
requests; what asks for each file by itself needs as many as there are files. Files carry the
archive's times, but for one in a hundred that carries an older one. The first check of the large
collection makes its catalogue; the next one finds it, and lists that have not changed. Beside it
stands what ``find`` needs to look at the same files once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from support.archive_gzip import archive_gzip
from support.contest import require_nginx
from support.full_holdings import (
    ARCHIVE_ENTRIES,
    released_structures_last_modified_dates,
    synthetic_ids,
)
from support.measured import clean_environment, measure, succeed, table
from support.nginx import Nginx

if TYPE_CHECKING:
    from support.measured import Measured

FEW = 500
MOST_REQUESTS = 3
FIRST_LIMIT_S, WARM_LIMIT_S = 6.0, 2.0
PEAK_LIMIT_MB = 400.0
OUTDATED_EVERY = 100
WEEK_S = 7 * 86_400
ROUNDS = 3


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ARCHIVE_ENTRIES)
    entries = parser.parse_args().entries
    rows: list[tuple[str, ...]] = []
    rows += [("", "wall s", "limit", "CPU s", "peak MB", "limit", "requests", "limit", "")]
    held: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        dates = write_lists(folder / "www" / "pub" / "pdb" / "holdings", entries)
        (folder / "nginx").mkdir()
        with Nginx(require_nginx(), folder / "www", folder=folder / "nginx") as server:
            for count in (FEW, entries):
                collection = folder / f"collection-{count}"
                outdated = make_collection(collection, dict(islice(dates.items(), count)))
                bench = Check(folder, collection, server, outdated)
                for title, limit_s, runs in (
                    ("first", FIRST_LIMIT_S, 1),
                    ("again", WARM_LIMIT_S, ROUNDS),
                ):
                    row, holds = bench.row(f"{count} files, {title}", limit_s, runs)
                    rows.append(row)
                    held.append(holds)
            rows.append(("find -printf '%p %s %T@'", f"{find_s(folder):.2f}", *[""] * 7))
    print(f"pdb-cli update --check; one file in {OUTDATED_EVERY} is outdated:\n\n{table(rows)}")
    return 0 if all(held) else 1


def write_lists(holdings: Path, entries: int) -> dict[str, str]:
    """Write the lists a check may ask for; return the dates."""
    holdings.mkdir(parents=True)
    text = b"".join(released_structures_last_modified_dates(entries))
    lists = {
        "released_structures_last_modified_dates": text,
        "released_experimental_data_last_modified_dates": text,
        "all_removed_entries": b'{"9ZZZ": {"status_code": "OBS", "superseded_by": ["1000"]}}\n',
    }
    for name, content in lists.items():
        packed = archive_gzip(content, name=f"{name}.json")
        (holdings / f"{name}.json.gz").write_bytes(packed)
    return dict(zip(synthetic_ids(entries), json.loads(text).values(), strict=True))


def make_collection(root: Path, dates: dict[str, str]) -> int:
    """Write a small file for each entry, with the archive's time; return how many are outdated."""
    divided = root / "structures" / "divided" / "mmCIF"
    outdated = 0
    for number, (entry, date) in enumerate(dates.items()):
        folder = divided / entry[1:3]
        if not folder.is_dir():
            folder.mkdir(parents=True)
        path = folder / f"{entry}.cif.gz"
        path.write_bytes(b"not looked at")
        second = datetime.fromisoformat(date).timestamp()
        if number % OUTDATED_EVERY == OUTDATED_EVERY - 1:
            outdated += 1
            second -= WEEK_S
        os.utime(path, (second, second))
    return outdated


class Check:
    """Checks one collection against one server."""

    def __init__(self, folder: Path, collection: Path, server: Nginx, outdated: int) -> None:
        self._folder = folder
        self._collection = collection
        self._server = server
        self._outdated = outdated
        self._config = folder / "config.toml"
        self._config.write_text(
            f'[mirror]\ndefault = ["lab"]\n[mirrors.lab]\nhttps = "{server.origin}/pub/pdb"\n'
        )

    def row(self, title: str, limit_s: float, runs: int) -> tuple[tuple[str, ...], bool]:
        """Check ``runs`` times; return the row of the best run, and whether its limits hold."""
        results = [self._run() for _ in range(runs)]
        run, _ = min(results, key=lambda result: result[0].wall_s)
        most = max(count for _, count in results)
        holds = run.wall_s < limit_s and run.peak_mb < PEAK_LIMIT_MB and most <= MOST_REQUESTS
        figures = (f"{run.wall_s:.2f}", f"{limit_s:g}", f"{run.user_s + run.system_s:.2f}")
        memory = (f"{run.peak_mb:.0f}", f"{PEAK_LIMIT_MB:g}")
        verdict = "holds" if holds else "DOES NOT HOLD"
        return (title, *figures, *memory, str(most), str(MOST_REQUESTS), verdict), holds

    def _run(self) -> tuple[Measured, int]:
        """Check once; return the figures and the number of requests."""
        before = len(self._server.requests())
        errors = self._folder / "errors"
        run = measure(
            Path(sys.executable).with_name("pdb-cli"), "--pdb-dir", self._collection,
            "update", "--check", "--output", "ids",
            env=clean_environment(
                self._folder,
                PDB_CLI_CONFIG=str(self._config),
                PDB_CLI_JOBS_DIR=str(self._folder / "jobs"),
            ),
            errors=errors,
        )  # fmt: skip
        succeed(run, errors)
        found = len(run.output.split())
        if found != self._outdated:
            raise SystemExit(f"{found} files are called outdated, {self._outdated} are")
        return run, len(self._server.requests()) - before


def find_s(folder: Path) -> float:
    """Return how many seconds ``find`` needs for both collections; NaN where there is none."""
    find = shutil.which("find")
    if find is None:
        return float("nan")
    run = measure(
        find, *sorted(folder.glob("collection-*")), "-type", "f", "-printf", "%p %s %T@\\n",
        env=clean_environment(folder), errors=folder / "errors",
    )  # fmt: skip
    return run.wall_s


if __name__ == "__main__":
    sys.exit(main())
