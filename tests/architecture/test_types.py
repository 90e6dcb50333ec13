"""mypy runs with the strictness the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.package_copy import PackageCopy

VIOLATIONS = {
    "an untyped function": ("def find_entry(name):\n    return name\n", "no-untyped-def"),
    "an enum dispatch that is not closed": (
        (
            "from enum import Enum\n\n\nclass Side(Enum):\n    LEFT = 1\n    RIGHT = 2\n\n\n"
            "def name(side: Side) -> str:\n    match side:\n        case Side.LEFT:\n"
            '            return "left"\n    return "right"\n'
        ),
        "exhaustive-match",
    ),
    "a silenced error without its code": (
        'SIZE: int = "large"  # type: ignore\n',
        "ignore-without-code",
    ),
}


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("mypy"))


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_planted_violation_is_caught(
    package_copy: PackageCopy, cache_dir: str, violation: str
) -> None:
    code, error = VIOLATIONS[violation]
    path = package_copy.plant("archive/planted.py", code)
    result = package_copy.run_tool("mypy", f"--cache-dir={cache_dir}", path)
    assert result.returncode == 1, result.stdout
    assert f"[{error}]" in result.stdout
