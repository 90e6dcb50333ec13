"""Questions about files that are answered without sending them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ConnectionFailedError, HttpStatusError
from pdb_cli.transfer.fetch import FetchStatus, fetch_files
from pdb_cli.transfer.lookup import Question, look_up
from pdb_cli.transfer.model import Source
from pdb_cli.transfer.retry import RetryPolicy
from support.archive_simulator import ArchiveSimulator
from support.fault_server import FaultServer
from support.faults import Status
from support.fetching import OPTIONS, RETRY, SMALL, item_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE_MORE = RetryPolicy(retries=1, base_s=0.01)
PATHS = (
    "data/structures/divided/mmCIF/hy/3hya.cif.gz",
    "data/structures/divided/mmCIF/kq/1kqe.cif.gz",
)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    with ArchiveSimulator.make(tmp_path / "archive", "3hya", "1kqe") as simulator:
        yield simulator


def question(*urls: str) -> Question:
    return Question(tuple(Source("lab", url) for url in urls), urls[0])


def test_time_and_length_are_told(mirror: ArchiveSimulator) -> None:
    urls = [f"{mirror.url}/{path}" for path in PATHS] * 20
    answers = list(look_up([question(url) for url in urls], options=OPTIONS, retry=RETRY))
    assert sorted(answer.tag for answer in answers) == sorted(urls)
    for answer in answers:
        path = mirror.tree.root / answer.tag.removeprefix(mirror.url + "/")
        assert answer.size_bytes == path.stat().st_size
        assert answer.last_modified_s == path.stat().st_mtime
    assert {request.method for request in mirror.requests} == {"HEAD"}
    assert sum(request.sent_bytes for request in mirror.requests) == 0


def test_what_no_mirror_has_is_missing(mirror: ArchiveSimulator) -> None:
    (answer,) = look_up([question(f"{mirror.url}/nothing")], options=OPTIONS, retry=RETRY)
    assert answer.is_missing


def test_another_mirror_is_asked_where_one_has_it_not(mirror: ArchiveSimulator) -> None:
    urls = (f"{mirror.url}/nothing", f"{mirror.url}/{PATHS[0]}")
    (answer,) = look_up([question(*urls)], options=OPTIONS, retry=RETRY)
    assert answer.size_bytes


def test_trouble_is_an_error_after_some_tries() -> None:
    with FaultServer({}) as server:
        server.inject(Status(503), times=2)
        with pytest.raises(HttpStatusError):
            list(look_up([question(f"{server.url}/busy")], options=OPTIONS, retry=ONE_MORE))
        assert len(server.requests) == 2
        url = server.url
    with pytest.raises(ConnectionFailedError):
        list(look_up([question(f"{url}/gone")], options=OPTIONS, retry=ONE_MORE))


def test_trouble_that_passes_is_none(mirror: ArchiveSimulator) -> None:
    with FaultServer({}) as server:
        server.inject(Status(503), times=1)
        urls = (f"{server.url}/busy", f"{mirror.url}/{PATHS[0]}")
        (answer,) = look_up([question(*urls)], options=OPTIONS, retry=ONE_MORE)
    assert answer.size_bytes


def test_a_file_is_not_fetched_unless_it_has_changed(
    mirror: ArchiveSimulator, tmp_path: Path
) -> None:
    item = item_for(SMALL, tmp_path, mirror.origin)
    time_s = mirror.tree.file_time_s
    for since_s, expected in ((time_s, FetchStatus.UNCHANGED), (time_s - 1, FetchStatus.FETCHED)):
        mirror.forget_requests()
        asked = replace(item, unless_since_s=since_s)
        (result,) = fetch_files([asked], options=OPTIONS, retry=RETRY)
        assert result.status is expected
        assert result.error is None
        assert len(mirror.requests) == 1
        assert item.destination.exists() is (expected is FetchStatus.FETCHED)
    assert not list(tmp_path.rglob(".*.part"))
