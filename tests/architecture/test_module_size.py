"""No module is longer than 500 lines: beyond that it mixes concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.package_copy import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_LINES = 500


def oversized_modules(folder: Path) -> list[str]:
    """Return the modules below a folder that are too long, with their length."""
    lengths = {
        path.relative_to(folder).as_posix(): len(path.read_bytes().splitlines())
        for path in folder.rglob("*.py")
    }
    return [f"{name}: {lines}" for name, lines in lengths.items() if lines > LIMIT_LINES]


def test_no_module_is_oversized() -> None:
    folders = [REPOSITORY / name for name in ("src", "tests", "benchmarks")]
    assert [name for folder in folders for name in oversized_modules(folder)] == []


def test_planted_module_is_caught(tmp_path: Path) -> None:
    (tmp_path / "fits.py").write_text("x = 1\n" * LIMIT_LINES)
    (tmp_path / "long.py").write_text("x = 1\n" * (LIMIT_LINES + 1))
    assert oversized_modules(tmp_path) == [f"long.py: {LIMIT_LINES + 1}"]
