from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.transfer.pace import Pace
from pdb_cli.transfer.retry import RetryPolicy

POLICY = RetryPolicy(base_s=1.0)


def full(most: int) -> Pace:
    """Return a pace with as many requests on their way as it allows."""
    pace = Pace(most, POLICY)
    for _ in range(most):
        pace.begin()
    return pace


def succeed(pace: Pace) -> None:
    """Let a whole round of requests succeed."""
    for _ in range(pace.limit):
        pace.note_success()


def test_it_starts_at_what_is_allowed() -> None:
    pace = Pace(16, POLICY)
    assert (pace.limit, pace.room) == (16, 16)
    pace.begin()
    assert pace.room == 15
    pace.end()
    assert pace.room == 16


def test_a_round_of_refusals_halves_once() -> None:
    pace = full(16)
    for _ in range(16):
        pace.note_busy(1.0, started_s=0.0, retry_after_s=None)
        pace.end()
    assert pace.limit == 8
    pace.note_busy(2.0, started_s=1.5, retry_after_s=None)
    assert pace.limit == 1  # half of what was on its way


def test_half_of_what_was_on_its_way_not_of_what_might_have_been() -> None:
    pace = Pace(64, POLICY)
    for _ in range(10):
        pace.begin()
    pace.note_busy(1.0, started_s=0.0, retry_after_s=None)
    assert pace.limit == 5


def test_it_grows_by_one_for_each_round_up_to_what_is_allowed() -> None:
    pace = full(8)
    pace.note_busy(1.0, started_s=0.0, retry_after_s=None)
    limits = []
    for _ in range(6):
        limits.append(pace.limit)
        succeed(pace)
    assert limits[0] == 4
    assert 7 <= limits[-1] <= 8
    for _ in range(3):
        succeed(pace)
    assert pace.limit == 8


def test_retry_after_holds_back_from_the_moment_it_was_said() -> None:
    pace = full(4)
    pace.note_busy(10.0, started_s=9.0, retry_after_s=3.0)
    assert pace.held_until_s == 13.0
    # What a slower request of the same round was told counts too, if it is more.
    pace.note_busy(11.0, started_s=9.0, retry_after_s=1.0)
    assert pace.held_until_s == 13.0
    pace.note_busy(12.0, started_s=9.0, retry_after_s=5.0)
    assert (pace.held_until_s, pace.limit) == (17.0, 2)


def test_more_than_our_patience_is_no_hold() -> None:
    pace = full(4)
    pace.note_busy(10.0, started_s=9.0, retry_after_s=301.0)
    assert pace.held_until_s < 10.0


def test_server_that_stays_busy_is_held_back_longer_and_longer() -> None:
    pace = full(4)
    holds = []
    for now_s in (100.0, 200.0, 300.0, 400.0):
        pace.note_busy(now_s, started_s=now_s - 1, retry_after_s=None)
        holds.append(pace.held_until_s - now_s)
    assert holds[0] < 0
    assert holds[1:] == [1.0, 2.0, 4.0]
    pace.note_success()
    pace.note_busy(500.0, started_s=499.0, retry_after_s=None)
    assert pace.held_until_s < 500.0


@pytest.mark.parametrize("most", [1, 2, 256])
@given(st.lists(st.one_of(st.none(), st.floats(0, 1000))))
def test_the_limit_stays_between_one_and_what_is_allowed(
    most: int, answers: list[float | None]
) -> None:
    pace = Pace(most, POLICY)
    for number, started_s in enumerate(answers):
        pace.begin()
        if started_s is None:
            pace.note_success()
        else:
            pace.note_busy(float(number), started_s=started_s, retry_after_s=None)
        pace.end()
        assert 1 <= pace.limit <= most
        assert pace.room == pace.limit
