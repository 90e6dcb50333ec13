"""Small, full or read-only file systems, made for one test (root on Linux only)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def small_disk(path: Path, *, size_bytes: int) -> Iterator[Path]:
    """Mount an empty file system of a given size; skip the test where that is not possible."""
    path.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(path))
    try:
        yield path
    finally:
        _unmount(path)


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[Path]:
    """Let nobody, not even root, write below a directory; files that are open stay writable."""
    _mount("--bind", str(path), str(path))
    try:
        _mount("-o", "remount,ro,bind", str(path))
        yield path
    finally:
        _unmount(path)


def fill(path: Path) -> Path:
    """Write to a file until the disk is full, and return it; remove it to make room again."""
    ballast = path / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        with contextlib.suppress(OSError):
            while True:
                os.write(descriptor, b"x" * 512)
    finally:
        os.close(descriptor)
    return ballast


def _mount(*arguments: str) -> None:
    """Call mount; without the right to, the test is skipped (with CI=true it fails)."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = f"mount works for root only: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def _unmount(path: Path) -> None:
    """Undo a mount, even if something still looks into it."""
    subprocess.run(["umount", "--lazy", str(path)], check=True)
