from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdb_cli.archive.json_members import LONGEST_MEMBER, iterate_members
from pdb_cli.errors import HoldingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), json_values, max_size=6)


def pieces(data: bytes, length: int) -> list[bytes]:
    return [data[start : start + length] for start in range(0, len(data), length)]


def members(chunks: Iterable[bytes] | bytes) -> list[tuple[str, Any]]:
    return list(iterate_members([chunks] if isinstance(chunks, bytes) else chunks, subject="list"))


def refusal(chunks: Iterable[bytes] | bytes) -> str:
    with pytest.raises(HoldingsError) as caught:
        members(chunks)
    assert caught.value.subject == "list"
    return caught.value.reason


@given(value=objects, length=st.integers(1, 40), indent=st.sampled_from([None, 0, 4]))
def test_every_object_is_read_whatever_its_pieces(
    value: dict[str, Any], length: int, indent: int | None
) -> None:
    text = json.dumps(value, indent=indent, separators=(",", " : "), ensure_ascii=False)
    # Halves of surrogate pairs can be written in JSON, but not in UTF-8.
    data = text.encode(errors="replace")
    assert members(pieces(data, length)) == list(json.loads(data).items())


@example(value={"a": 1.5}, cut=2, length=40)
@example(value={"a": 1e-30}, cut=3, length=40)
@example(value={"a": True}, cut=2, length=1)
@given(value=objects.filter(bool), cut=st.integers(1, 1_000_000), length=st.integers(1, 40))
def test_a_document_that_was_cut_short_is_refused(
    value: dict[str, Any], cut: int, length: int
) -> None:
    data = json.dumps(value).encode()
    rest = data[: -(cut % len(data)) or -1]
    # That it is refused is what matters; why is told below for what can happen.
    assert refusal(pieces(rest, length))


@given(st.lists(st.binary()) | st.lists(json_values.map(lambda value: json.dumps(value).encode())))
def test_arbitrary_documents_give_members_or_the_one_error(chunks: list[bytes]) -> None:
    try:
        found = members(chunks)
    except HoldingsError:
        return
    assert dict(found) == json.loads(b"".join(chunks))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not a JSON object"),
        (b"  \n", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b"<!DOCTYPE html><html>", "not a JSON object"),
        (b"\x1f\x8b\x08", "not UTF-8"),
        (b"{", "cut short"),
        (b'{"1ABC"', "cut short"),
        (b'{"1ABC": ', "cut short"),
        (b'{"1ABC": "2023', "cut short"),
        (b'{"1ABC": "2023"', "cut short"),
        (b'{"1ABC": "2023", ', "cut short"),
        (b'{"1ABC": {"mmcif": ["/pdb', "cut short"),
        (b'{"1ABC": 12', "cut short"),
        (b'{"1ABC": "\xc3', "cut short"),
        (b'{"1ABC": tru', "cut short"),
        (b'{"1ABC": -', "cut short"),
        (b'{"1ABC": 1.', "cut short"),
        (b'{"1ABC": 1e', "cut short"),
        (b'{"1ABC": 1.5E-', "cut short"),
        (b'{"1ABC": 1. }', "not JSON: neither comma nor brace after a value"),
        (b'{"1ABC": 1,}', "not JSON: a key is missing"),
        (b"{1: 2}", "not JSON: a key is missing"),
        (b'{"1ABC" 1}', "not JSON: a colon is missing"),
        (b'{"1ABC": 1 "2ABC": 2}', "not JSON: neither comma nor brace after a value"),
        (b'{"1ABC": what is this supposed to be}', "not JSON"),
        (b'{"1ABC": NaN}', "not JSON"),
        (b'{"1ABC": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"1ABC": "a\nb with some more text behind it"}', "not JSON"),
        (b'{"1ABC": 1}{"2ABC": 2}', "something follows the end of the object"),
        (b'{"1ABC": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"1ABC": ' + b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_is_refused_with_a_reason(document: bytes, reason: str) -> None:
    assert refusal(document) == reason
    assert refusal(pieces(document, 1000)) == reason


@pytest.mark.parametrize("number", ["1.5", "-1e5", "1E+5", "1.5e-5"])
def test_a_number_may_come_in_two_pieces(number: str) -> None:
    long = "x" * 300_000
    for cut in range(1, len(number)):
        begin = f'{{"a": "{long}", "b": {number[:cut]}'.encode()
        assert members([begin, number[cut:].encode() + b"}"])[1] == ("b", float(number))


def test_a_mistake_in_the_middle_is_found_without_reading_on() -> None:
    asked = 0

    def chunks() -> Iterator[bytes]:
        nonlocal asked
        yield b'{"1ABC": oops, "2ABC": "' + b"x" * 300_000
        for _ in range(1000):
            asked += 1
            yield b"x" * 100_000

    assert refusal(chunks()) == "not JSON"
    assert asked == 0


def test_a_value_without_an_end_is_not_gathered_for_ever() -> None:
    gathered = 0

    def endless() -> Iterator[bytes]:
        nonlocal gathered
        yield b'{"1ABC": "'
        while True:
            gathered += 100_000
            yield b"x" * 100_000

    assert refusal(endless()) == "a value is too long"
    assert gathered < 4 * LONGEST_MEMBER


def test_members_come_out_before_the_document_has_arrived() -> None:
    def endless() -> Iterator[bytes]:
        yield b"{"
        number = 0
        while True:
            yield f'"{number}": {number},'.encode()
            number += 1

    found = iterate_members(endless(), subject="list")
    assert [next(found) for _ in range(3)] == [("0", 0), ("1", 1), ("2", 2)]


def test_a_byte_order_mark_is_no_mistake_and_doubles_come_twice() -> None:
    assert members(b'\xef\xbb\xbf{"a": 1, "a": 2}\r\n') == [("a", 1), ("a", 2)]
