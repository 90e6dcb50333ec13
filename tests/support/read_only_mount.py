"""Disks that refuse to be written: one mounted read-only, one filled to the last block."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def read_only(path: Path) -> Iterator[Path]:
    """Let nobody, not even root, write below a directory while the context lasts.

    Files that were open before stay writable. Only root may mount: other users skip the test. For
    root a refusal is a skip too, and with CI=true a failure.
    """
    _mount("--bind", str(path), str(path))
    try:
        _mount("-o", "remount,ro,bind", str(path))
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path) -> Path:
    """Write to a file until the disk is full, and return it; remove it to make room again."""
    ballast = path / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):
            while True:
                os.write(descriptor, b"x" * 512)
    finally:
        os.close(descriptor)
    return ballast


def _mount(*arguments: str) -> None:
    """Call mount, or skip the test."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = f"a directory could not be mounted read-only: {done.stderr.strip()}"
        if os.geteuid() == 0 and os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
