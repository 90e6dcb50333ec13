from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.events import BytesReceived, Event
from pdb_cli.transfer.fetch import FetchStatus, HttpOptions, fetch_files
from pdb_cli.transfer.retry import RetryPolicy
from support import fetch_program
from support.archive_gzip import inflate
from support.fetching import RETRY, SMALL, fetch_one, files_below, item_for, real_paths
from support.large_file import large_file
from support.nginx import Nginx
from support.programs import require_program
from support.range_server import MTIME_S, RangeAnswer, RangeServer
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

CUT = 1_000_000
ONCE = RetryPolicy(retries=0)
NAME = SMALL.removeprefix("/pub/pdb/data/")
PART = NAME.replace("3hya", ".3hya") + ".part"
SIDECAR = PART + ".json"


def test_d06_broken_transfer_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = large_file()
    with RangeServer(data, cut_after_bytes=(CUT,)) as server:
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
        first, second = server.asked
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert first.range is None
    assert second.range == f"bytes={CUT}-"
    assert second.if_range == '"right"'
    assert first.sent_bytes + second.sent_bytes == len(data)
    assert files_below(tmp_path) == {NAME: data}
    assert (tmp_path / NAME).stat().st_mtime == MTIME_S


def test_result_has_the_checksums_of_the_whole(tmp_path: Path) -> None:
    data = large_file()
    with RangeServer(data, cut_after_bytes=(CUT, 100_000)) as server:
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
    assert result.verified is not None
    assert result.verified.sha256 == hashlib.sha256(data).hexdigest()
    assert result.verified.crc32 == zlib.crc32(inflate(data))
    assert result.verified.text_bytes == len(inflate(data))


def test_without_an_entity_tag_the_time_tells_the_version(tmp_path: Path) -> None:
    with RangeServer(large_file(), RangeAnswer.REST_WITHOUT_ETAG, (CUT,)) as server:
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
        assert server.asked[1].if_range == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert files_below(tmp_path) == {NAME: large_file()}


def test_server_that_sends_all_of_it_again_is_taken_at_its_word(tmp_path: Path) -> None:
    # It ignores ranges, or has another version by now.
    with RangeServer(large_file(), RangeAnswer.WHOLE, (CUT,)) as server:
        server.data_after_first = large_file(1)
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
        assert [asked.range for asked in server.asked] == [None, f"bytes={CUT}-"]
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert files_below(tmp_path) == {NAME: large_file(1)}


@pytest.mark.parametrize(
    "answer",
    [
        RangeAnswer.NOT_SATISFIABLE,
        RangeAnswer.WRONG_PLACE,
        RangeAnswer.WRONG_LENGTH,
        RangeAnswer.OTHER_VERSION,
        RangeAnswer.WRONG_BYTES,
    ],
)
def test_what_can_not_be_continued_starts_over_and_costs_no_try(
    answer: RangeAnswer, tmp_path: Path
) -> None:
    # One more try, which the break uses up: starting over is not one of them.
    with RangeServer(large_file(), answer, (CUT,)) as server:
        policy = RetryPolicy(retries=1, base_s=0.01)
        result = fetch_one(item_for(SMALL, tmp_path, server.url), retry=policy)
        ranges = [asked.range for asked in server.asked]
    assert ranges == [None, f"bytes={CUT}-", None]
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 3)
    assert files_below(tmp_path) == {NAME: large_file()}


def test_server_in_trouble_does_not_cost_what_is_there(tmp_path: Path) -> None:
    with RangeServer(large_file(), RangeAnswer.BUSY, (CUT,)) as server:
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
        assert result.status is FetchStatus.FAILED
        assert set(files_below(tmp_path)) == {PART, SIDECAR}
        server.answer = RangeAnswer.REST
        assert fetch_one(item_for(SMALL, tmp_path, server.url)).attempts == 1
        assert server.sent_bytes == len(large_file())
    assert files_below(tmp_path) == {NAME: large_file()}


def test_file_that_is_gone_takes_its_part_along(tmp_path: Path) -> None:
    with RangeServer(large_file(), RangeAnswer.MISSING, (CUT,)) as server:
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
    assert result.status is FetchStatus.NOT_FOUND
    assert files_below(tmp_path) == {}


def test_small_file_is_not_worth_it(tmp_path: Path) -> None:
    with RangeServer(real_paths()[SMALL], cut_after_bytes=(5000,)) as server:
        result = fetch_one(item_for(SMALL, tmp_path, server.url), retry=ONCE)
    assert result.status is FetchStatus.FAILED
    assert files_below(tmp_path) == {}


