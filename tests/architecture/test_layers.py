"""import-linter sees what it is there to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.package_copy import PackageCopy

VIOLATIONS = {
    "a lower layer imports a higher one": (
        "archive/planted.py",
        "import pdb_cli.operations\n",
        "pdb_cli.archive.planted -> pdb_cli.operations",
    ),
    "the same inside a function": (
        "archive/planted.py",
        "def plan():\n    from pdb_cli import operations\n    return operations\n",
        "pdb_cli.archive.planted -> pdb_cli.operations",
    ),
    "the same for annotations only": (
        "archive/planted.py",
        (
            "from typing import TYPE_CHECKING\n\n"
            "if TYPE_CHECKING:\n    from pdb_cli.operations.download.run import Outcome\n"
        ),
        "pdb_cli.archive.planted -> pdb_cli.operations.download.run",
    ),
    "siblings know each other": (
        "jobs/planted.py",
        "import pdb_cli.operations\n",
        "pdb_cli.jobs.planted -> pdb_cli.operations",
    ),
    "one operation knows another": (
        "operations/validate/planted.py",
        "import pdb_cli.operations.sync.run\n",
        "pdb_cli.operations.validate.planted -> pdb_cli.operations.sync.run",
    ),
    "a module outside the layers": ("utils.py", "", "pdb_cli.utils"),
    "rich below cli": (
        "operations/planted.py",
        "def show():\n    import rich\n    return rich\n",
        "pdb_cli.operations.planted -> rich",
    ),
    "click below cli": (
        "operations/planted.py",
        "import click\n",
        "pdb_cli.operations.planted -> click",
    ),
}


def lint_imports(copy: PackageCopy) -> tuple[int, str]:
    result = copy.run_tool("lint-imports", "--no-cache")
    return result.returncode, result.stdout


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_planted_violation_is_caught(package_copy: PackageCopy, violation: str) -> None:
    module, code, message = VIOLATIONS[violation]
    package_copy.plant(module, code)
    status, output = lint_imports(package_copy)
    assert status == 1
    assert message in output


def test_copy_without_a_violation_passes(package_copy: PackageCopy) -> None:
    package_copy.plant("archive/planted.py", "import pdb_cli.errors\n")
    status, output = lint_imports(package_copy)
    assert status == 0, output
