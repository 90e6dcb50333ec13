"""Plans of sync over https for an archive of full size: the time and the memory they take.

Run as ``./dev bench sync-plan``. The lists are as long as the archive's own (260,000 entries, 411
MB of text for all types) and come from a real nginx. The structures are all here, as empty files
with the archive's times: over https nobody knows sizes beforehand. ``pdb-cli sync --plan`` is asked
for structures, the first time with nothing kept and then again, and for all types, of which only
the structures are here: three million files are new. Beside that stands what ``rsync`` takes to
compare the same two trees of structures, where it is installed.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.archive.dates import second_of
from support.full_holdings import (
    ARCHIVE_ENTRIES,
    current_file_holdings,
    released_structures_last_modified_dates,
    synthetic_ids,
)
from support.measured import clean_environment, measure, succeed, table
from support.nginx import Nginx
from support.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.measured import Measured

LISTS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "released_structures_last_modified_dates": released_structures_last_modified_dates,
    "current_file_holdings": current_file_holdings,
}
ALL_TYPES = (
    "structures", "assemblies", "biounit", "structure-factors", "nmr-chemical-shifts",
    "nmr-restraints", "validation",
)  # fmt: skip
LIMITS = {"structures": (6.0, 400.0), "all types": (40.0, 500.0)}
MOST_REQUESTS = 5


def main() -> int:
    """Measure, print the table, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ARCHIVE_ENTRIES)
    entries = parser.parse_args().entries
    rows = [("", "wall s", "cpu s", "limit", "peak MB", "limit", "requests", "")]
    held = []
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        write_lists(folder / "archive", entries)
        make_tree(folder / "collection", entries)
        (folder / "nginx").mkdir()
        program = find_program("nginx")
        if program is None:
            raise SystemExit("nginx is not installed (Debian package nginx-light)")
        with Nginx(program, folder / "archive", folder=folder / "nginx") as nginx:
            write_config(folder, nginx)
            for title, kind, types in (
                ("structures, first", "structures", ALL_TYPES[:1]),
                ("structures, again", "structures", ALL_TYPES[:1]),
                ("all types, first", "all types", ALL_TYPES),
                ("all types, again", "all types", ALL_TYPES),
            ):
                before = len(nginx.requests())
                run = plan(folder, types)
                requests = len(nginx.requests()) - before
                wall_limit_s, peak_limit_mb = LIMITS[kind]
                holds = run.wall_s < wall_limit_s and run.peak_mb < peak_limit_mb
                holds = holds and requests <= MOST_REQUESTS
                held.append(holds)
                rows.append((
                    title, f"{run.wall_s:.2f}", f"{run.user_s + run.system_s:.2f}",
                    f"{wall_limit_s:g}", f"{run.peak_mb:.0f}", f"{peak_limit_mb:g}",
                    str(requests), "holds" if holds else "DOES NOT HOLD",
                ))  # fmt: skip
        if (peer := compare_by_rsync(folder)) is not None:
            cpu_s = peer.user_s + peer.system_s
            cells = (f"{peer.wall_s:.2f}", f"{cpu_s:.2f}", "", f"{peer.peak_mb:.0f}", "", "", "")
            rows.append(("rsync -n, two local trees", *cells))
    print(f"plans for {entries} entries:\n\n{table(rows)}")
    return 0 if all(held) else 1


def write_lists(archive: Path, entries: int) -> None:
    """Write the lists of an archive of full size."""
    holdings = archive / "pub" / "pdb" / "holdings"
    holdings.mkdir(parents=True)
    for name, pieces in LISTS.items():
        with gzip.open(holdings / f"{name}.json.gz", "wb", compresslevel=6) as file:
            file.writelines(pieces(entries))


def make_tree(collection: Path, entries: int) -> None:
    """Make an empty file with the right time for each entry."""
    root = collection / "structures" / "divided" / "mmCIF"
    for number, entry in enumerate(synthetic_ids(entries)):
        parent = root / entry[1:3]
        if not parent.exists():
            parent.mkdir(parents=True)
        path = f"{parent}/{entry}.cif.gz"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
        time_s = second_of(date_of(number))
        if time_s is None:
            raise AssertionError(date_of(number))
        os.utime(path, (time_s, time_s))


def date_of(number: int) -> str:
    """Return the date that the synthetic list has for the entry of this number."""
    day = f"20{number % 20 + 7:02}-{number % 12 + 1:02}-{number % 28 + 1:02}"
    return f"{day}T14:09:19+00:00"


def write_config(folder: Path, nginx: Nginx) -> None:
    """Name the mirror and the collection."""
    (folder / "config.toml").write_text(
        f'[paths]\npdb_dir = "{folder / "collection"}"\n'
        f'[mirrors.lab]\nhttps = "{nginx.origin}/pub/pdb"\n'
    )


def plan(folder: Path, types: tuple[str, ...]) -> Measured:
    """Ask for a plan; return what that cost."""
    errors = folder / "errors"
    options = [word for name in types for word in ("--type", name)]
    run = measure(
        "/bin/sh", "-c", '"$@" > /dev/null', "sh",
        Path(sys.executable).with_name("pdb-cli"), "sync", "--plan", "--mirror", "lab",
        "--transport", "https", "--format", "both" if len(types) > 1 else "mmcif", *options,
        env=clean_environment(
            folder,
            PDB_CLI_CONFIG=str(folder / "config.toml"),
            PDB_CLI_JOBS_DIR=str(folder / "jobs"),
        ),
        errors=errors,
    )  # fmt: skip
    # Few disks have room for the whole archive: the plan is made and written all the same.
    if run.exit_code == 1 and "free some space" in errors.read_text():
        return run
    return succeed(run, errors)


def compare_by_rsync(folder: Path) -> Measured | None:
    """Let rsync compare the tree with a copy of it; None where it is not installed."""
    rsync = shutil.which("rsync")
    if rsync is None:
        return None
    errors = folder / "errors"
    source, copy = folder / "collection" / "structures", folder / "copy"
    env = clean_environment(folder)
    succeed(measure(rsync, "-rlpt", f"{source}/", f"{copy}/", env=env, errors=errors), errors)
    run = measure(rsync, "-rlptn", "--delete", f"{source}/", f"{copy}/", env=env, errors=errors)
    return succeed(run, errors)


if __name__ == "__main__":
    sys.exit(main())