def test_other_mirror_starts_over(tmp_path: Path) -> None:
    with RangeServer(large_file(), cut_after_bytes=(CUT,)) as first:
        fetch_one(item_for(SMALL, tmp_path, first.url), retry=ONCE)
    assert set(files_below(tmp_path)) == {PART, SIDECAR}
    with RangeServer(large_file(1)) as second:
        result = fetch_one(item_for(SMALL, tmp_path, second.url), retry=ONCE)
        assert [asked.range for asked in second.asked] == [None]
    assert result.status is FetchStatus.FETCHED
    assert files_below(tmp_path) == {NAME: large_file(1)}


def test_part_that_was_damaged_meanwhile_starts_over(tmp_path: Path) -> None:
    with RangeServer(large_file(), cut_after_bytes=(CUT,)) as server:
        fetch_one(item_for(SMALL, tmp_path, server.url), retry=ONCE)
        # As after a power failure: the length was written, the last bytes were not.
        with (tmp_path / PART).open("r+b") as part:
            part.seek(-50_000, os.SEEK_END)
            part.write(bytes(50_000))
        result = fetch_one(item_for(SMALL, tmp_path, server.url), retry=ONCE)
        assert [asked.range for asked in server.asked] == [None, f"bytes={CUT}-", None]
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert files_below(tmp_path) == {NAME: large_file()}


def test_part_that_is_whole_already_is_not_fetched_again(tmp_path: Path) -> None:
    data = large_file()
    with RangeServer(data, cut_after_bytes=(CUT,)) as server:
        fetch_one(item_for(SMALL, tmp_path, server.url), retry=ONCE)
        (tmp_path / PART).write_bytes(data)
        result = fetch_one(item_for(SMALL, tmp_path, server.url), retry=ONCE)
        assert server.asked[1].sent_bytes == 1
    assert result.status is FetchStatus.FETCHED
    assert files_below(tmp_path) == {NAME: data}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_d06_next_run_goes_on_after_a_kill(number: signal.Signals, tmp_path: Path) -> None:
    data = large_file()
    part = tmp_path / PART
    with RangeServer(data) as server:
        server.hold_after_bytes = CUT
        command = [sys.executable, fetch_program.__file__, str(tmp_path), server.url, SMALL]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            wait_until(lambda: part.exists() and part.stat().st_size >= CUT, what="a good part")
            process.send_signal(number)
            process.wait(timeout=10)
        assert set(files_below(tmp_path)) == {PART, SIDECAR}
        server.hold_after_bytes = None
        result = fetch_one(item_for(SMALL, tmp_path, server.url))
        assert (result.status, result.attempts) == (FetchStatus.FETCHED, 1)
        assert server.sent_bytes <= len(data) * 1.05
    assert files_below(tmp_path) == {NAME: data}


def test_closed_run_keeps_what_the_next_can_use(tmp_path: Path) -> None:
    with RangeServer(large_file()) as server:
        server.hold_after_bytes = CUT
        received_bytes = 0

        def observe(event: Event) -> None:
            nonlocal received_bytes
            if isinstance(event, BytesReceived):
                received_bytes += event.size_bytes
            if received_bytes == CUT:
                part = tmp_path / PART
                wait_until(lambda: part.stat().st_size == CUT, what="all of it on disk")
                raise KeyboardInterrupt

        item = item_for(SMALL, tmp_path, server.url)
        run = fetch_files([item], options=HttpOptions(), retry=RETRY, observe=observe)
        with pytest.raises(KeyboardInterrupt), closing(run):
            next(run)
        assert set(files_below(tmp_path)) == {PART, SIDECAR}
        server.hold_after_bytes = None
        fetch_one(item)
        assert server.asked[1].range == f"bytes={CUT}-"
    assert files_below(tmp_path) == {NAME: large_file()}


def test_nginx_sends_the_rest(tmp_path: Path) -> None:
    program = require_program("nginx", package="nginx")
    (tmp_path / "nginx").mkdir()
    path = tmp_path / "mirror" / SMALL.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_bytes(large_file())
    folder = tmp_path / "collection"
    with Nginx(program, tmp_path / "mirror", folder=tmp_path / "nginx") as nginx:
        slowly = HttpOptions(connections=1, limit_rate_bytes_s=2_000_000)
        got_bytes = 0

        def observe(event: Event) -> None:
            nonlocal got_bytes
            if isinstance(event, BytesReceived):
                got_bytes += event.size_bytes
                if got_bytes > CUT // 2:
                    raise KeyboardInterrupt

        item = item_for(SMALL, folder, nginx.origin)
        run = fetch_files([item], options=slowly, retry=RETRY, observe=observe)
        with pytest.raises(KeyboardInterrupt), closing(run):
            next(run)
        kept_bytes = (folder / PART).stat().st_size
        assert fetch_one(item).status is FetchStatus.FETCHED
        first, second = nginx.requests()
    assert files_below(folder) == {NAME: large_file()}
    assert f'" 206 {len(large_file()) - kept_bytes} ' in second
    assert '" 200 ' in first
