"""Questions about single files, put to servers that behave and to servers that do not."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import HttpStatusError, StaleVersionError
from pdb_cli.transfer.ask import TRAILER_BYTES, Answer, AnswerKind, Question, ask_mirrors
from pdb_cli.transfer.fetch import FetchStatus
from pdb_cli.transfer.model import Source
from support.archive_simulator import ArchiveSimulator
from support.fault_server import DEFAULT_MTIME_S, FaultServer
from support.faults import Endless, Raw, Redirect, Reset, ShortBody, Status
from support.fetching import OPTIONS, RETRY, SMALL, fetch_one, item_for, real_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.faults import Fault

DATA = real_paths()[SMALL]


def question(
    *urls: str, data: bytes = DATA, etag: str | None = None, came_from: str | None = None
) -> Question:
    """Return a question about some bytes."""
    sources = tuple(Source(f"mirror{number}", url) for number, url in enumerate(urls, 1))
    return Question(SMALL, sources, len(data), data[-TRAILER_BYTES:], url=came_from, etag=etag)


def ask(*questions: Question) -> list[Answer]:
    """Return the answers."""
    with closing(ask_mirrors(questions, options=OPTIONS, retry=RETRY)) as answers:
        return list(answers)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Give a server that knows no ranges and no tags."""
    with FaultServer(real_paths()) as server:
        yield server


def test_the_end_of_a_file_settles_whether_it_is_the_same(tmp_path: Path) -> None:
    with ArchiveSimulator.make(tmp_path, "3hya") as mirror:
        url = mirror.origin + SMALL
        other = DATA[:-1] + bytes([DATA[-1] ^ 1])
        same, differs, shorter = ask(
            question(url), question(url, data=other), question(url, data=DATA[1:])
        )
        assert {request.sent_bytes for request in mirror.requests} == {TRAILER_BYTES}
    kinds = [same.kind, differs.kind, shorter.kind]
    assert sorted(kinds) == [AnswerKind.OTHER, AnswerKind.OTHER, AnswerKind.SAME]
    assert same.last_modified_s == mirror.tree.file_time_s


def test_a_tag_is_only_shown_to_whom_it_came_from(tmp_path: Path) -> None:
    with ArchiveSimulator.make(tmp_path, "3hya") as mirror:
        url = mirror.origin + SMALL
        etag = f'"{mirror.tree.path(*mirror.tree.files()).stat().st_mtime_ns:x}-{len(DATA):x}"'
        (answer,) = ask(question(url, etag=etag, came_from=url))
        assert (answer.kind, mirror.requests[-1].status) == (AnswerKind.SAME, 304)
        (answer,) = ask(question(url, etag=etag, came_from="https://other.example/x"))
        assert (answer.kind, mirror.requests[-1].status) == (AnswerKind.SAME, 206)
        (answer,) = ask(question(url, etag='"another"', came_from=url, data=DATA[:-1]))
        assert (answer.kind, mirror.requests[-1].status) == (AnswerKind.OTHER, 206)


def test_a_server_without_ranges_is_read_to_the_end(server: FaultServer) -> None:
    url = server.url + SMALL
    assert [answer.kind for answer in ask(question(url))] == [AnswerKind.SAME]
    assert [answer.kind for answer in ask(question(url, data=DATA + b"x"))] == [AnswerKind.OTHER]


def test_what_nobody_has_is_absent(server: FaultServer) -> None:
    (answer,) = ask(question(server.url + "/none", server.url + "/neither"))
    assert (answer.kind, len(server.requests)) == (AnswerKind.ABSENT, 2)
    assert isinstance(answer.error, HttpStatusError)


def test_the_next_mirror_is_asked(server: FaultServer) -> None:
    (answer,) = ask(question(server.url + "/none", server.url + SMALL))
    assert (answer.kind, answer.source and answer.source.mirror) == (AnswerKind.SAME, "mirror2")


BAD: tuple[Fault, ...] = (
    Status(403),
    Status(503),
    Reset(),
    ShortBody(),
    Redirect(),
    Endless(404),
    Raw(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 8\r\n\r\n12345678"),
    Raw(
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 8\r\n"
        b"Content-Range: bytes 0-7/100\r\n\r\n12345678"
    ),
    Raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<html></html"),
)


@pytest.mark.parametrize("fault", BAD, ids=repr)
def test_a_bad_answer_is_none_and_never_a_verdict(server: FaultServer, fault: Fault) -> None:
    server.inject(fault, SMALL)
    (answer,) = ask(question(server.url + SMALL))
    assert answer.kind is (AnswerKind.ABSENT if isinstance(fault, Endless) else AnswerKind.NONE)


def test_many_questions_are_asked_at_once(server: FaultServer) -> None:
    server.delay_s = 0.02
    started_s = time.monotonic()
    answers = ask(*[question(server.url + SMALL)] * 60)
    took_s = time.monotonic() - started_s
    assert {answer.kind for answer in answers} == {AnswerKind.SAME}
    assert len(answers) == 60
    assert server.most_at_once == OPTIONS.connections
    assert took_s < 60 * server.delay_s


def test_without_a_network_hundreds_of_questions_end_soon() -> None:
    started_s = time.monotonic()
    answers = ask(*[question("http://127.0.0.1:9/x")] * 300)
    assert {answer.kind for answer in answers} == {AnswerKind.NONE}
    assert len(answers) == 300
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize(
    ("not_before_s", "status"),
    [
        (None, FetchStatus.FETCHED),
        (DEFAULT_MTIME_S, FetchStatus.FETCHED),
        (DEFAULT_MTIME_S + 0.9, FetchStatus.FETCHED),
        (DEFAULT_MTIME_S + 1, FetchStatus.FAILED),
    ],
)
def test_a_version_that_is_too_old_is_not_taken(
    server: FaultServer, tmp_path: Path, not_before_s: float | None, status: FetchStatus
) -> None:
    item = item_for(SMALL, tmp_path, server)
    item = type(item)(
        item.name, item.sources, item.destination, item.expectation, not_before_s=not_before_s
    )
    result = fetch_one(item)
    assert result.status is status
    assert item.destination.exists() is (status is FetchStatus.FETCHED)
    if status is FetchStatus.FAILED:
        assert isinstance(result.error, StaleVersionError)
        assert len(server.requests) == 1
