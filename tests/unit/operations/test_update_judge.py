"""Dates alone: never a wrong "current", whatever the clock, the mirror or a person did."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdb_cli.archive.dates import format_second, second_of
from pdb_cli.operations.update.judge import Verdict, judge

NS = 1_000_000_000
FRIDAY_S = 1_788_530_959
"""2026-09-04T14:09:19+00:00."""
FRIDAY = format_second(FRIDAY_S)
SECONDS = st.integers(0, 4_000_000_000) | st.integers(FRIDAY_S - 3, FRIDAY_S + 3)
DATES = SECONDS.map(format_second) | st.sampled_from(
    ["2026-09-04", "2026-09-04T14:09:19", "2026-09-04 in the afternoon", "9999-99-99"]
)


@given(
    date=DATES,
    own=st.booleans(),
    mtime_ns=SECONDS.map(lambda second: second * NS) | st.integers(0, 4_000_000_000 * NS),
    recorded_s=st.none() | SECONDS.map(float),
    marked=st.none() | DATES,
)
@example(date=FRIDAY, own=True, mtime_ns=FRIDAY_S * NS + 1, recorded_s=None, marked=None)
@example(date=FRIDAY, own=True, mtime_ns=(FRIDAY_S + 1) * NS, recorded_s=None, marked=None)
@example(date=FRIDAY, own=True, mtime_ns=0, recorded_s=FRIDAY_S + 1.0, marked=None)
def test_u02_nothing_is_called_current_unless_a_date_of_it_is_the_archives(
    *, date: str, own: bool, mtime_ns: int, recorded_s: float | None, marked: str | None
) -> None:
    verdict = judge(date, own=own, mtime_ns=mtime_ns, recorded_s=recorded_s, marked=marked)
    second = second_of(date)
    same = {
        "mtime": second is not None and mtime_ns // NS == second,
        "record": second is not None and recorded_s is not None and recorded_s == second,
        "mark": marked is not None
        and (marked == date or (second is not None and second_of(marked) == second)),
    }
    if verdict is Verdict.CURRENT:
        assert any(same.values())
    else:
        assert not same["mtime"]
        assert not same["mark"]
    if verdict is Verdict.OUTDATED:
        assert own
        assert not any(same.values())


@pytest.mark.parametrize(
    ("what", "mtime_ns", "recorded_s", "marked", "verdict"),
    [
        ("brought by rsync", FRIDAY_S * NS, None, None, Verdict.CURRENT),
        ("brought a week before", (FRIDAY_S - 604_800) * NS, None, None, Verdict.OUTDATED),
        ("a second before", (FRIDAY_S - 1) * NS, None, None, Verdict.OUTDATED),
        ("copied by hand since", (FRIDAY_S + 86_400) * NS + 5, None, None, Verdict.ASK),
        ("copied by hand before", (FRIDAY_S - 86_400) * NS + 5, None, None, Verdict.ASK),
        ("set by hand to a later time", (FRIDAY_S + 86_400) * NS, None, None, Verdict.ASK),
        ("set to nothing", 0, None, None, Verdict.ASK),
        ("set to 1980 by zip", 315_532_800 * NS, None, None, Verdict.ASK),
        ("fetched before", 7, FRIDAY_S - 604_800.0, None, Verdict.OUTDATED),
        ("fetched from a mirror with times of its own", 7, FRIDAY_S + 9.0, None, Verdict.ASK),
        ("fetched", 7, float(FRIDAY_S), None, Verdict.CURRENT),
        ("settled for this date", 7, None, FRIDAY, Verdict.CURRENT),
        ("settled, written otherwise", 7, None, "2026-09-04T16:09:19+02:00", Verdict.CURRENT),
        ("settled for another date", 7, None, "2026-08-28T14:09:19+00:00", Verdict.OUTDATED),
        # The archive takes a version back: nothing is newer than what it announces.
        ("settled for a later date", 7, None, "2026-09-11T14:09:19+00:00", Verdict.OUTDATED),
    ],
)
def test_what_dates_of_files_mean(
    what: str, mtime_ns: int, recorded_s: float | None, marked: str | None, verdict: Verdict
) -> None:
    seen = {"mtime_ns": mtime_ns, "recorded_s": recorded_s, "marked": marked}
    assert judge(FRIDAY, own=True, **seen) is verdict, what  # type: ignore[arg-type]
    # The date of the entry says that another of its files may have changed, no more.
    asked = Verdict.ASK if verdict is Verdict.OUTDATED else verdict
    assert judge(FRIDAY, own=False, **seen) is asked, what  # type: ignore[arg-type]


@pytest.mark.parametrize("date", ["2026-09-04", "2026-09-04T14:09:19", "2026-09-04 or so"])
def test_an_odd_date_is_settled_by_asking_once(date: str) -> None:
    seen = {"own": True, "mtime_ns": FRIDAY_S * NS, "recorded_s": float(FRIDAY_S)}
    assert judge(date, marked=None, **seen) is Verdict.ASK  # type: ignore[arg-type]
    assert judge(date, marked=date, **seen) is Verdict.CURRENT  # type: ignore[arg-type]
    assert judge(date, marked="2026-09-03", **seen) is Verdict.OUTDATED  # type: ignore[arg-type]
