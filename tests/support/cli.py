"""Run ``pdb-cli`` as its users do: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CliRunner:
    """Calls ``python -m pdb_cli`` in the environment of the test."""

    cwd: Path
    """Where it runs unless told otherwise: an empty folder."""

    def __call__(
        self,
        *arguments: str | Path,
        env: Mapping[str, str | None] | None = None,
        input: str | None = None,  # noqa: A002 - subprocess.run calls it so
        cwd: Path | None = None,
        timeout_s: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command line to its end; ``env`` changes variables, None removes one."""
        environment = dict(os.environ)
        for name, value in (env or {}).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return subprocess.run(
            [sys.executable, "-m", "pdb_cli", *arguments],
            cwd=cwd or self.cwd,
            env=environment,
            # Without a text to read, the command sees an empty input and never waits for a person.
            input=input or "",
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
