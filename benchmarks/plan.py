"""100,000 entries that are all there: the time and the memory until that is known.

Run as ``./dev bench plan``. The files are whole but small (one short text each), so the figures are
what a file costs whatever its size; what inflating costs beyond that, ``./dev bench engine`` shows.
``pdb-cli download`` is asked for all of them: in a collection, for the first time and again, when
the catalogue knows them; and in a directory of their own, which has no catalogue. Only where files
are known a limit holds: else each is read to its end. Below it stands what looking at each file
costs: not at all, at both its ends, and at all of it.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from support.archive_gzip import archive_gzip
from support.large_mirror import synthetic_id
from support.measured import clean_environment, measure, succeed, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENTRIES = 100_000
WALL_LIMIT_S = 6.0
PEAK_LIMIT_MB = 250.0
OLD_S = 1_600_000_000
"""The time of the files; what has just changed is not remembered."""
FLAT, FIRST, AGAIN = "a directory", "a collection, first", "a collection, again"


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    entries = [synthetic_id(number) for number in range(parser.parse_args().entries)]
    rows = [("", "wall s", "limit", "peak MB", "limit", "")]
    held = []
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        # Nobody listens there: a request would be a failure.
        (folder / "config.toml").write_text('[mirrors.lab]\nhttps = "http://127.0.0.1:9"\n')
        (folder / "list.txt").write_text("\n".join(entries))
        collection, directory = folder / "collection", folder / "directory"
        paths = make_tree(collection, entries, divided=True)
        make_tree(directory, entries, divided=False)
        for title, dest in ((FLAT, directory), (FIRST, None), (AGAIN, None)):
            wall_s, peak_mb = run_pdb_cli(folder, collection, dest)
            verdict, limits = "", ("", "")
            if title == AGAIN:
                held += [wall_s < WALL_LIMIT_S, peak_mb < PEAK_LIMIT_MB]
                verdict = "holds" if all(held) else "DOES NOT HOLD"
                limits = (f"{WALL_LIMIT_S:g}", f"{PEAK_LIMIT_MB:g}")
            figures = (f"{wall_s:.2f}", limits[0], f"{peak_mb:.0f}", limits[1], verdict)
            rows.append((f"pdb-cli download, {title}", *figures))
        for title, look in LOOKS.items():
            wall_s = time_looks(look, paths)
            rows.append((f"only {title}", f"{wall_s:.2f}", "", "", "", ""))
    print(f"{len(entries)} files that are all there:\n\n{table(rows)}")
    return 0 if all(held) else 1


def make_tree(root: Path, entries: Sequence[str], *, divided: bool) -> list[Path]:
    """Write one whole file for each entry."""
    paths = []
    for entry in entries:
        parent = root / "structures" / "divided" / "mmCIF" / entry[1:3] if divided else root
        parent.mkdir(parents=True, exist_ok=True)
        text = f"data_{entry.upper()}\n#\n_entry.id {entry.upper()}\n#\n".encode()
        path = parent / f"{entry}.cif.gz"
        path.write_bytes(archive_gzip(text, name=f"{entry}.cif"))
        os.utime(path, (OLD_S, OLD_S))
        paths.append(path)
    return paths


def run_pdb_cli(folder: Path, collection: Path, dest: Path | None) -> tuple[float, float]:
    """Ask for what is there; return seconds and the most memory in MB."""
    place = () if dest is None else ("--dest", dest)
    errors = folder / "errors"
    run = measure(
        Path(sys.executable).with_name("pdb-cli"), "download", "--mirror", "lab",
        "--list", folder / "list.txt", *place,
        env=clean_environment(
            folder,
            PDB_DIR=str(collection),
            PDB_CLI_CONFIG=str(folder / "config.toml"),
            PDB_CLI_JOBS_DIR=str(folder / "jobs"),
        ),
        errors=errors,
    )  # fmt: skip
    succeed(run, errors)
    return run.wall_s, run.peak_mb


def time_looks(look: Callable[[Path], object], paths: Sequence[Path]) -> float:
    """Return how long it takes to look at every file, in seconds."""
    start_s = time.perf_counter()
    for path in paths:
        look(path)
    return time.perf_counter() - start_s


def look_at_ends(path: Path) -> bool:
    """Read the gzip header and the length at the end of a file, without what is between them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size_bytes = os.fstat(descriptor).st_size
        head, trailer = os.pread(descriptor, 64, 0), os.pread(descriptor, 8, size_bytes - 8)
    finally:
        os.close(descriptor)
    return head.startswith(b"\x1f\x8b\x08") and trailer[4:] != bytes(4)


LOOKS: dict[str, Callable[[Path], object]] = {
    "size and time (stat)": os.stat,
    "gzip header and trailer": look_at_ends,
    "reading and inflating": lambda path: gzip.decompress(path.read_bytes()),
}


if __name__ == "__main__":
    sys.exit(main())
