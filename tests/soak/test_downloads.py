"""Downloads in bad weather, at the size of a real list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.campaign import Meeting, every_fault_alone, mixed_faults, run_campaign

if TYPE_CHECKING:
    from pathlib import Path

    from support.cli import CliRunner

_LONG_S = 900.0
_PATIENT_S = 8.0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("parallel", "rate"), [(1, None), (64, None), (16, 1e6)])
def test_a_thousand_files_a_tenth_of_which_meet_a_fault(
    run_cli: CliRunner, tmp_path: Path, parallel: int, rate: float | None, seed: int
) -> None:
    run_campaign(
        tmp_path,
        run_cli,
        mixed_faults(1000, seed=seed),
        files=1000,
        parallel=parallel,
        seed=seed,
        rate_bytes_per_s=rate,
        stall_timeout_s=_PATIENT_S,
        timeout_s=_LONG_S,
    ).check()


@pytest.mark.soak
@pytest.mark.parametrize("parallel", [1, 64])
@pytest.mark.parametrize("meeting", every_fault_alone(), ids=lambda met: f"{met.name}-{met.times}")
def test_twenty_files_that_all_meet_the_same_fault(
    run_cli: CliRunner, tmp_path: Path, meeting: Meeting, parallel: int
) -> None:
    meetings = dict.fromkeys(range(1, 20), meeting)
    run_campaign(
        tmp_path, run_cli, meetings, files=20, parallel=parallel, timeout_s=_LONG_S
    ).check()
