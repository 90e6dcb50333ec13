"""Which modules a command line imports, told by the interpreter itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MARK = "import time:"


def imported_modules(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> frozenset[str]:
    """Run a fresh interpreter and return what it imported beyond what every interpreter does.

    Parameters
    ----------
    arguments
        What follows ``python``, such as ``"-m", "pdb_cli", "jobs"``.
    cwd
        Where it runs.
    env
        Changes to the environment.

    Raises
    ------
    AssertionError
        It did not exit with 0.
    """
    environment = {**os.environ, **(env or {})}
    return _modules(arguments, cwd, environment) - _modules(("-c", "pass"), cwd, environment)


def _modules(
    arguments: tuple[str, ...], cwd: Path, environment: Mapping[str, str]
) -> frozenset[str]:
    """Return all modules a fresh interpreter imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = result.stderr.splitlines()
    words = [line for line in lines if not line.startswith(_MARK)]
    if result.returncode != 0:
        raise AssertionError(f"{arguments} exited with {result.returncode}: {words}")
    return frozenset(line.rpartition("|")[2].strip() for line in lines if line.startswith(_MARK))
