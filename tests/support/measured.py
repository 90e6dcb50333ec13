"""Run a program and measure it, with as little of our own cost in the figures as can be."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run cost, its children that it waited for included."""

    exit_code: int
    wall_s: float
    user_s: float
    system_s: float
    peak_mb: float
    """The most memory one process had in use, in 10**6 bytes."""
    output: bytes
    """What it wrote to its standard output, a pipe."""


def measure(
    program: str | Path, *arguments: str | Path, env: Mapping[str, str], errors: Path
) -> Measured:
    """Run a program to its end; its complaints are appended to the file ``errors``."""
    launcher = Path(__file__).with_name("launcher.py")
    result = subprocess.run(
        [sys.executable, "-I", "-S", launcher, errors, program, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    figures, _, output = result.stdout.partition(b"\n")
    exit_code, *seconds, peak_bytes = figures.split()
    wall_s, user_s, system_s = map(float, seconds)
    return Measured(int(exit_code), wall_s, user_s, system_s, int(peak_bytes) / 1e6, output=output)


def clean_environment(home: Path, **changes: str) -> dict[str, str]:
    """Return an environment with a home of its own and none of the machine's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(home), **changes}


def succeed(run: Measured, errors: Path) -> Measured:
    """Return the run, or say why a benchmark can not go on without it."""
    if run.exit_code != 0:
        raise SystemExit(
            f"a measured command failed with {run.exit_code}: {errors.read_text()[-2000:]}"
        )
    return run


def median_ratio(
    rounds: int, bare: Callable[[], Measured], command: Callable[[], Measured]
) -> tuple[float, float, float]:
    """Return the medians of the bare start and the command (both ms) and of their ratios."""
    pairs = [(bare().wall_s, command().wall_s) for _ in range(rounds + 1)][1:]  # the first warms up
    return (
        statistics.median(pair[0] for pair in pairs) * 1000,
        statistics.median(pair[1] for pair in pairs) * 1000,
        statistics.median(pair[1] / pair[0] for pair in pairs),
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of cells: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
