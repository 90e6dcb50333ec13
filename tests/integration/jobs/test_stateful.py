"""Random lives of real jobs; a longer run is in tests/soak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import Phase

from support.job_machine import check_random_lives

if TYPE_CHECKING:
    from pathlib import Path


def test_whatever_happens_to_jobs_the_promises_hold(tmp_path: Path) -> None:
    # Shrinking would run into the time limit of a test; the soak test does it.
    check_random_lives(tmp_path, lives=12, steps=20, phases=[Phase.generate])
