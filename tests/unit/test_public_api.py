"""The public names: import-linter can not see them, since they stand in strings."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import pdb_cli


@pytest.mark.parametrize("name", [name for name in pdb_cli.__all__ if name != "__version__"])
def test_every_public_name_loads_from_its_home(name: str) -> None:
    value = getattr(pdb_cli, name)
    assert value is getattr(import_module(pdb_cli._HOME[name]), name)
    assert value.__doc__, f"{name} has no docstring"


def test_the_table_and_all_are_the_same() -> None:
    assert set(pdb_cli.__all__) == {*pdb_cli._HOME, "__version__"}
    assert dir(pdb_cli) == sorted(pdb_cli.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        pdb_cli.nope  # noqa: B018 - the access is the test


def test_importing_the_package_imports_none_of_its_modules() -> None:
    code = "import pdb_cli, sys; print(*[m for m in sys.modules if m.startswith('pdb_cli.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pdb_cli._version"]
