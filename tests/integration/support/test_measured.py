from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from support.measured import clean_environment, measure, table

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_is_measured(tmp_path: Path) -> None:
    code = "import sys; b = bytearray(50_000_000); print('out'); print('err', file=sys.stderr)"
    errors = tmp_path / "errors"
    ballast = bytearray(300_000_000)  # what the measuring process uses does not count
    run = measure(
        sys.executable, "-c", code + "; sys.exit(3)", env=os.environ, errors=tmp_path / "errors"
    )
    del ballast
    assert (run.exit_code, run.output) == (3, b"out\n")
    assert errors.read_text() == "err\n"
    assert 50 < run.peak_mb < 150
    assert run.user_s > 0
    assert run.wall_s > 0


def test_the_environment_is_clean(tmp_path: Path) -> None:
    environment = clean_environment(tmp_path, PDB_DIR="x")
    assert {"HOME": str(tmp_path), "PDB_DIR": "x"}.items() <= environment.items()
    assert "PDB_CLI_JOBS_DIR" not in environment


def test_tables_are_aligned() -> None:
    assert table([("", "ms"), ("long name", "1.5")]) == "            ms\nlong name  1.5"
