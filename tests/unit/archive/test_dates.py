from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.dates import (
    earliest_second_of,
    format_second,
    read_date_table,
    second_of,
)
from pdb_cli.archive.holdings import read_modified_dates
from pdb_cli.errors import HoldingsError
from support.full_holdings import released_structures_last_modified_dates

if TYPE_CHECKING:
    from collections.abc import Iterable

CLASSIC = st.from_regex(r"[0-9][0-9A-Za-z]{3}", fullmatch=True).filter(str.isascii)
EXTENDED = st.from_regex(r"(pdb|PDB)_[0-9A-Za-z]{8}", fullmatch=True).filter(str.isascii)
ODD = ("2023-11-17T14:09:19+00:00", "2023-11-17 about noon\nor later", "17-NOV-23", "")
DAYS = st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True).filter(str.isascii)
DATES = DAYS | st.sampled_from(ODD)


def read(value: Any) -> dict[str, str]:
    return read_date_table([json.dumps(value).encode()], subject="dates")


def slowly(chunks: Iterable[bytes]) -> dict[str, str]:
    return {one.entry.extended: one.modified for one in read_modified_dates(chunks, subject="x")}


@given(
    st.dictionaries(CLASSIC, DATES, max_size=10)
    | st.dictionaries(EXTENDED, DATES, max_size=10)
    | st.dictionaries(CLASSIC | EXTENDED, DATES, max_size=10)
)
def test_the_table_says_what_the_list_says_in_whatever_form_its_keys_are(
    value: dict[str, str],
) -> None:
    assert read(value) == slowly([json.dumps(value).encode()])


def test_a_whole_archive_is_read_at_once_and_in_pieces() -> None:
    text = b"".join(released_structures_last_modified_dates(2000))
    pieces = [text[start : start + 1000] for start in range(0, len(text), 1000)]
    assert read_date_table(pieces, subject="x") == slowly([text])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"1ABC": "2023-11-17", "ATP": "2023-11-17"}, "'ATP' is not an entry id"),
        ({"1ABC": "2023-11-17", "2ABC": 20231117}, "2abc has no date"),
        ({"1ABC": "2023-11-17", "2ABC": None}, "2abc has no date"),
        ({"1ABC\n2ABC": "2023-11-17"}, "'1ABC\\n2ABC' is not an entry id"),
        ({"1ÅBC": "2023-11-17"}, "'1ÅBC' is not an entry id"),
        (["1ABC"], "not a JSON object"),
    ],
)
def test_what_is_no_such_list_is_refused_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(HoldingsError) as caught:
        read(value)
    assert (caught.value.subject, caught.value.reason) == ("dates", reason)


@given(st.integers(1, 60))
def test_a_list_that_is_cut_short_is_refused(missing: int) -> None:
    text = b'{"1ABC" : "2023-11-17T14:09:19+00:00", "2ABC" : "2023-11-17"}'
    with pytest.raises(HoldingsError):
        read_date_table([text[:-missing]], subject="x")


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive ones
def test_the_second_of_a_date_is_that_of_its_moment(moment: datetime) -> None:
    aware = moment.replace(microsecond=0, tzinfo=UTC)
    second = second_of(aware.isoformat())
    assert second == aware.timestamp()
    assert second_of(format_second(second)) == second


@pytest.mark.parametrize(
    ("text", "second", "earliest"),
    [
        ("2023-11-17T14:09:19+00:00", 1700230159, 1700230159),
        ("2023-11-17T15:09:19+01:00", 1700230159, 1700230159),
        ("2023-11-17 14:09:19+00:00", 1700230159, 1700230159),
        ("2023-11-17T14:09:19.750+00:00", 1700230159, 1700230159),
        ("2023-11-17T14:09:19Z", 1700230159, 1700230159),
        # Without a zone, or without a time, no moment is named.
        ("2023-11-17T14:09:19", None, 1700092800),
        ("2023-11-17", None, 1700092800),
        ("2023-11-17Tabout noon", None, 1700092800),
        ("2023-02-31T14:09:19+00:00", None, None),
        ("0000-00-00", None, None),
        ("17-NOV-23", None, None),
        ("", None, None),
    ],
)
def test_odd_dates_name_no_moment(text: str, second: int | None, earliest: int | None) -> None:
    assert (second_of(text), earliest_second_of(text)) == (second, earliest)
