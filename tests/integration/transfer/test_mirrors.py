from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

from pdb_cli.errors import ConnectionFailedError, HttpStatusError, TransferError
from pdb_cli.events import AttemptFailed, FileFailed
from pdb_cli.transfer.fetch import FetchStatus, HttpOptions, fetch_files
from pdb_cli.transfer.retry import RetryPolicy
from support.faults import Status, WebPage
from support.fetching import (
    OPTIONS,
    OTHER,
    RETRY,
    SMALL,
    fetch,
    fetch_one,
    files_below,
    item_for,
    real_paths,
)
from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.transfer.fetch import FetchItem
    from support.fault_server import FaultServer


def test_d12_dead_mirror_is_left_after_its_tries(
    second_mirror: FaultServer, tmp_path: Path
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    results, events = fetch([item_for(SMALL, tmp_path, dead, second_mirror)])
    (result,) = results
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 4)
    assert result.source == result.item.sources[1]
    retries = [event for event in events if isinstance(event, AttemptFailed)]
    assert [event.next_url.startswith(dead) for event in retries] == [True, True, False]
    assert retries[0].delay_s > 0
    assert retries[2].delay_s == 0


def test_refused_connection_is_reported_with_its_reason(tmp_path: Path) -> None:
    port = free_port()
    results, events = fetch([item_for(SMALL, tmp_path, f"http://127.0.0.1:{port}")])
    (result,) = results
    assert (result.status, result.attempts) == (FetchStatus.FAILED, 3)
    assert isinstance(result.error, ConnectionFailedError)
    assert str(port) in result.error.reason
    assert events[-1] == FileFailed(result.item.name, result.error.reason)


def test_bad_bytes_are_asked_from_the_next_mirror(
    mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(WebPage())
    result = fetch_one(item_for(SMALL, tmp_path, mirror, second_mirror))
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert result.source == result.item.sources[1]
    assert files_below(tmp_path) == {result.item.name: real_paths()[SMALL]}


def test_bad_bytes_everywhere_end_after_all_tries_of_all_mirrors(
    mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(WebPage())
    second_mirror.inject(WebPage())
    result = fetch_one(item_for(SMALL, tmp_path, mirror, second_mirror))
    assert (result.status, result.attempts) == (FetchStatus.FAILED, 6)
    assert (mirror.count(SMALL), second_mirror.count(SMALL)) == (3, 3)


def test_trouble_of_one_mirror_is_told_rather_than_the_lack_of_another(
    mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(503))
    second_mirror.inject(Status(404))
    result = fetch_one(item_for(SMALL, tmp_path, mirror, second_mirror))
    assert result.status is FetchStatus.FAILED
    assert isinstance(result.error, HttpStatusError)
    assert result.error.status == 503


def test_d12_retry_after_is_honoured(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Status(429, retry_after_s=1), SMALL, times=1)
    # A date has whole seconds only: 2 s from now may be told as anything above 1 s.
    mirror.inject(Status(503, retry_after_s=2, as_date=True), OTHER, times=1)
    results, events = fetch(item_for(path, tmp_path, mirror) for path in (SMALL, OTHER))
    assert {(r.status, r.attempts) for r in results} == {(FetchStatus.FETCHED, 2)}
    for path in (SMALL, OTHER):
        first, second = (r.time_s for r in mirror.requests if r.path == path)
        assert 0.9 < second - first < 4.0
    assert all(event.delay_s <= 2.1 for event in events if isinstance(event, AttemptFailed))


def test_waiting_for_a_retry_does_not_hold_up_other_files(
    mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(503), SMALL, times=1)
    paths = [SMALL, *(path for path in real_paths() if path != SMALL)]
    one = HttpOptions(connections=1)
    items = (item_for(path, tmp_path, mirror) for path in paths)
    results, _ = fetch(items, options=one, retry=RetryPolicy(base_s=2.0))
    assert {result.status for result in results} == {FetchStatus.FETCHED}
    assert [request.path for request in mirror.requests] == [*paths, SMALL]


def test_server_that_wants_too_much_patience_is_left(
    mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(503, retry_after_s=3600))
    hasty = RetryPolicy(retries=2, base_s=0.01, patience_s=60.0)
    result = fetch_one(item_for(SMALL, tmp_path, mirror, second_mirror), retry=hasty)
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)


def test_back_off_grows(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Status(503))
    retry = RetryPolicy(retries=3, base_s=0.08)
    fetch([item_for(SMALL, tmp_path, mirror)], retry=retry)
    times = [request.time_s for request in mirror.requests]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 3
    assert all(gap >= 0.04 * 2**n for n, gap in enumerate(gaps))


def test_credentials_are_used_and_never_shown(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Status(503), times=1)
    mirror.inject(WebPage(), times=1)
    mirror.inject(Status(401))
    secret = mirror.url.replace("http://", "http://me:s3cret@")
    results, events = fetch([item_for(SMALL, tmp_path, secret)])
    assert {request.headers["authorization"] for request in mirror.requests} == {
        "Basic bWU6czNjcmV0"
    }
    error = results[0].error
    assert isinstance(error, TransferError)
    assert "s3cret" not in repr(error) + error.url + error.reason + repr(events)


def test_items_are_taken_lazily(mirror: FaultServer, tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[FetchItem]:
        nonlocal taken
        while True:
            taken += 1
            yield item_for(OTHER, tmp_path / str(taken), mirror)

    with closing(fetch_files(endless(), options=OPTIONS, retry=RETRY)) as run:
        for _ in range(20):
            assert next(run).status is FetchStatus.FETCHED
    assert 20 <= taken < 80
    assert not [name for name in files_below(tmp_path) if name.endswith(".part")]
