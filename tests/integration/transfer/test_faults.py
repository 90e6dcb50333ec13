from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import (
    ConnectionFailedError,
    Defect,
    HttpStatusError,
    PdbCliError,
    RedirectError,
    VerificationError,
    WebPageError,
)
from pdb_cli.events import AttemptFailed, BytesReceived, FileFailed, FilePublished
from pdb_cli.transfer.fetch import FetchStatus
from pdb_cli.transfer.retry import RetryPolicy
from support.archive_gzip import archive_gzip
from support.faults import (
    Body,
    Chunked,
    Endless,
    Fault,
    FlippedBit,
    OddHeaders,
    OtherFile,
    Raw,
    Redirect,
    Reset,
    ShortBody,
    Stall,
    Status,
    TruncatedFile,
    WebPage,
    WrongLength,
)
from support.fetching import (
    LEGACY,
    OPTIONS,
    OTHER,
    SMALL,
    fetch,
    fetch_one,
    files_below,
    item_for,
    real_paths,
)

if TYPE_CHECKING:
    from pathlib import Path

    from support.fault_server import FaultServer

_HEAD = b"HTTP/1.1 200 OK\r\n%s\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked"
_WHOLE = real_paths()[SMALL]
_BOMB = archive_gzip(b"data_3HYA\n" + bytes(20_000_000), name="3hya.cif")

TRANSIENT: dict[str, tuple[Fault, type[PdbCliError], Defect | int | None]] = {
    "503": (Status(503), HttpStatusError, 503),
    "500": (Status(500), HttpStatusError, 500),
    "408": (Status(408), HttpStatusError, 408),
    "429": (Status(429, retry_after_s=0), HttpStatusError, 429),
    "no http": (Raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ConnectionFailedError, None),
    "reset": (Reset(), ConnectionFailedError, None),
    "reset at once": (Reset(after_bytes=0), ConnectionFailedError, None),
    "short body": (ShortBody(), ConnectionFailedError, None),
    "truncated gzip": (TruncatedFile(), VerificationError, Defect.TRUNCATED),
    # What a decoder makes of a wrong bit in the middle depends on the bit.
    "flipped bit": (FlippedBit(), VerificationError, None),
    "flipped checksum": (FlippedBit(offset=-5), VerificationError, Defect.CORRUPT),
    "web page": (WebPage(), WebPageError, Defect.WRONG_KIND),
    "wrong entry": (OtherFile(OTHER), VerificationError, Defect.WRONG_ENTRY),
    "legacy file of another entry": (OtherFile(LEGACY), VerificationError, Defect.WRONG_ENTRY),
    "nothing": (Body(b""), VerificationError, Defect.EMPTY),
    "not gzip": (Body(b"data_3HYA\n#\n"), VerificationError, Defect.NOT_GZIP),
    "bytes behind the end": (Body(_WHOLE + b"\0"), VerificationError, Defect.TRAILING),
    "two members": (Body(_WHOLE * 2), VerificationError, Defect.TRAILING),
    "bomb": (Body(_BOMB), VerificationError, Defect.TOO_LARGE),
    "length too large": (Raw(_HEAD % b"Content-Length: 99" + b"x"), ConnectionFailedError, None),
    "length is no number": (Raw(_HEAD % b"Content-Length: x"), ConnectionFailedError, None),
    "bad chunk": (Raw(_HEAD % _CHUNKED + b"zz\r\nnothing"), ConnectionFailedError, None),
    "no last chunk": (Raw(_HEAD % _CHUNKED + b"1\r\nx\r\n"), ConnectionFailedError, None),
    "end within headers": (Raw(b"HTTP/1.1 200 OK\r\nServer:"), VerificationError, Defect.EMPTY),
    "no answer": (Raw(b""), ConnectionFailedError, None),
    "endless error page": (Endless(503), HttpStatusError, 503),
    "too many headers": (Raw(_HEAD % (b"X: " + b"y" * 400_000)), ConnectionFailedError, None),
}
FINAL: dict[str, tuple[Fault, type[PdbCliError], int | None]] = {
    "401": (Status(401), HttpStatusError, 401),
    "403": (Status(403), HttpStatusError, 403),
    "loop": (Redirect(), RedirectError, None),
    "redirect to nowhere": (Status(302), HttpStatusError, 302),
    "redirect to a local file": (Redirect("file:///etc/passwd"), RedirectError, None),
    "redirect to ftp": (Redirect("ftp://127.0.0.1/pub"), RedirectError, None),
}

HARMLESS: tuple[Fault, ...] = (
    Chunked(),
    OddHeaders((("Content-Encoding", "gzip"),)),
    OddHeaders((("Content-Type", "text/html"), ("Last-Modified", "yesterday"))),
    OddHeaders((("Content-Disposition", "attachment; filename=../../../etc/passwd"),)),
)

SILENT: tuple[Fault, ...] = (
    Raw(b"", stays_open=True),
    Raw(b"HTTP/1.1 200 OK\r\nServer: x\r\n", stays_open=True),
    Stall(),
)


@pytest.mark.parametrize("silence", SILENT)
def test_silence_ends_with_the_stall_limit(
    silence: Fault, mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(silence, times=1)
    options = replace(OPTIONS, stall_timeout_s=0.3)
    result = fetch_one(item_for(SMALL, tmp_path, mirror), options=options)
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 2)
    assert files_below(tmp_path) == {result.item.name: _WHOLE}


