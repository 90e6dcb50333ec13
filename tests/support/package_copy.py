"""A temporary copy of the package with its tool settings, to plant violations in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The root of the checkout."""


@dataclass(frozen=True, slots=True)
class PackageCopy:
    """``src/pdb_cli`` and ``pyproject.toml`` in a folder of their own."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> PackageCopy:
        """Copy the sources as they are now; the bundled entries are left out."""
        shutil.copytree(
            REPOSITORY / "src" / "pdb_cli",
            root / "src" / "pdb_cli",
            ignore=shutil.ignore_patterns("__pycache__", "demo_data"),
        )
        shutil.copy(REPOSITORY / "pyproject.toml", root)
        return cls(root)

    @property
    def package(self) -> Path:
        """The copied ``pdb_cli``."""
        return self.root / "src" / "pdb_cli"

    def plant(self, module: str, code: str) -> Path:
        """Write a new module, such as ``archive/planted.py``."""
        path = self.package / module
        path.write_text(code, encoding="utf-8")
        return path

    def run_tool(self, tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a development tool of this environment on the copy."""
        return subprocess.run(
            [Path(sys.executable).parent / tool, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "src")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
