"""The weekly time of a mirror: always after the release, never all at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pdb_cli.cli.sync_timer import cron_time


@pytest.mark.parametrize("day", range(1, 8))
@pytest.mark.parametrize("number", [0, 239, 240, 65_535])
def test_cron_runs_hours_after_the_release(day: int, number: int) -> None:
    now = datetime(2026, 11, day, 13, 0, tzinfo=UTC)
    when = cron_time(now, number).astimezone(UTC)
    assert when.weekday() == 2
    midnight = when.replace(hour=0, minute=0)
    assert timedelta(hours=1) < when - midnight < timedelta(hours=6)
    assert timedelta(days=-1) < when - now < timedelta(days=7)
