"""10,000 good files and some hundred bad ones: every bad one is found, no good one is accused."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from support.collected import overwrite
from support.large_mirror import make_large_mirror

if TYPE_CHECKING:
    from pathlib import Path

    from support.cli import CliRunner

pytestmark = pytest.mark.soak

FILES = 10_000
BAD = 300


def damaged(data: bytes, how: int, chance: random.Random) -> bytes:
    """Return the bytes of a file with something wrong in what gzip can tell of."""
    at = chance.randrange(200, len(data) - 8)
    match how % 5:
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            return data + chance.randbytes(chance.randrange(1, 100_000))
        case 3:
            return data + data
        case _:
            return b"<!DOCTYPE html><html>busy</html>"


def test_none_of_10_000_good_files_is_accused_and_every_bad_one_is(
    run_cli: CliRunner, tmp_path: Path
) -> None:
    mirror = make_large_mirror(tmp_path, files=FILES, repeats=(1, 2))
    command = ["--pdb-dir", str(mirror.root / "data"), "validate", "-o", "ids"]
    for level in ("size", "gzip", "content"):
        done = run_cli(*command, "--level", level, timeout_s=600)
        assert (level, done.returncode, done.stdout) == (level, 0, "")
    assert run_cli(*command, "--record", timeout_s=600).returncode == 0
    done = run_cli(*command, "--level", "hash", timeout_s=600)
    assert (done.returncode, done.stdout) == (0, "")
    chance = random.Random(20_260_902)
    bad = chance.sample(sorted(mirror.paths), BAD)
    for number, entry in enumerate(bad):
        path = mirror.paths[entry]
        overwrite(path, damaged(path.read_bytes(), number, chance), keep_time=number % 2 == 0)
    for level in ("hash", "content"):
        done = run_cli(*command, "--level", level, timeout_s=600)
        assert done.returncode == 3
        assert sorted(done.stdout.split()) == sorted(bad)
    (tmp_path / "list").write_text("\n".join(bad))
    rows = json.loads(
        run_cli(*command[:-1], "json", "--level", "hash", "-l", tmp_path / "list").stdout
    )
    assert {row["status"] for row in rows} == {"defect"}
