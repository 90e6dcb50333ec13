"""4,000 files of real content from a mirror 50 ms away: pdb-cli against curl and aria2c.

Run as ``./dev bench engine``. The mirror is a local nginx that holds back every answer by 50 ms.
Everybody uses 32 connections; pdb-cli verifies what it fetches, its peers do not. They run in turn;
the figures are medians of the ratios within such rounds. Then the same over TLS, where pdb-cli and
curl speak HTTP/2.

The temporary files go where ``TMPDIR`` says. pdb-cli waits until its files are on the disk and
the others do not, so a slow disk shows.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.certificates import make_certificate
from support.contest import Contest, require, require_nginx
from support.large_mirror import LargeMirror, make_large_mirror
from support.measured import table
from support.nginx import Nginx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.measured import Measured

FILES, QUICK_FILES = 4000, 800
ROUNDS, QUICK_ROUNDS = 5, 1
CONNECTIONS = 32
DELAY_S = 0.05
CURL_WALL_LIMIT = 1.2
ARIA2C_WALL_LIMIT = 0.5
HTTP2_WALL_LIMIT = 1.2
USER_LIMIT = 2.0
PEAK_LIMIT_MB = 150.0
_CHUNK_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Round:
    """Everybody once."""

    curl: Measured
    ours: Measured
    aria2c: Measured | None


def main() -> int:
    """Measure, print the tables, and return 1 when a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer files, one round")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    for program in ("curl", "aria2c", "openssl"):
        require(program)
    require_nginx()
    with tempfile.TemporaryDirectory(prefix="pdb-cli-bench-") as name:
        folder = Path(name)
        mirror = make_large_mirror(folder / "mirror", files=QUICK_FILES if options.quick else FILES)
        inflate_s = measure_inflate(mirror)
        print(
            f"{len(mirror.paths)} files, {mirror.size_bytes / 1e6:.0f} MB,"
            f" {CONNECTIONS} connections, {DELAY_S * 1000:.0f} ms delay per request,"
            f" medians of {rounds} rounds;"
            f" to inflate the files takes one thread {inflate_s:.2f} s of user CPU"
        )
        plain = run_rounds(folder / "plain", mirror, rounds, certificate=None)
        held = report("HTTP/1.1", plain, mirror, inflate_s)
        certificate = make_certificate(require("openssl"), folder)
        tls = run_rounds(folder / "tls", mirror, rounds, certificate=certificate)
        return 0 if report("TLS, HTTP/2", tls, mirror, inflate_s) and held else 1


def run_rounds(
    folder: Path, mirror: LargeMirror, rounds: int, *, certificate: Path | None
) -> list[Round]:
    """Let everybody download everything, in turn, as often as asked."""
    (folder / "nginx").mkdir(parents=True)
    with Nginx(
        require_nginx(),
        mirror.root.parents[1],
        folder=folder / "nginx",
        delay_s=DELAY_S,
        certificate=certificate,
    ) as nginx:
        contest = Contest(
            folder,
            nginx,
            mirror.root,
            mirror.paths,
            connections=CONNECTIONS,
            certificate=certificate,
        )
        return [
            Round(
                contest.run_curl(*(["--http2"] if certificate else [])),
                contest.run_pdb_cli(),
                None if certificate else contest.run_aria2c(),
            )
            for _ in range(rounds)
        ]


def measure_inflate(mirror: LargeMirror) -> float:
    """Return the user CPU seconds that inflating all files takes in one thread."""
    from isal import igzip_lib  # noqa: PLC0415 - heavy modules are imported in functions

    before_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for path in mirror.paths.values():
        data = path.read_bytes()
        decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        decompressor.decompress(data, _CHUNK_BYTES)
        while not decompressor.eof:
            decompressor.decompress(b"", _CHUNK_BYTES)
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before_s


def report(title: str, rounds: Sequence[Round], mirror: LargeMirror, inflate_s: float) -> bool:
    """Print what was found; tell whether all limits hold."""
    quickest_s = min(run.curl.wall_s for run in rounds)
    if title == "HTTP/1.1" and quickest_s < DELAY_S * len(mirror.paths) / CONNECTIONS:
        raise SystemExit(f"curl took {quickest_s:.2f} s: the mirror did not delay its answers")
    held = []
    rows = [("", "peer", "pdb-cli", "ratio", "limit", "")]

    def add(name: str, pairs: Sequence[tuple[float, float]], limit: float) -> None:
        """Add a row for pairs of the peer's figure and ours."""
        ratio = statistics.median(ours / theirs for theirs, ours in pairs)
        held.append(ratio <= limit)
        theirs, ours = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        verdict = "holds" if held[-1] else "DOES NOT HOLD"
        rows.append((name, f"{theirs:.2f}", f"{ours:.2f}", f"{ratio:.2f}", f"{limit} x", verdict))

    wall_limit = CURL_WALL_LIMIT if title == "HTTP/1.1" else HTTP2_WALL_LIMIT
    add("wall s, curl", [(run.curl.wall_s, run.ours.wall_s) for run in rounds], wall_limit)
    with_aria2c = [(run.aria2c.wall_s, run.ours.wall_s) for run in rounds if run.aria2c]
    if with_aria2c:
        add("wall s, aria2c", with_aria2c, ARIA2C_WALL_LIMIT)
    allowed = [(USER_LIMIT * run.curl.user_s + inflate_s, run.ours.user_s) for run in rounds]
    add(f"user CPU s, {USER_LIMIT:g} x curl + inflating", allowed, 1.0)
    theirs_s = statistics.median(run.curl.user_s + run.curl.system_s for run in rounds)
    ours_s = statistics.median(run.ours.user_s + run.ours.system_s for run in rounds)
    ratio = f"{ours_s / theirs_s:.2f}"
    rows.append(("user + system CPU s, curl", f"{theirs_s:.2f}", f"{ours_s:.2f}", ratio, "", ""))
    peak_mb = max(run.ours.peak_mb for run in rounds)
    curl_mb = max(run.curl.peak_mb for run in rounds)
    held.append(peak_mb < PEAK_LIMIT_MB)
    verdict = "holds" if held[-1] else "DOES NOT HOLD"
    limit = f"{PEAK_LIMIT_MB:.0f} MB"
    rows.append(("peak memory MB, curl", f"{curl_mb:.0f}", f"{peak_mb:.0f}", "", limit, verdict))
    print(f"\n{title}\n{table(rows)}")
    return all(held)


if __name__ == "__main__":
    sys.exit(main())
