from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.archive.ids import EntryId, parse_id_list
from pdb_cli.errors import InvalidId, InvalidIdsError

DIGITS = "0123456789"
ALPHANUMERIC = DIGITS + "abcdefghijklmnopqrstuvwxyz"

classic_ids = st.builds(
    str.__add__, st.sampled_from(DIGITS), st.text(ALPHANUMERIC, min_size=3, max_size=3)
)
extended_ids = st.text(ALPHANUMERIC, min_size=8, max_size=8).map("pdb_".__add__)


@given(classic=classic_ids, upper=st.booleans(), upper_extended=st.booleans())
def test_i01_both_forms_in_any_case_are_one_entry(
    classic: str, *, upper: bool, upper_extended: bool
) -> None:
    extended = f"pdb_0000{classic}"
    one = EntryId.parse(classic.upper() if upper else classic)
    other = EntryId.parse(extended.upper() if upper_extended else extended)

    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1
    assert one.extended == extended
    assert one.classic == str(one) == classic


@given(extended_ids)
def test_i01_extended_ids_keep_their_form_unless_a_classic_one_exists(extended: str) -> None:
    entry = EntryId.parse(extended)
    has_classic = extended.startswith("pdb_0000") and extended[8].isdigit()

    assert entry.extended == extended
    assert entry.classic == (extended[8:] if has_classic else None)
    assert str(entry) == (extended[8:] if has_classic else extended)


@pytest.mark.parametrize(
    ("text", "hash_dir"),
    [
        ("1abc", "ab"),
        ("pdb_00001abc", "ab"),
        ("pdb_1abc5678", "67"),
        ("pdb_00001crn", "cr"),
        ("4HHB", "hh"),
        ("100d", "00"),
    ],
)
def test_i01_hash_directory_is_second_and_third_character_from_the_end(
    text: str, hash_dir: str
) -> None:
    assert EntryId.parse(text).hash_dir == hash_dir


def test_an_extended_id_whose_last_four_do_not_begin_with_a_digit_has_no_classic_form() -> None:
    assert EntryId.parse("pdb_0000abcd").classic is None
    assert str(EntryId.parse("pdb_0000abcd")) == "pdb_0000abcd"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "abcd",
        "1abcd",
        "1ab",
        "1ab-",
        "pdb1abc",
        "pdb_1abc",
        "pdb_00001abcd",
        "pdb-00001abc",
        "1abc 2xyz",
        "1a\u212ac",
        "\u0661abc",
        "1ab\u00e9",
        "1abc.cif",
        "../1",
    ],
)
def test_what_is_not_an_id_is_refused_with_the_text_as_given(text: str) -> None:
    with pytest.raises(InvalidIdsError) as caught:
        EntryId.parse(text)

    assert caught.value.invalid == (InvalidId(text, "arguments", None),)


def test_blanks_around_an_id_are_dropped() -> None:
    assert EntryId.parse(" 4hhb\n") == EntryId.parse("4hhb")


def test_entries_sort_by_the_extended_form_and_pickle() -> None:
    texts = ["9zzz", "pdb_10000000", "1abc", "pdb_00001abd"]
    entries = sorted(map(EntryId.parse, texts))

    assert list(map(str, entries)) == ["1abc", "1abd", "9zzz", "pdb_10000000"]
    assert pickle.loads(pickle.dumps(entries)) == entries  # noqa: S301 - our own bytes


def test_i01_a_list_takes_blanks_commas_tabs_lines_and_comments() -> None:
    text = "\ufeff4hhb,1ABC\tpdb_00001abc\r\n# all of it\r\n\r\n2hhb#why 9xxx\r\n  ,, 1crn ,\n"

    entries, invalid = parse_id_list(text, "list.txt")

    assert list(map(str, entries)) == ["4hhb", "1abc", "1abc", "2hhb", "1crn"]
    assert invalid == []


def test_every_bad_token_is_reported_with_its_line() -> None:
    text = "PDB ID\n4hhb nope\r\n1abc # x y z\r1abc#x\n\fid\u2028two, 12345\n"

    entries, invalid = parse_id_list(text, "stdin")

    assert list(map(str, entries)) == ["4hhb", "1abc", "1abc"]
    assert invalid == [
        InvalidId("PDB", "stdin", 1),
        InvalidId("ID", "stdin", 1),
        InvalidId("nope", "stdin", 2),
        InvalidId("id", "stdin", 5),
        InvalidId("two", "stdin", 5),
        InvalidId("12345", "stdin", 5),
    ]


def test_a_list_of_nothing_but_comments_is_empty() -> None:
    assert parse_id_list("# none\n\n   \n", "list.txt") == ([], [])
    assert parse_id_list("", "list.txt") == ([], [])


def _classic_id(number: int) -> str:
    """Spell a number as a classic id."""
    first, rest = divmod(number, 36**3)
    digits = [rest // 36**2, rest // 36 % 36, rest % 36]
    return DIGITS[first % 10] + "".join(ALPHANUMERIC[digit] for digit in digits)


def test_i01_a_list_as_long_as_the_archive_is_read_whole_with_its_bad_lines() -> None:
    count = 182_418
    lines = [_classic_id(number) for number in range(count)]
    bad = {7: "header", 90_000: "4hhb1", count - 1: "#1abcd", count - 2: "abcd"}
    for index, token in bad.items():
        lines[index] = token

    started = time.process_time()
    entries, invalid = parse_id_list("\n".join(lines), "all.txt")
    seconds = time.process_time() - started

    assert len(entries) == count - len(bad)
    assert len(set(entries)) == len(entries)
    assert [(token.text, token.line) for token in invalid] == [
        ("header", 8),
        ("4hhb1", 90_001),
        ("abcd", count - 1),
    ]
    # Takes about 0.4 s; the bound only catches an algorithm that grows with the square.
    assert seconds < 5


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    entries, invalid = parse_id_list(text, "junk")

    assert all(EntryId.parse(entry.extended) == entry for entry in entries)
    lines = text.count("\n") + text.count("\r") + 1
    assert all(token.line is not None and 1 <= token.line <= lines for token in invalid)
