from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest

from pdb_cli import errors


def test_every_error_is_found_in_the_package() -> None:
    names: set[str] = set()
    for module in pkgutil.iter_modules(errors.__path__, f"{errors.__name__}."):
        found = vars(import_module(module.name))
        own = {
            name: value
            for name, value in found.items()
            if isinstance(value, type) and value.__module__ == module.name
        }
        assert own
        assert all(getattr(errors, name) is value for name, value in own.items())
        names |= own.keys()
    assert names == set(errors.__all__) == set(dir(errors))


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoSuchError'"):
        _ = errors.NoSuchError  # type: ignore[attr-defined]
