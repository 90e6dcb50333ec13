"""Programs some tests need: where they are, or a skip that says how to get them."""

from __future__ import annotations

import os
import shutil

import pytest


def require_program(name: str, *, package: str) -> str:
    """Return the path of a program; skip the test where it is missing, fail it with CI=true."""
    # Debian keeps servers in /usr/sbin, which ordinary users do not have in their PATH.
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin")
    if path is not None:
        return path
    reason = f"{name} is not installed (Debian package {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
