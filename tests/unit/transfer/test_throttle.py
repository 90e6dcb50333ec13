from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.transfer.throttle import Throttle


def test_reading_goes_on_until_the_bucket_is_empty() -> None:
    throttle = Throttle(1000)
    assert (throttle.ready_bytes(5.0), throttle.pause_s(5.0)) == (100, 0.0)
    throttle.take(100, now_s=5.0)
    assert (throttle.ready_bytes(5.0), throttle.pause_s(5.0)) == (0, 0.0)
    throttle.take(1000, now_s=5.0)
    assert (throttle.ready_bytes(5.9), throttle.pause_s(5.0)) == (0, 1.0)
    assert throttle.ready_bytes(6.05) == 50


def test_a_long_silence_is_not_saved_up() -> None:
    throttle = Throttle(1000)
    throttle.take(100, now_s=0.0)
    assert throttle.ready_bytes(3600.0) == 100


@given(st.integers(1, 10**9), st.lists(st.integers(0, 10**7), min_size=1))
def test_whoever_keeps_the_pauses_keeps_the_rate(rate_bytes_s: int, sizes: list[int]) -> None:
    throttle = Throttle(rate_bytes_s)
    now_s = 0.0
    for size_bytes in sizes:
        throttle.take(size_bytes, now_s=now_s)
        now_s += throttle.pause_s(now_s)
    allowed_bytes = rate_bytes_s * (now_s + 0.1)
    assert sum(sizes) <= allowed_bytes * 1.000001 + 1
