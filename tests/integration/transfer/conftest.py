"""Mirrors that hold the bundled files and misbehave on command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.fault_server import FaultServer
from support.fetching import real_paths

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def mirror() -> Iterator[FaultServer]:
    with FaultServer(real_paths()) as server:
        yield server


@pytest.fixture
def second_mirror() -> Iterator[FaultServer]:
    with FaultServer(real_paths()) as server:
        yield server
