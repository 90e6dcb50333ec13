from __future__ import annotations

import pytest

from pdb_cli.transfer.options import HttpOptions


@pytest.mark.parametrize("connections", [0, -1])
def test_d11_no_workers_is_refused(connections: int) -> None:
    with pytest.raises(ValueError, match="connections"):
        HttpOptions(connections=connections)


@pytest.mark.parametrize("name", ["connect_timeout_s", "stall_timeout_s"])
def test_time_limits_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match="time limits"):
        HttpOptions(**{name: 0.0})  # type: ignore[arg-type]  # one of the two by name
