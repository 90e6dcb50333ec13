"""Many files, some of which meet a fault, and a process that watches what gets a final name."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from support.campaign import FAILED, every_fault_alone, mixed_faults, run_campaign
from support.watcher import watched

if TYPE_CHECKING:
    from pathlib import Path

    from support.cli import CliRunner

MEGABYTE = 1e6


@pytest.mark.parametrize(
    ("parallel", "files", "rate"), [(1, 20, None), (64, 200, None), (8, 80, MEGABYTE)]
)
def test_d06_no_weather_brings_a_bad_file_or_costs_a_good_one(
    run_cli: CliRunner, tmp_path: Path, parallel: int, files: int, rate: float | None
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    run_campaign(
        tmp_path,
        run_cli,
        mixed_faults(files, seed=seed),
        files=files,
        parallel=parallel,
        seed=seed,
        rate_bytes_per_s=rate,
    ).check()


def test_every_fault_meets_a_file_of_its_own(run_cli: CliRunner, tmp_path: Path) -> None:
    # Those that stay, each alone, are in tests/integration/transfer and in the soak. Here each is
    # in good company: a mirror of which nothing else comes is rightly left alone.
    passing = [met for met in every_fault_alone() if met.times or met.status != FAILED]
    meetings = {3 * number + 3: met for number, met in enumerate(passing)}
    verdict = run_campaign(tmp_path, run_cli, meetings, files=3 * len(meetings) + 3, parallel=16)
    verdict.check()
    assert verdict.expected_exit_code == 3


@pytest.mark.parametrize("left", [b"", b"half of it"])
def test_the_watcher_sees_a_bad_file(tmp_path: Path, left: bytes) -> None:
    good, folder = tmp_path / "good", tmp_path / "folder"
    for place in (good, folder):
        place.mkdir()
        (place / "9000.cif.gz").write_bytes(b"all of it")
    with watched(folder, good) as watch:
        (folder / "9001.cif.gz").write_bytes(left)
    assert (watch.bad, watch.files) == (["9001.cif.gz"], 2)
