"""Random lives of real jobs; a longer run is in tests/soak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from support.job_machine import JobMachine

if TYPE_CHECKING:
    from pathlib import Path


def test_whatever_happens_to_jobs_the_promises_hold(tmp_path: Path) -> None:
    run_state_machine_as_test(
        lambda: JobMachine(tmp_path),
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            # Shrinking would run into the time limit of a test; the soak test does it.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
