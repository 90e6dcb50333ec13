"""Questions of somebody who has only a name: what is there, and has it changed?"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import ConnectionFailedError, HttpStatusError
from pdb_cli.transfer.ask import Answer, AnswerKind, Question, ask_mirrors
from pdb_cli.transfer.fetch import FetchStatus, fetch_files
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


def ask(*questions: tuple[str, ...]) -> list[Answer]:
    asked = [
        Question(urls[0], tuple(Source("lab", url) for url in urls), tag=urls[0])
        for urls in questions
    ]
    with closing(ask_mirrors(asked, options=OPTIONS, retry=ONE_MORE)) as answers:
        return list(answers)


def test_time_and_length_are_told_and_nothing_is_sent(mirror: ArchiveSimulator) -> None:
    urls = [f"{mirror.url}/{path}" for path in PATHS] * 20
    answers = ask(*((url,) for url in urls))
    assert sorted(answer.question.tag for answer in answers) == sorted(urls)
    for answer in answers:
        path = mirror.tree.root / answer.question.tag.removeprefix(mirror.url + "/")
        assert answer.kind is AnswerKind.TOLD
        assert answer.size_bytes == path.stat().st_size
        assert answer.last_modified_s == path.stat().st_mtime
    assert {request.method for request in mirror.requests} == {"HEAD"}
    assert sum(request.sent_bytes for request in mirror.requests) == 0


def test_what_no_mirror_has_is_absent(mirror: ArchiveSimulator) -> None:
    (answer,) = ask((f"{mirror.url}/nothing",))
    assert answer.kind is AnswerKind.ABSENT


def test_another_mirror_is_asked_where_one_has_it_not(mirror: ArchiveSimulator) -> None:
    (answer,) = ask((f"{mirror.url}/nothing", f"{mirror.url}/{PATHS[0]}"))
    assert answer.kind is AnswerKind.TOLD


@pytest.mark.parametrize("status", [405, 501])
def test_a_server_that_knows_no_head_tells_nothing(status: int) -> None:
    with FaultServer({}) as server:
        server.inject(Status(status))
        (answer,) = ask((f"{server.url}/file",))
    assert answer.kind is AnswerKind.TOLD
    assert answer.last_modified_s is None


def test_trouble_is_no_answer_after_some_tries() -> None:
    with FaultServer({}) as server:
        server.inject(Status(503))
        (answer,) = ask((f"{server.url}/busy",))
        assert answer.kind is AnswerKind.NONE
        assert isinstance(answer.error, HttpStatusError)
        assert len(server.requests) == 2
        url = server.url
    (answer,) = ask((f"{url}/gone",))
    assert isinstance(answer.error, ConnectionFailedError)


def test_a_file_is_not_sent_unless_it_has_changed(mirror: ArchiveSimulator, tmp_path: Path) -> None:
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
