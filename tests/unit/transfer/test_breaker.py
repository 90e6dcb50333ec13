from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.transfer.breaker import Breaker, BreakerState
from pdb_cli.transfer.retry import RetryPolicy

POLICY = RetryPolicy(retries=5, base_s=1.0, max_s=30.0)


def opened(*, policy: RetryPolicy = POLICY, answered: bool = False) -> Breaker:
    """Return a breaker that opened at second 0."""
    breaker = Breaker(policy)
    if answered:
        breaker.note_answer()
    for _ in range(3):
        breaker.note_trouble(0.0, started_s=0.0)
    return breaker


def fail_probe(breaker: Breaker, *, is_refused: bool = False) -> float:
    """Let the next probe fail at once; return how long the rest before it was."""
    due_s = breaker.rests_until_s
    assert breaker.begin(due_s)
    breaker.note_trouble(due_s, started_s=due_s, is_probe=True, is_refused=is_refused)
    return breaker.rests_until_s - due_s


def test_two_failures_are_no_reason_to_rest() -> None:
    breaker = Breaker(POLICY)
    for _ in range(100):
        breaker.note_trouble(0.0, started_s=0.0)
        breaker.note_trouble(0.0, started_s=0.0)
        assert breaker.may_ask(0.0)
        breaker.note_answer()
    assert breaker.state is BreakerState.CLOSED


def test_three_failures_in_a_row_begin_a_rest() -> None:
    breaker = opened()
    assert breaker.state is BreakerState.OPEN
    assert (breaker.may_ask(1.9), breaker.may_ask(2.0)) == (False, True)


def test_one_certain_failure_begins_a_rest() -> None:
    breaker = Breaker(POLICY)
    breaker.note_trouble(10.0, started_s=0.0, is_certain=True)
    assert not breaker.may_ask(10.0)


def test_only_one_request_probes_and_its_answer_ends_the_rest() -> None:
    breaker = opened()
    assert breaker.begin(2.0)
    assert breaker.state is BreakerState.PROBING
    assert not breaker.may_ask(1e9)
    breaker.note_answer()
    assert breaker.may_ask(2.0)
    assert not breaker.begin(2.0)


def test_rests_grow_and_are_short_again_after_an_answer() -> None:
    breaker = opened()
    assert [fail_probe(breaker) for _ in range(5)] == [4.0, 8.0, 16.0, 30.0, 30.0]
    breaker.note_answer()
    for _ in range(3):
        breaker.note_trouble(100.0, started_s=100.0)
    assert breaker.rests_until_s == 102.0


@pytest.mark.parametrize(("took_s", "rest_s"), [(1.0, 2.0), (10.0, 10.0), (100.0, 30.0)])
def test_rest_is_no_shorter_than_what_the_failure_took(took_s: float, rest_s: float) -> None:
    breaker = Breaker(POLICY)
    breaker.note_trouble(took_s, started_s=0.0, is_certain=True)
    assert breaker.rests_until_s == took_s + rest_s


def test_failures_of_requests_from_before_the_rest_prolong_nothing() -> None:
    breaker = opened()
    for _ in range(50):
        breaker.note_trouble(1.0, started_s=0.0)
    assert breaker.rests_until_s == 2.0
    breaker.begin(2.0)
    breaker.note_trouble(2.1, started_s=0.0)
    assert breaker.state is BreakerState.PROBING


def test_success_of_a_request_from_before_the_rest_ends_it() -> None:
    breaker = opened()
    breaker.note_answer()
    assert breaker.may_ask(0.0)


def test_probe_that_ended_for_our_own_reasons_lets_another_probe() -> None:
    breaker = opened()
    breaker.begin(2.0)
    breaker.note_nothing(is_probe=True)
    assert breaker.begin(2.0)


@pytest.mark.parametrize(("retries", "probes"), [(0, 1), (5, 1), (9, 1), (10, 2), (100, 20)])
def test_server_that_never_answered_is_hopeless_after_its_probes(retries: int, probes: int) -> None:
    breaker = opened(policy=RetryPolicy(retries=retries))
    for _ in range(probes):
        assert not breaker.is_hopeless(breaker.rests_until_s - 0.1)
        fail_probe(breaker)
    assert breaker.is_hopeless(breaker.rests_until_s - 0.1)
    assert not breaker.is_hopeless(breaker.rests_until_s)


def test_outage_of_a_server_that_answered_is_never_hopeless() -> None:
    breaker = opened(answered=True)
    for _ in range(100):
        fail_probe(breaker)
        assert not breaker.is_hopeless(breaker.rests_until_s - 0.1)


@pytest.mark.parametrize(("retries", "probes"), [(0, 1), (1, 1), (5, 5)])
def test_one_that_answered_and_is_gone_is_hopeless_after_as_many_probes_as_retries(
    retries: int, probes: int
) -> None:
    breaker = opened(answered=True, policy=RetryPolicy(retries=retries))
    # One that is there again, though in trouble, is waited for.
    for refused in (*[True] * (probes - 1), False, *[True] * probes):
        assert not breaker.is_hopeless(breaker.rests_until_s - 0.1)
        fail_probe(breaker, is_refused=refused)
    assert breaker.is_hopeless(breaker.rests_until_s - 0.1)
    breaker.begin(breaker.rests_until_s)
    breaker.note_answer()
    assert breaker.may_ask(0.0)


def test_error_status_is_an_answer() -> None:
    breaker = Breaker(POLICY)
    for _ in range(3):
        breaker.note_trouble(0.0, started_s=0.0, answered=True)
    for _ in range(10):
        fail_probe(breaker)
    assert not breaker.is_hopeless(breaker.rests_until_s - 0.1)


def test_server_that_wants_to_be_left_alone_is_hopeless_until_then() -> None:
    breaker = Breaker(POLICY)
    breaker.shut(3600.0)
    assert (breaker.may_ask(3599.0), breaker.is_hopeless(3599.0)) == (False, True)
    assert (breaker.may_ask(3600.0), breaker.is_hopeless(3600.0)) == (True, False)
    breaker.begin(3600.0)
    breaker.note_trouble(3601.0, started_s=3600.0, is_probe=True)
    assert not breaker.is_hopeless(3601.5)


@given(st.lists(st.sampled_from(["answer", "trouble", "nothing", "shut"])), st.integers(0, 100))
def test_there_is_never_more_than_one_probe_and_always_a_way_back(
    events: list[str], retries: int
) -> None:
    breaker = Breaker(RetryPolicy(retries=retries))
    now_s = 0.0
    for event in events:
        now_s = max(now_s, breaker.rests_until_s)
        assert breaker.may_ask(now_s)
        is_probe = breaker.begin(now_s)
        assert breaker.may_ask(now_s) is not is_probe
        match event:
            case "answer":
                breaker.note_answer()
            case "trouble":
                breaker.note_trouble(now_s, started_s=now_s, is_probe=is_probe)
            case "shut":
                breaker.shut(now_s + 1000.0)
            case _:
                breaker.note_nothing(is_probe=is_probe)
        assert breaker.state is not BreakerState.PROBING
