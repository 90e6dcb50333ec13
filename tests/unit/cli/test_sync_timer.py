"""The weekly time of a mirror: always after the release, never all at once."""

from __future__ import annotations

import os
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


def test_it_runs_with_the_umask_of_now_and_the_disk_of_the_collection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"PDB_DIR": f"{tmp_path}/a disk/100%", "HOME": str(tmp_path)}
    before = os.umask(0o002)
    try:
        assert run(["sync", "--print-timer"], environ) == 0
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)
    lines = capsys.readouterr().out.splitlines()
    assert "UMask=0002" in lines
    assert lines[-1].split(maxsplit=5)[-1].startswith("umask 0002 && env ")
    assert f'RequiresMountsFor="{tmp_path}/a disk/100%%"' in lines[: lines.index("[Service]")]


@pytest.mark.parametrize(
    ("before", "after", "variables", "needs"),
    [
        ((), (), {}, False),
        ((), ("-d", "/data/pdb"), {}, False),
        ((), ("-d", "pdb"), {}, True),
        ((), ("--ids", "mine.txt"), {}, True),
        (("--pdb-dir", "pdb"), (), {}, True),
        ((), (), {"CURL_CA_BUNDLE": "ca.pem"}, True),
        ((), (), {"RSYNC_CONNECT_PROG": "./through %H"}, True),
    ],
)
def test_the_directory_of_now_is_only_for_what_is_relative_to_it(  # noqa: PLR0917
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: tuple[str, ...],
    after: tuple[str, ...],
    variables: dict[str, str],
    needs: bool,  # noqa: FBT001 - a parameter
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("4hhb\n")
    environ = {"PDB_DIR": f"{tmp_path}/c", "HOME": str(tmp_path), **variables}
    assert run([*before, "sync", *after, "--print-timer"], environ) == 0
    printed = capsys.readouterr().out
    assert (f"\nWorkingDirectory={tmp_path}\n" in printed) is needs
    assert (f"&& cd {tmp_path} && " in printed) is needs
