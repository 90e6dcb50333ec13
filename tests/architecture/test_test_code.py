"""The tests themselves: none sleeps, none is skipped without a way to forbid it, each can fail."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from support.package_copy import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TESTS = REPOSITORY / "tests"
MAY_SLEEP = {
    "support/wait.py": "the one loop that polls",
    "integration/transfer/test_waiting_items.py": "items that take time are what it is about",
}
# All of them fail instead of skipping with CI=true, where their need should be met.
MAY_SKIP = {
    "support/programs.py": "a program that is not installed",
    "support/small_disk.py": "no right to mount",
    "support/read_only_mount.py": "no right to mount",
    "support/namespaces.py": "no right to make namespaces",
    "integration/transfer/test_interrupts.py": "no right to put a name server in place",
    "integration/jobs/test_liveness.py": "no kernel that can refuse locks",
    "integration/sync/test_rsync_interrupts.py": "no kernel that has handles of processes",
}
_SKIPS = frozenset({"skip", "skipif", "skipUnless", "skipIf", "importorskip", "SkipTest"})
# ``wait_until`` and its like raise AssertionError.
_CHECKS = frozenset({"raises", "warns", "fail", "wait_until"})
_CHECK_PREFIXES = ("assert", "check", "expect_")


def findings(folder: Path) -> list[str]:
    """Return what the test code below a folder does that it should not, with the line."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if name not in MAY_SLEEP:
            found += [f"{name}:{line}: sleeps" for line in _sleeps(tree)]
        if name not in MAY_SKIP:
            found += [f"{name}:{line}: skips" for line in _skips(tree)]
        if path.name.startswith("test_"):
            found += [f"{name}:{line}: can not fail" for line in _harmless(tree)]
    return found


def _sleeps(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that call ``time.sleep`` or import it by name."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="sleep"):
                yield node.lineno
            case ast.ImportFrom(module="time", names=names) if "sleep" in _imported(names):
                yield node.lineno
            case _:
                pass


def _skips(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that skip, or import what skips."""
    expected = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "Exception"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attr) if attr in _SKIPS and node not in expected:
                yield node.lineno
            case ast.ImportFrom(names=names) if _SKIPS & _imported(names):
                yield node.lineno
            case _:
                pass


def _imported(names: list[ast.alias]) -> set[str]:
    """Return the names a ``from`` import takes."""
    return {item.name for item in names}


def _harmless(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of test functions that check nothing, not even by a function beside them."""
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    checking = {name for name, node in functions.items() if _checks(node, frozenset())}
    while more := {
        name
        for name, node in functions.items()
        if name not in checking and _checks(node, frozenset(checking))
    }:
        checking |= more
    for name, node in functions.items():
        if name.startswith("test_") and name not in checking:
            yield node.lineno


def _checks(function: ast.AST, helpers: frozenset[str]) -> bool:
    """Tell whether a function asserts something, or calls one that does."""
    for node in ast.walk(function):
        match node:
            case ast.Assert():
                return True
            case ast.Raise(exc=ast.Call(func=ast.Name(id="AssertionError"))):
                return True
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if (
                called in _CHECKS or called in helpers or called.startswith(_CHECK_PREFIXES)
            ):
                return True
            case _:
                pass
    return False


def test_the_test_code_is_clean() -> None:
    assert findings(TESTS) == []


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("import time\ndef helper():\n    time.sleep(1)\n", "3: sleeps"),
        ("from time import monotonic, sleep\n", "1: sleeps"),
        ("def test_x():\n    pytest.skip('later')\n    assert 0\n", "2: skips"),
        ("@pytest.mark.skip\ndef test_x():\n    assert 0\n", "1: skips"),
        ("@pytest.mark.skipif(True, reason='')\ndef test_x():\n    assert 0\n", "1: skips"),
        ("gemmi = pytest.importorskip('gemmi')\n", "1: skips"),
        ("from pytest import skip\n", "1: skips"),
        ("def test_x():\n    print(1)\n", "1: can not fail"),
        ("class TestX:\n    def test_x(self):\n        pass\n", "2: can not fail"),
        ("def helper():\n    pass\n\ndef test_x():\n    helper()\n", "4: can not fail"),
    ],
)
def test_planted_test_is_caught(tmp_path: Path, code: str, finding: str) -> None:
    (tmp_path / "test_planted.py").write_text(code)
    assert findings(tmp_path) == [f"test_planted.py:{finding}"]


@pytest.mark.parametrize(
    "code",
    [
        "def test_x():\n    assert f() == 1\n",
        "def test_x():\n    with pytest.raises(ValueError):\n        f()\n",
        "def test_x():\n    assert_clean(f())\n",
        "def test_x():\n    wait_until(f)\n",
        "def helper():\n    assert 0\n\ndef test_x():\n    helper()\n",
        "SCRIPT = 'import time; time.sleep(60)'\n",
        "def test_x():\n    with pytest.raises(pytest.skip.Exception):\n        f()\n",
    ],
)
def test_good_tests_pass(tmp_path: Path, code: str) -> None:
    (tmp_path / "test_planted.py").write_text(code)
    assert findings(tmp_path) == []
