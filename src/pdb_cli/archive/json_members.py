"""Read a JSON object of any length, member by member, in bounded memory.

The holdings of the archive are one object each, with a member per entry; the longest has some
hundred megabytes. Each member is small, and it is the standard library's decoder that reads it
(docs/adr/0015-holdings-parser.md). What a hostile or broken document can cost is bounded: a member
has a largest length, and all else that is wrong with it ends the reading.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any, Final

from pdb_cli.errors import HoldingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_MEMBER: Final = 4 * 1024 * 1024
"""Characters; the longest of the archive, with all sequences of an entry, have less than half."""

_PIECE = 256 * 1024
"""Characters to gather before members are looked for."""

_MARGIN = 16
"""A value that is cut off makes the decoder stumble at most so many characters before the end."""

_UNFINISHED = re.compile(r"(?:\.|[eE][+-]?)?")
"""What the decoder leaves of a number that is cut off behind a digit: at the end, it may go on."""

_BLANK = re.compile(r"[ \t\n\r]*")


def iterate_members(chunks: Iterable[bytes], *, subject: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of the object that a document is, in its order.

    Parameters
    ----------
    chunks
        The document, UTF-8, in pieces of any length.
    subject
        What to call it in an error.

    Yields
    ------
    tuple of (str, Any)
        A key and its value; keys that are there twice come twice.

    Raises
    ------
    HoldingsError
        It is not one JSON object from its first character to its last. Members that come before
        the mistake have been yielded by then.

    Examples
    --------
    >>> list(iterate_members([b'{"a": [1', b'], "b": {}}'], subject="x"))
    [('a', [1]), ('b', {})]
    """
    return _MemberReader(chunks, subject).members()


class _MemberReader:
    """A piece of the document and how far it was read."""

    def __init__(self, chunks: Iterable[bytes], subject: str) -> None:
        self._chunks = iter(chunks)
        self._subject = subject
        self._bytes_decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._decode = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
        self._text = ""
        self._at = 0
        """Where to read on in the text."""
        self._ended = False

    def members(self) -> Iterator[tuple[str, Any]]:
        """Read from the first brace to the end of the document."""
        if self._next_character() != "{":
            raise self._wrong("not a JSON object")
        self._at += 1
        if self._next_character() == "}":
            self._at += 1
        else:
            yield from self._rest()
        if self._next_character():
            raise self._wrong("something follows the end of the object")

    def _rest(self) -> Iterator[tuple[str, Any]]:
        """Read members and what is between them, the last brace included."""
        while True:
            if self._next_character() != '"':
                raise self._wrong("not JSON: a key is missing")
            key = self._value()
            if self._next_character() != ":":
                raise self._wrong("not JSON: a colon is missing")
            self._at += 1
            self._next_character()
            yield key, self._value()
            separator = self._next_character()
            if separator not in {",", "}"}:
                cut_off = self._ended and _UNFINISHED.fullmatch(self._text, self._at)
                reason = "not JSON: neither comma nor brace after a value"
                raise self._wrong("cut short" if cut_off else reason)
            self._at += 1
            if separator == "}":
                return

    def _value(self) -> Any:
        """Decode the value that begins here, reading on until it is complete."""
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut_off = error.pos + _MARGIN >= len(self._text) or "Unterminated" in error.msg
                if not cut_off or self._ended:
                    raise self._wrong("cut short" if cut_off else "not JSON") from error
            except RecursionError as error:
                raise self._wrong("nested too deeply") from error
            except ValueError as error:  # a number of thousands of digits, NaN
                raise self._wrong("not JSON") from error
            else:
                # A number at the end of what is here may go on.
                if self._ended or not _UNFINISHED.fullmatch(self._text, end):
                    self._at = end
                    return value
            if len(self._text) - self._at > LONGEST_MEMBER:
                raise self._wrong("a value is too long")
            # Twice as much each time, so that a long value costs no more than twice its length.
            self._read(max(_PIECE, 2 * (len(self._text) - self._at)))

    def _next_character(self) -> str:
        """Skip blanks; return the next character without taking it, "" at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            if match is not None:  # always: it may be empty
                self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._read(_PIECE)

    def _read(self, wanted: int) -> None:
        """Drop what was read and gather ``wanted`` characters, or all that are left."""
        pieces = [self._text[self._at :]]
        length = len(pieces[0])
        self._at = 0
        try:
            while length < wanted:
                chunk = next(self._chunks, None)
                if chunk is None:
                    self._ended = True
                    pieces.append(self._bytes_decoder.decode(b"", final=True))
                    break
                pieces.append(self._bytes_decoder.decode(chunk))
                length += len(pieces[-1])
        except UnicodeDecodeError as error:
            raise self._wrong("cut short" if self._ended else "not UTF-8") from error
        self._text = "".join(pieces)

    def _wrong(self, reason: str) -> HoldingsError:
        """Return the error; what is missing at the very end was cut off."""
        at_end = self._ended and self._at >= len(self._text)
        if at_end and reason != "not a JSON object":
            reason = "cut short"
        return HoldingsError(self._subject, reason)


def _refuse_constant(name: str) -> None:
    """Refuse the numbers that Python's decoder takes and JSON does not have."""
    raise ValueError(name)
