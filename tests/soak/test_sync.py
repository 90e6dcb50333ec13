"""``pdb-cli sync`` killed again and again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from support.sync_lab import SyncLab, files_below

if TYPE_CHECKING:
    from pathlib import Path

    from support.cli import CliRunner

MMCIF = "structures/divided/mmCIF"
KILLS = 10


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("transport", ["rsync", "https"])
def test_killed_at_ten_moments_the_collection_is_whole_and_gets_there(
    isolated: object, run_cli: CliRunner, tmp_path: Path, transport: str, seed: int
) -> None:
    chance = random.Random(seed)
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    with SyncLab(tmp_path, config, run_cli) as lab:
        lab.tree.publish(copies={f"9a{n:02d}": "1c58" for n in range(60)})
        flags = ("--transport", transport, "--delete", "--max-delete", "100%")
        assert lab.sync(*flags).returncode == 0
        old = lab.published(MMCIF)
        # A week in which half of it changes, some is new, some goes.
        lab.tree.publish(
            change=[f"9a{n:02d}" for n in range(30)],
            copies={f"9b{n:02d}": "1kqe" for n in range(20)},
            obsolete=dict.fromkeys((f"9a{n:02d}" for n in range(55, 60)), None),
        )
        new = lab.published(MMCIF)
        killed = 0
        for _ in range(KILLS):
            process = subprocess.Popen(
                [sys.executable, "-m", "pdb_cli", "sync", *flags, "--bwlimit", "300"],
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=chance.uniform(0.2, 1.5))
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            local = files_below(lab.collection)
            # Each file is the old one or the new one, and nothing went before all had come.
            assert all(file in (old.get(path), new.get(path)) for path, file in local.items())
            gone = set(old) - set(local)
            assert not gone or all(local.get(path) == file for path, file in new.items())
        assert killed
        done = lab.sync(*flags)
        assert done.returncode == 0, done.stderr
        assert lab.local() == new
        assert set(lab.trash()) == set(old) - set(new)
        assert "0 transferred" in lab.sync(*flags).stderr
        left = [path.name for path in lab.collection.rglob(".*") if path.name != ".pdb-cli"]
        assert [name for name in left if name.endswith(".part")] == []
