"""Fixtures of the architecture tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.package_copy import PackageCopy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def package_copy(tmp_path: Path) -> PackageCopy:
    """Return a fresh copy of the package to plant a violation in."""
    return PackageCopy.make(tmp_path)
