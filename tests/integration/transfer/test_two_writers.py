from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.fetch import FetchStatus
from support import fetch_program
from support.faults import Drip, Stall
from support.fetching import OTHER, SMALL, fetch, fetch_one, files_below, item_for, real_paths
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.transfer.fetch import FetchResult
    from support.fault_server import FaultServer


@contextmanager
def fetching_process(
    folder: Path, mirror: FaultServer, *paths: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that fetches; it is gone afterwards."""
    program = Path(fetch_program.__file__)
    command = [sys.executable, str(program), str(folder), mirror.url, *paths]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_d06_two_threads_make_one_request(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Drip(pieces=5, pause_s=0.05))
    results: list[FetchResult] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(fetch_one(item_for(SMALL, tmp_path, mirror)))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.status for result in results} == {FetchStatus.FETCHED, FetchStatus.PRESENT}
    assert {result.size_bytes for result in results} == {len(real_paths()[SMALL])}
    assert mirror.count(SMALL) == 1
    assert files_below(tmp_path) == {results[0].item.name: real_paths()[SMALL]}


def test_d06_two_processes_make_one_request(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Drip(pieces=10, pause_s=0.05))
    item = item_for(SMALL, tmp_path, mirror)
    item.destination.parent.mkdir(parents=True)
    item.destination.write_bytes(b"an old version")
    with fetching_process(tmp_path, mirror, SMALL) as process:
        wait_until(lambda: mirror.count(SMALL), what="the first process's request")
        result = fetch_one(item)
        output, errors = process.communicate(timeout=10)
    assert (output.split(), errors) == ([item.name, "fetched"], "")
    assert (result.status, result.attempts) == (FetchStatus.PRESENT, 0)
    assert mirror.count(SMALL) == 1
    assert files_below(tmp_path) == {item.name: real_paths()[SMALL]}


def test_same_file_twice_in_one_run_is_fetched_once(mirror: FaultServer, tmp_path: Path) -> None:
    results, _ = fetch(item_for(SMALL, tmp_path, mirror) for _ in range(3))
    assert sorted(result.status for result in results) == ["fetched", "present", "present"]
    assert mirror.count(SMALL) == 1


def test_d06_kill_leaves_no_torn_file_and_the_next_run_succeeds(
    mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Stall(after_bytes=5000), SMALL, times=1)
    item = item_for(SMALL, tmp_path, mirror)
    part = item.destination.with_name(".3hya.cif.gz.part")
    with fetching_process(tmp_path, mirror, OTHER, SMALL) as process:
        wait_until(lambda: part.exists() and part.stat().st_size == 5000, what="half a file")
        process.kill()
        process.communicate(timeout=10)
    assert not item.destination.exists()
    results, _ = fetch(item_for(path, tmp_path, mirror) for path in (OTHER, SMALL))
    assert {result.status for result in results} == {FetchStatus.FETCHED}
    assert set(files_below(tmp_path).values()) == {real_paths()[OTHER], real_paths()[SMALL]}


def test_file_of_a_process_that_dies_is_taken_over(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Stall(), SMALL, times=1)
    item = item_for(SMALL, tmp_path, mirror)
    results: list[FetchResult] = []
    with fetching_process(tmp_path, mirror, SMALL) as process:
        wait_until(lambda: mirror.count(SMALL), what="the first process's request")
        waiter = threading.Thread(target=lambda: results.append(fetch_one(item)))
        waiter.start()
        other, _ = fetch([item_for(OTHER, tmp_path, mirror)])
        assert other[0].status is FetchStatus.FETCHED
        assert waiter.is_alive()
        process.kill()
        waiter.join(timeout=10)
    assert [result.status for result in results] == [FetchStatus.FETCHED]
    assert mirror.count(SMALL) == 2
    assert files_below(tmp_path)[item.name] == real_paths()[SMALL]


def test_waiting_for_another_writer_takes_no_connection(
    mirror: FaultServer, tmp_path: Path
) -> None:
    items = [item_for(path, tmp_path, mirror) for path in (SMALL, OTHER)]
    items[0].destination.parent.mkdir(parents=True)
    held = PartialFile.open(items[0].destination)
    assert held is not None
    results: list[FetchResult] = []
    with held:
        thread = threading.Thread(target=lambda: results.extend(fetch(items)[0]))
        thread.start()
        wait_until(items[1].destination.exists, what="the file nobody else has")
        assert mirror.count(SMALL) == 0
    thread.join(timeout=10)
    assert {result.status for result in results} == {FetchStatus.FETCHED}