@pytest.mark.parametrize("name", TRANSIENT)
def test_fault_that_passes_is_tried_again(name: str, mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(TRANSIENT[name][0], times=1)
    result = fetch_one(item_for(SMALL, tmp_path, mirror))
    assert (result.status, result.attempts, result.error) == (FetchStatus.FETCHED, 2, None)
    assert files_below(tmp_path) == {result.item.name: real_paths()[SMALL]}
    assert mirror.count(SMALL) == 2


@pytest.mark.parametrize("name", TRANSIENT)
def test_fault_that_stays_leaves_the_old_file(
    name: str, mirror: FaultServer, tmp_path: Path
) -> None:
    fault, kind, detail = TRANSIENT[name]
    mirror.inject(fault)
    item = item_for(SMALL, tmp_path, mirror)
    item.destination.parent.mkdir(parents=True)
    item.destination.write_bytes(b"what was there before")
    results, events = fetch([item])
    (result,) = results
    assert (result.status, result.source, result.size_bytes) == (FetchStatus.FAILED, None, 0)
    assert type(result.error) is kind
    assert detail in {
        None,
        getattr(result.error, "defect", None),
        getattr(result.error, "status", None),
    }
    assert result.attempts == mirror.count(SMALL) == 3
    assert files_below(tmp_path) == {item.name: b"what was there before"}
    failures = [event for event in events if not isinstance(event, BytesReceived)]
    assert [type(event) for event in failures] == [AttemptFailed, AttemptFailed, FileFailed]


@pytest.mark.parametrize("name", FINAL)
def test_fault_that_no_repetition_cures_is_not_repeated(
    name: str, mirror: FaultServer, tmp_path: Path
) -> None:
    fault, kind, status = FINAL[name]
    mirror.inject(fault)
    result = fetch_one(item_for(SMALL, tmp_path, mirror))
    assert (result.status, result.attempts) == (FetchStatus.FAILED, 1)
    assert type(result.error) is kind
    assert getattr(result.error, "status", None) == status
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("oddity", HARMLESS)
def test_odd_but_right_answer_is_fine(oddity: Fault, mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(oddity)
    result = fetch_one(item_for(SMALL, tmp_path, mirror))
    assert (result.status, result.attempts) == (FetchStatus.FETCHED, 1)
    assert files_below(tmp_path) == {result.item.name: real_paths()[SMALL]}


def test_a_length_that_is_too_small_spoils_no_other_file(
    mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(WrongLength(), SMALL, times=1)
    one = replace(OPTIONS, connections=1)
    results, _ = fetch([item_for(path, tmp_path, mirror) for path in (SMALL, OTHER)], options=one)
    assert [result.status for result in results] == [FetchStatus.FETCHED] * 2
    assert set(files_below(tmp_path).values()) == {_WHOLE, real_paths()[OTHER]}


def test_every_bundled_file_arrives_as_it_is(mirror: FaultServer, tmp_path: Path) -> None:
    published = real_paths()
    results, events = fetch(item_for(path, tmp_path, mirror) for path in published)
    assert {result.status for result in results} == {FetchStatus.FETCHED}
    expected = {item_for(path, tmp_path, mirror).name: data for path, data in published.items()}
    assert files_below(tmp_path) == expected
    assert {e.name: e.size_bytes for e in events if isinstance(e, FilePublished)} == {
        name: len(data) for name, data in expected.items()
    }
    received = sum(event.size_bytes for event in events if isinstance(event, BytesReceived))
    assert received == sum(map(len, expected.values()))


def test_weather_of_faults_ends_with_every_file(mirror: FaultServer, tmp_path: Path) -> None:
    for name in ("503", "reset", "short body", "truncated gzip", "flipped bit", "web page"):
        mirror.inject(TRANSIENT[name][0], probability=0.1)
    published = real_paths()
    patient = RetryPolicy(retries=30, base_s=0.001, max_s=0.01)
    results, _ = fetch((item_for(path, tmp_path, mirror) for path in published), retry=patient)
    assert {result.status for result in results} == {FetchStatus.FETCHED}
    expected = {item_for(path, tmp_path, mirror).name: data for path, data in published.items()}
    assert files_below(tmp_path) == expected


def test_d05_missing_file_is_asked_once_per_mirror(
    mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    path = SMALL.replace("3hya", "9hya")
    results, events = fetch([item_for(path, tmp_path, mirror, second_mirror)])
    (result,) = results
    assert (result.status, result.attempts) == (FetchStatus.NOT_FOUND, 2)
    assert isinstance(result.error, HttpStatusError)
    assert result.error.status == 404
    assert (mirror.count(path), second_mirror.count(path)) == (1, 1)
    assert not any(isinstance(event, FileFailed) for event in events)
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_mirror_that_lacks_or_refuses_the_file_is_left_at_once(
    code: int, mirror: FaultServer, second_mirror: FaultServer, tmp_path: Path
) -> None:
    mirror.inject(Status(code))
    result = fetch_one(item_for(SMALL, tmp_path, mirror, second_mirror))
    assert result.status is FetchStatus.FETCHED
    assert result.source == result.item.sources[1]
    assert (mirror.count(SMALL), second_mirror.count(SMALL)) == (1, 1)
