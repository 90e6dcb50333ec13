"""The rules of ruff that keep the architecture see what they are there to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.package_copy import PackageCopy

HEADER = '"""Planted."""\n\nfrom __future__ import annotations\n\n'

VIOLATIONS = {
    "library code prints": ("operations/planted.py", 'print("done")\n', "T201"),
    "a heavy module at the top": ("operations/planted.py", "import asyncio\n", "TID253"),
    "rich at the top of the command line": ("cli/planted.py", "import rich.console\n", "TID253"),
    "the environment read below config": (
        "transfer/planted.py",
        'import os\n\nHOME = os.environ["HOME"]\n',
        "TID251",
    ),
    "the environment read by getenv": (
        "archive/planted.py",
        'import os\n\nHOME = os.getenv("HOME")\n',
        "TID251",
    ),
    "getenv imported by name": (
        "jobs/planted.py",
        'from os import getenv\n\nHOME = getenv("HOME")\n',
        "TID251",
    ),
    "the environment read as bytes": (
        "storage/planted.py",
        'import os\n\nHOME = os.environb[b"HOME"]\n',
        "TID251",
    ),
    "the home directory below config": (
        "operations/planted.py",
        "from pathlib import Path\n\nHOME = Path.home()\n",
        "TID251",
    ),
    "the home directory by os.path": (
        "storage/planted.py",
        'import os.path\n\nHOME = os.path.expanduser("~")\n',
        "TID251",
    ),
    "library code writes to stdout": (
        "operations/planted.py",
        'import sys\n\nsys.stdout.write("done")\n',
        "TID251",
    ),
    "library code writes to stderr": (
        "transfer/planted.py",
        'import sys\n\nsys.stderr.write("oops")\n',
        "TID251",
    ),
    "library code reads stdin": (
        "archive/planted.py",
        "import sys\n\nIDS = sys.stdin.read()\n",
        "TID251",
    ),
    "library code exits": ("jobs/planted.py", "import sys\n\nsys.exit(1)\n", "TID251"),
    "library code exits by os": ("jobs/planted.py", "import os\n\nos._exit(1)\n", "TID251"),
    "a relative import": ("archive/planted.py", "from . import layouts\n", "TID252"),
    "a public function without a docstring": (
        "archive/planted.py",
        "def find_entry() -> None:\n    return\n",
        "D103",
    ),
}

ALLOWED = {
    "the environment read by the command line": (
        "cli/planted.py",
        'import os\n\nHOME = os.environ["HOME"]\n',
    ),
    "the home directory in the settings": (
        "config/planted.py",
        "from pathlib import Path\n\nHOME = Path.home()\n",
    ),
    "the command line writes": ("cli/planted.py", 'import sys\n\nsys.stdout.write("done")\n'),
    "a heavy module where it is used": (
        "operations/planted.py",
        (
            '\ndef wait() -> None:\n    """Wait."""\n'
            "    import asyncio\n\n    asyncio.run(asyncio.sleep(0))\n"
        ),
    ),
}


def check(copy: PackageCopy, module: str, code: str) -> tuple[int, str]:
    path = copy.plant(module, HEADER + code)
    result = copy.run_tool("ruff", "check", "--no-cache", "--output-format=concise", path)
    return result.returncode, result.stdout


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_planted_violation_is_caught(package_copy: PackageCopy, violation: str) -> None:
    module, code, rule = VIOLATIONS[violation]
    status, output = check(package_copy, module, code)
    assert status == 1
    assert f" {rule} " in output


@pytest.mark.parametrize("case", ALLOWED)
def test_allowed_code_passes(package_copy: PackageCopy, case: str) -> None:
    status, output = check(package_copy, *ALLOWED[case])
    assert status == 0, output


def test_unformatted_code_is_caught(package_copy: PackageCopy) -> None:
    path = package_copy.plant("archive/planted.py", HEADER + "x = [ 1,2 ]\n")
    result = package_copy.run_tool("ruff", "format", "--no-cache", "--check", path)
    assert result.returncode == 1
