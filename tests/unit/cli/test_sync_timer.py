"""The weekly time of a mirror: always after the release, never all at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pdb_cli.cli.app import run
from pdb_cli.cli.sync_timer import cron_time

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("day", range(1, 8))
@pytest.mark.parametrize("number", [0, 239, 240, 65_535])
def test_cron_runs_hours_after_the_release(day: int, number: int) -> None:
    now = datetime(2026, 11, day, 13, 0, tzinfo=UTC)
    when = cron_time(now, number).astimezone(UTC)
    assert when.weekday() == 2
    midnight = when.replace(hour=0, minute=0)
    assert timedelta(hours=1) < when - midnight < timedelta(hours=6)
    assert timedelta(days=-1) < when - now < timedelta(days=7)


def test_the_way_to_mirrors_goes_with_it_without_passwords(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rsync = tmp_path / "bin" / "rsync"
    rsync.parent.mkdir()
    rsync.touch(mode=0o755)
    environ = {
        "PDB_DIR": str(tmp_path / "c$d"),
        "HOME": str(tmp_path),
        "PATH": str(rsync.parent),
        "https_proxy": "http://ada:s3cret@proxy:3128",
        "RSYNC_PROXY": "proxy:3128",
        "RSYNC_PASSWORD": "s3cret",
    }
    assert run(["sync", "structures", "--print-timer"], environ) == 0
    printed = capsys.readouterr().out
    assert "s3cret" not in printed
    assert printed.count("EnvironmentFile=") == 2
    assert "Environment=RSYNC_PROXY=proxy:3128\n" in printed
    assert f"Environment=PATH={rsync.parent}:/usr/local/sbin" in printed
    # No variables are expanded there, so none is to be kept from it.
    assert f"Environment=PDB_DIR={tmp_path}/c$d\n" in printed
    assert "/pdb-cli-sync-structures.timer\n" in printed
