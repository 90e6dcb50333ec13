"""``pdb-cli demo``: what a newcomer sees first, and what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import processes
from support.wait import wait_until

if TYPE_CHECKING:
    from support.cli import CliRunner


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary files go where they can be counted, with a name that is hard to quote."""
    odd = tmp_path / 'odd "name"; ü'
    odd.mkdir()
    monkeypatch.setenv("TMPDIR", str(odd))
    return odd


def test_it_shows_the_main_job_and_cleans_up(run_cli: CliRunner, folder: Path) -> None:
    done = run_cli("demo", env={"http_proxy": "http://127.0.0.1:9", "PDB_DIR": "/nonexistent"})
    assert done.returncode == 0, done.stdout + done.stderr
    for sign in (
        r"\$ pdb-cli download -l list.txt --bg\nJob started: job_",
        r"job_[a-z0-9]{6}  (running|completed) .* download -l list.txt\n",
        r"downloaded structures/divided/mmCIF/\w\w/\w{4}\.cif\.gz",
        r"status:    completed\n",
        r"structures/divided/mmCIF/hy/3hya\.cif\.gz\n",
    ):
        assert re.search(sign, done.stdout), sign
    assert re.search(r"0 downloaded, \d up to date", done.stderr)
    assert list(folder.iterdir()) == []


def test_keep_leaves_the_collection_and_says_where(run_cli: CliRunner, folder: Path) -> None:
    done = run_cli("demo", "--keep")
    assert done.returncode == 0
    match = re.search(r"^Kept: (.*/collection) \(remove it with: rm -r ", done.stdout, re.MULTILINE)
    assert match
    kept = Path(match[1])
    assert kept.is_relative_to(folder)
    assert list(kept.rglob("*.cif.gz"))


def test_an_interrupt_leaves_no_job_and_no_files(folder: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "pdb_cli", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: list(folder.glob("*/jobs/job_*/stderr.log")), what="the demo's job")
    # As a terminal does on Ctrl-C: to all of its foreground.
    os.killpg(demo.pid, signal.SIGINT)
    demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert list(folder.iterdir()) == []
    assert [
        p for p in processes.with_environment("TMPDIR", str(folder)) if p.pid != os.getpid()
    ] == []
