"""Servers that are dead, busy or slow by order, and how many requests they then get."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ConnectionFailedError, HttpStatusError, WebPageError
from pdb_cli.events import BytesReceived, FileFailed, FilePublished
from pdb_cli.transfer.fetch import FetchStatus, HttpOptions, fetch_files
from pdb_cli.transfer.retry import RetryPolicy
from support.fault_server import FaultServer
from support.faults import Body, Stall, Status, WebPage
from support.fetching import OTHER, SMALL, fetch, fetch_one, item_for, real_paths
from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.events import Event
    from pdb_cli.transfer.fetch import FetchItem

DEFAULT = RetryPolicy()
WIDE = HttpOptions(connections=16)


def dead() -> str:
    """Return the address of a mirror that is not there."""
    return f"http://127.0.0.1:{free_port()}"


def copies(count: int, folder: Path, *mirrors: FaultServer | str) -> Iterator[FetchItem]:
    """List the same file under many names."""
    return (item_for(SMALL, folder / str(number), *mirrors) for number in range(count))


@pytest.mark.parametrize(("files", "limit_s"), [(1, 6.0), (200, 4.0)])
def test_without_a_network_it_is_said_soon(files: int, limit_s: float, tmp_path: Path) -> None:
    started_s = time.monotonic()
    mirrors = [dead() for _ in range(3)]
    results, _ = fetch(copies(files, tmp_path, *mirrors), options=WIDE, retry=DEFAULT)
    assert time.monotonic() - started_s < limit_s
    assert [result.status for result in results] == [FetchStatus.FAILED] * files
    assert all(isinstance(result.error, ConnectionFailedError) for result in results)
    # Three in a row and a probe for each mirror; more only of what was on its way at once.
    assert sum(result.attempts for result in results) <= (12 if files == 1 else 3 * (16 + 1))


def test_dead_first_mirror_costs_next_to_nothing(mirror: FaultServer, tmp_path: Path) -> None:
    started_s = time.monotonic()
    results, _ = fetch(copies(200, tmp_path, dead(), mirror), options=WIDE, retry=DEFAULT)
    assert {result.status for result in results} == {FetchStatus.FETCHED}
    assert sum(result.attempts for result in results) < 200 + 16 + 8
    assert time.monotonic() - started_s < 5.0


def test_a_mirror_that_answers_all_with_web_pages_is_left_alone(
    mirror: FaultServer, tmp_path: Path
) -> None:
    with FaultServer({}) as captive:
        captive.inject(WebPage())
        results, _ = fetch(copies(200, tmp_path, captive, mirror), options=WIDE, retry=DEFAULT)
        assert {result.status for result in results} == {FetchStatus.FETCHED}
        # Those that were on their way at once, and a few probes.
        assert len(captive.requests) < 40


def test_where_all_is_answered_with_web_pages_it_is_said_soon(tmp_path: Path) -> None:
    started_s = time.monotonic()
    with FaultServer({}) as captive:
        captive.inject(WebPage())
        results, _ = fetch(copies(200, tmp_path, captive), options=WIDE, retry=DEFAULT)
        assert {type(result.error) for result in results} == {WebPageError}
        assert len(captive.requests) < 80
    assert time.monotonic() - started_s < 6.0


def test_swallowed_connections_are_left_after_one_time_limit(
    mirror: FaultServer, tmp_path: Path
) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for filler in (first, second):
            filler.setblocking(False)  # noqa: FBT003 - the library's own way
            filler.connect_ex(address)
        options = HttpOptions(connections=4, connect_timeout_s=0.5)
        black_hole = f"http://127.0.0.1:{address[1]}"
        started_s = time.monotonic()
        result = fetch_one(
            item_for(SMALL, tmp_path, black_hole, mirror), options=options, retry=DEFAULT
        )
        took_s = time.monotonic() - started_s
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert 0.4 < took_s < 2.0


def test_outage_is_waited_for_by_all_files(mirror: FaultServer, tmp_path: Path) -> None:
    fault_ends_s = time.monotonic() + 0.8

    def observe(_: Event) -> None:
        if time.monotonic() > fault_ends_s:
            mirror.clear()

    mirror.inject(Status(500))
    retry = RetryPolicy(retries=5, base_s=0.1)
    with closing(
        fetch_files(copies(300, tmp_path, mirror), options=WIDE, retry=retry, observe=observe)
    ) as run:
        results = list(run)
    assert {result.status for result in results} == {FetchStatus.FETCHED}
    # A mirror in trouble sees a few requests, not one from each file again and again.
    assert len(mirror.requests) < 300 + 16 + 20


def test_a_server_that_is_gone_costs_all_files_together_what_one_would_cost(
    tmp_path: Path,
) -> None:
    retry = RetryPolicy(retries=3, base_s=0.02)
    with ExitStack() as stack:
        mirror = stack.enter_context(FaultServer(real_paths()))

        def observe(event: Event) -> None:
            if isinstance(event, FilePublished):
                stack.close()

        options = HttpOptions(connections=1)
        with closing(
            fetch_files(copies(15, tmp_path, mirror), options=options, retry=retry, observe=observe)
        ) as run:
            results = list(run)
    failed = [result for result in results if result.status is FetchStatus.FAILED]
    assert len(failed) > 3 + retry.retries
    assert all(isinstance(result.error, ConnectionFailedError) for result in failed)
    # Three in a row, and as many probes as a file has tries after its first.
    assert sum(result.attempts for result in failed) == 3 + retry.retries


def test_files_that_only_wait_fail_with_what_others_met(
    mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(500))
    retry = RetryPolicy(retries=1, base_s=0.01)
    results, events = fetch(copies(100, tmp_path, mirror), options=WIDE, retry=retry)
    assert {result.status for result in results} == {FetchStatus.FAILED}
    told = [event.reason for event in events if isinstance(event, FileFailed)]
    untried = [reason for reason in told if reason.startswith("not tried: ")]
    assert len(untried) == sum(result.is_untried for result in results)
    errors = [result.error for result in results]
    assert all(isinstance(error, HttpStatusError) and error.status == 500 for error in errors)
    assert min(result.attempts for result in results) == 0
    assert all(result.is_untried is (result.attempts == 0) for result in results)
    assert len(mirror.requests) < 50


def test_a_mirror_that_fails_the_first_request_for_each_file_delivers_them_all(
    tmp_path: Path,
) -> None:
    roots = [f"/{number}" for number in range(20)]
    with FaultServer({root + SMALL: real_paths()[SMALL] for root in roots}) as mirror:
        for root in roots:
            mirror.inject(Status(500), root + SMALL, times=1)
        items = [item_for(SMALL, tmp_path / root[1:], mirror.url + root) for root in roots]
        retry = RetryPolicy(retries=2, base_s=0.03)
        results, _ = fetch(items, options=HttpOptions(connections=1), retry=retry)
    assert {result.status for result in results} == {FetchStatus.FETCHED}


def test_bad_files_in_a_row_do_not_keep_a_good_mirror_shut(
    mirror: FaultServer, tmp_path: Path
) -> None:
    paths = list(real_paths())
    for path in paths[:6]:
        mirror.inject(Status(500), path)
    retry = RetryPolicy(retries=5, base_s=0.01, max_s=0.05)
    items = [item_for(path, tmp_path, mirror) for path in paths]
    results, _ = fetch(items, options=HttpOptions(connections=1), retry=retry)
    fetched = {result.item.name for result in results if result.status is FetchStatus.FETCHED}
    assert fetched == {item.name for item in items[6:]} != set()


def test_one_bad_file_gets_all_its_tries_and_holds_up_no_other(
    mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(500), SMALL)
    second_mirror.inject(Status(404), SMALL)
    items = [
        item_for(SMALL, tmp_path, mirror, second_mirror),
        *(item_for(OTHER, tmp_path / str(n), mirror, second_mirror) for n in range(40)),
    ]
    retry = RetryPolicy(retries=5, base_s=0.02)
    results, _ = fetch(items, options=HttpOptions(connections=2), retry=retry)
    bad = [result for result in results if result.status is not FetchStatus.FETCHED]
    assert [(result.item, result.status) for result in bad] == [(items[0], FetchStatus.FAILED)]
    assert mirror.count(SMALL) == 6


def test_d12_retry_after_holds_back_all_files_of_the_server(
    mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(429, retry_after_s=1), times=1)
    options = HttpOptions(connections=1)
    results, _ = fetch(copies(20, tmp_path, mirror), options=options)
    assert [result.status for result in results] == [FetchStatus.FETCHED] * 20
    times = [request.time_s for request in mirror.requests]
    assert times[1] - times[0] > 0.95
    assert max(later - earlier for earlier, later in pairwise(times[1:])) < 0.5
    assert len(times) == 21


def test_busy_server_gets_half_as_many_requests_and_slowly_more_again(tmp_path: Path) -> None:
    with FaultServer(real_paths(), delay_s=0.05) as mirror:
        mirror.inject(Status(429), times=16)
        retry = RetryPolicy(retries=5, base_s=0.02)
        results, _ = fetch(copies(200, tmp_path, mirror), options=WIDE, retry=retry)
        starts = [request.time_s for request in mirror.requests]
    assert {result.status for result in results} == {FetchStatus.FETCHED}

    def at_once(number: int) -> int:
        """Return how many requests began while one was in work."""
        return sum(0 <= start - starts[number] < 0.045 for start in starts)

    assert at_once(0) == 16
    assert max(map(at_once, range(16, 40))) <= 12
    assert max(map(at_once, range(150, 216))) > 12


@pytest.mark.parametrize(
    ("rate_bytes_s", "connections", "size_bytes"),
    [(1_000_000, 1, 20_000_000), (1_000_000, 16, 50_000), (4_000_000, 8, 3_000_000)],
)
def test_rate_is_kept_over_all_connections(
    rate_bytes_s: int, connections: int, size_bytes: int, mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Body(bytes(size_bytes)))
    options = HttpOptions(connections=connections, limit_rate_bytes_s=rate_bytes_s)
    received_bytes = 0
    started_s = time.monotonic()

    def observe(event: Event) -> None:
        nonlocal received_bytes
        if isinstance(event, BytesReceived):
            received_bytes += event.size_bytes
            if time.monotonic() - started_s > 3.0:
                raise _EnoughError

    with (
        pytest.raises(_EnoughError),
        closing(
            fetch_files(
                copies(1000, tmp_path, mirror),
                options=options,
                retry=RetryPolicy(retries=0),
                observe=observe,
            )
        ) as run,
    ):
        for _ in run:
            pass
    took_s = time.monotonic() - started_s
    assert received_bytes / took_s == pytest.approx(rate_bytes_s, rel=0.15)


class _EnoughError(Exception):
    """It was measured long enough."""


def test_slow_by_order_is_no_stall_and_a_stall_is_one(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Stall(), SMALL)
    options = HttpOptions(connections=4, stall_timeout_s=0.6, limit_rate_bytes_s=30_000)
    items = [item_for(path, tmp_path, mirror) for path in (SMALL, OTHER)]
    results, _ = fetch(items, options=options, retry=RetryPolicy(retries=0))
    statuses = {result.item.name: result.status for result in results}
    assert statuses == {items[0].name: FetchStatus.FAILED, items[1].name: FetchStatus.FETCHED}


def established(*servers: FaultServer) -> int:
    """Return how many connections to servers are open (Linux)."""
    ports = {int(server.url.rpartition(":")[2]) for server in servers}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Field 2 is where a connection leads to, 3 its state: 01 is established (proc(5)).
    # The file is read in parts while connections come and go: a row may come twice.
    return len(
        {
            (row[1], row[2])
            for row in rows
            if row[3] == "01" and int(row[2].partition(":")[2], 16) in ports
        }
    )


def test_connections_are_no_more_than_asked_for_over_all_hosts(tmp_path: Path) -> None:
    with (
        FaultServer({}, delay_s=0.02) as lacking,
        FaultServer(real_paths(), delay_s=0.02) as having,
    ):
        seen = [
            established(lacking, having)
            for _ in fetch_files(
                copies(40, tmp_path, lacking, having),
                options=HttpOptions(connections=4),
                retry=DEFAULT,
            )
        ]
    assert len(seen) == 40
    assert 1 <= max(seen) <= 4
