"""A disk that is full soon: a small tmpfs, mounted for real."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def small_disk(path: Path, *, size_bytes: int) -> Iterator[Path]:
    """Mount an empty tmpfs of a size at ``path`` while the context lasts.

    Only root may mount: other users skip the test. For root a refusal is a skip too, and with
    CI=true a failure.
    """
    path.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        reason = f"a small tmpfs could not be mounted: {mounted.stderr.strip()}"
        if os.geteuid() == 0 and os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
