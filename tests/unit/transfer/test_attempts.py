from __future__ import annotations

import pytest

from pdb_cli.errors import (
    ConnectionFailedError,
    Defect,
    HttpStatusError,
    PdbCliError,
    RedirectError,
    TransferError,
    VerificationError,
)
from pdb_cli.transfer.attempts import MirrorChoice
from pdb_cli.transfer.fetch import FetchStatus, Source
from pdb_cli.transfer.retry import RetryPolicy

BROKEN = ConnectionFailedError("u", "refused")
BAD = VerificationError("u", Defect.CORRUPT, "crc")
FORBIDDEN = HttpStatusError("u", "HTTP 403", 403)
MISSING = HttpStatusError("u", "HTTP 404", 404)
BUSY = HttpStatusError("u", "HTTP 503", 503)
POLICY = RetryPolicy(retries=2, base_s=1.0)


def story(
    errors: list[PdbCliError], *, mirrors: int, policy: RetryPolicy = POLICY
) -> tuple[str, list[float | None], MirrorChoice]:
    """Feed errors; return which mirrors were asked, the delays (no jitter), and the choice."""
    sources = [Source(name, f"http://{name}") for name in "abc"[:mirrors]]
    choice = MirrorChoice(sources, policy)
    asked = ""
    delays = []
    for error in errors:
        asked += choice.source.mirror
        delays.append(choice.next_delay_s(error, 1.0))
    return asked, delays, choice


def test_trouble_is_waited_out_and_then_left() -> None:
    asked, delays, choice = story([BROKEN] * 6, mirrors=2)
    assert asked == "aaabbb"
    assert delays == [1.0, 2.0, 0.0, 1.0, 2.0, None]
    assert (choice.status, choice.error) == (FetchStatus.FAILED, BROKEN)


def test_bad_bytes_go_round() -> None:
    asked, delays, _ = story([BAD] * 6, mirrors=2)
    assert asked == "ababab"
    assert delays == [0.0, 1.0, 1.0, 2.0, 2.0, None]


def test_bad_bytes_of_the_only_mirror_are_asked_again() -> None:
    asked, delays, _ = story([BAD] * 3, mirrors=1)
    assert (asked, delays) == ("aaa", [1.0, 2.0, None])


def test_missing_everywhere_is_not_found() -> None:
    asked, delays, choice = story([MISSING] * 3, mirrors=3)
    assert (asked, delays) == ("abc", [0.0, 0.0, None])
    assert (choice.status, choice.error) == (FetchStatus.NOT_FOUND, MISSING)


@pytest.mark.parametrize("errors", [[FORBIDDEN, MISSING], [MISSING, FORBIDDEN]])
def test_forbidden_is_not_missing(errors: list[PdbCliError]) -> None:
    asked, delays, choice = story(errors, mirrors=2)
    assert (asked, delays) == ("ab", [0.0, None])
    assert (choice.status, choice.error) == (FetchStatus.FAILED, FORBIDDEN)


@pytest.mark.parametrize("errors", [[BUSY] * 3 + [MISSING], [MISSING] + [BUSY] * 3])
def test_trouble_beside_a_missing_file_is_a_failure(errors: list[PdbCliError]) -> None:
    _, delays, choice = story(errors, mirrors=2)
    assert delays[-1] is None
    assert (choice.status, choice.error) == (FetchStatus.FAILED, BUSY)


def test_missing_then_bad_goes_on_with_the_rest() -> None:
    asked, _, _ = story([MISSING, BAD, BAD, BAD], mirrors=3)
    assert asked == "abcb"


@pytest.mark.parametrize(
    "error",
    [
        RedirectError("u", "loop"),
        TransferError("u", "certificate"),
        HttpStatusError("u", "HTTP 401", 401),
        HttpStatusError("u", "HTTP 403", 403),
        HttpStatusError("u", "HTTP 206", 206),
        HttpStatusError("u", "HTTP 503", 503, 4000.0),
    ],
)
def test_what_no_repetition_cures_is_asked_once(error: PdbCliError) -> None:
    asked, delays, choice = story([error, error], mirrors=2)
    assert (asked, delays) == ("ab", [0.0, None])
    assert choice.status is FetchStatus.FAILED


def test_retry_after_counts_for_the_server_that_said_it() -> None:
    busy = HttpStatusError("u", "HTTP 429", 429, 7.0)
    _, delays, _ = story([busy, busy, busy, BROKEN], mirrors=2)
    assert delays == [8.0, 8.0, 0.0, 1.0]


def test_no_retries() -> None:
    asked, delays, _ = story([BROKEN, BAD], mirrors=2, policy=RetryPolicy(retries=0))
    assert (asked, delays) == ("ab", [0.0, None])


def test_candidates_begin_with_the_one_to_ask_and_leave_out_the_useless() -> None:
    _, _, choice = story([MISSING], mirrors=3)
    assert [source.mirror for source in choice.candidates()] == ["b", "c"]
    choice.move_to(next(source for source in choice.candidates() if source.mirror == "c"))
    assert [source.mirror for source in choice.candidates()] == ["c", "b"]


@pytest.mark.parametrize(("retries", "waits"), [(0, 2), (2, 6)])
def test_file_may_wait_for_resting_mirrors_as_often_as_it_may_try(retries: int, waits: int) -> None:
    _, _, choice = story([], mirrors=2, policy=RetryPolicy(retries=retries))
    assert [choice.may_wait(0) for _ in range(waits + 1)] == [True] * waits + [False]


@pytest.mark.parametrize(
    ("met", "told"), [([], BROKEN), ([MISSING], BROKEN), ([FORBIDDEN], FORBIDDEN), ([BUSY], BUSY)]
)
def test_file_given_up_while_waiting_tells_its_own_trouble_first(
    met: list[PdbCliError], told: PdbCliError
) -> None:
    _, _, choice = story(met, mirrors=2)
    choice.give_up(BROKEN)
    assert (choice.status, choice.error) == (FetchStatus.FAILED, told)
