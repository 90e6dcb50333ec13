"""Every module can be imported, and every example in a docstring says the truth."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pdb_cli

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(pdb_cli.__path__, "pdb_cli.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_run(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_a_wrong_example_is_caught() -> None:
    def planted() -> None:
        """Claim nonsense.

        >>> 1 + 1
        3
        """

    examples = doctest.DocTestFinder().find(planted, "planted", globs={})
    runner = doctest.DocTestRunner(verbose=False)
    for example in examples:
        runner.run(example, out=lambda _: None)
    assert runner.failures == 1


def test_modules_are_found() -> None:
    assert {"pdb_cli.errors", "pdb_cli.archive.ids", "pdb_cli.jobs.model"} <= set(MODULES)
