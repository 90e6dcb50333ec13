from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.transfer.retry import RetryPolicy

shares = st.floats(0, 1)
attempts = st.integers(1, 10_000)


@given(attempt=attempts, jitter=shares)
def test_own_delay_lies_in_the_upper_half_below_the_limit(attempt: int, jitter: float) -> None:
    policy = RetryPolicy(base_s=0.5, max_s=30.0)
    delay_s = policy.delay_s(attempt, None, jitter)
    assert policy.delay_s(attempt, None, 0.0) <= delay_s <= policy.delay_s(attempt, None, 1.0)
    assert 0.25 <= delay_s <= 30.0
    assert policy.delay_s(attempt, None, 1.0) == 2 * policy.delay_s(attempt, None, 0.0)


@given(attempt=attempts)
def test_delay_grows_with_the_attempts(attempt: int) -> None:
    policy = RetryPolicy()
    assert policy.delay_s(attempt, None, 0.5) <= policy.delay_s(attempt + 1, None, 0.5)


@given(attempt=attempts, wanted_s=st.floats(0, 1e6), jitter=shares)
def test_server_never_waits_less_than_it_asked(
    attempt: int, wanted_s: float, jitter: float
) -> None:
    policy = RetryPolicy()
    delay_s = policy.delay_s(attempt, wanted_s, jitter)
    assert delay_s >= max(wanted_s, policy.delay_s(attempt, None, jitter))


@pytest.mark.parametrize(("wanted_s", "too_long"), [(None, False), (300.0, False), (301.0, True)])
def test_patience_has_an_end(wanted_s: float | None, *, too_long: bool) -> None:
    assert RetryPolicy().is_too_long(wanted_s) is too_long
