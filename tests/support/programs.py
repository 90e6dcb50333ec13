"""Programs some tests need: where they are, or a skip that says how to get them."""

from __future__ import annotations

import os
import shutil

import pytest


def find_program(name: str) -> str | None:
    """Return the path of a program; Debian keeps servers where ordinary users do not look."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin")


def require_program(name: str, *, package: str) -> str:
    """Return the path of a program; skip the test where it is missing, fail it with CI=true."""
    path = find_program(name)
    if path is not None:
        return path
    reason = f"{name} is not installed (Debian package {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
