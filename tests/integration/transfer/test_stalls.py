from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.errors import ConnectionFailedError
from pdb_cli.transfer.fetch import FetchStatus, HttpOptions, fetch_files
from pdb_cli.transfer.retry import RetryPolicy
from support.faults import Drip, Stall
from support.fetching import OTHER, SMALL, fetch, fetch_one, files_below, item_for, real_paths
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.fault_server import FaultServer

STALLING = HttpOptions(connections=4, connect_timeout_s=0.3, stall_timeout_s=0.5)
ONCE = RetryPolicy(retries=0)


def test_d07_slow_but_moving_transfer_finishes(mirror: FaultServer, tmp_path: Path) -> None:
    # Longer than every time limit there is, but never silent for as long as the stall limit.
    options = HttpOptions(connections=1, connect_timeout_s=0.8, stall_timeout_s=0.8)
    mirror.inject(Drip(pieces=20, pause_s=0.08))
    started_s = time.monotonic()
    result = fetch_one(item_for(SMALL, tmp_path, mirror), options=options, retry=ONCE)
    assert result.status is FetchStatus.FETCHED
    assert time.monotonic() - started_s > 1.5
    assert files_below(tmp_path) == {result.item.name: real_paths()[SMALL]}


def test_stall_in_the_body_is_ended_and_tried_again(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Stall(), times=1)
    started_s = time.monotonic()
    result = fetch_one(item_for(SMALL, tmp_path, mirror), options=STALLING)
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert 0.4 < time.monotonic() - started_s < 3.0


def test_server_that_never_answers_is_a_stall(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.delay_s = 60.0
    result = fetch_one(item_for(SMALL, tmp_path, mirror), options=STALLING, retry=ONCE)
    assert result.status is FetchStatus.FAILED
    assert isinstance(result.error, ConnectionFailedError)
    assert "stalled" in result.error.reason
    assert files_below(tmp_path) == {}


def test_stall_of_one_file_does_not_hold_up_another(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Stall(), SMALL)
    items = [item_for(path, tmp_path, mirror) for path in (SMALL, OTHER)]
    results, _ = fetch(items, options=STALLING, retry=ONCE)
    assert [(r.item, r.status) for r in results] == [
        (items[1], FetchStatus.FETCHED),
        (items[0], FetchStatus.FAILED),
    ]


def test_consumer_that_dawdles_causes_no_stall(mirror: FaultServer, tmp_path: Path) -> None:
    # Nobody looks at the network for longer than the stall limit; the bytes are there all the same.
    options = HttpOptions(connections=2, stall_timeout_s=1.0)
    items = [item_for(path, tmp_path, mirror) for path in real_paths()]
    with closing(fetch_files(items, options=options, retry=ONCE)) as run:
        assert next(run).status is FetchStatus.FETCHED
        now_s = time.monotonic()
        wait_until(lambda: time.monotonic() > now_s + 1.1, what="the stall limit to pass")
        assert {result.status for result in run} == {FetchStatus.FETCHED}
