"""What is asked of the disk, and in which order."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def record_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every write, sync and rename pass, and note it in the list that is returned."""
    steps: list[str] = []
    write, pwrite, fsync, replace = os.write, os.pwrite, os.fsync, os.replace

    def recording_write(descriptor: int, data: bytes) -> int:
        steps.append("write")
        return write(descriptor, data)

    def recording_pwrite(descriptor: int, data: bytes, offset: int) -> int:
        steps.append("write")
        return pwrite(descriptor, data, offset)

    def recording_fsync(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("fsync directory" if is_directory else "fsync file")
        fsync(descriptor)

    def recording_replace(source: Path, target: Path) -> None:
        steps.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "write", recording_write)
    monkeypatch.setattr(os, "pwrite", recording_pwrite)
    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    return steps
