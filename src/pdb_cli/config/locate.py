"""On which line of a TOML file a key stands, which the parser of the standard library does not say.

Reads just enough of TOML 1.0 for that: table headers, dotted and quoted keys, inline tables; it
steps over strings, arrays and comments. The text has passed the real parser when it comes here;
other text gives fewer lines, never an error.
"""

from __future__ import annotations

import re

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = re.compile(rf"[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*")
_PARTS = re.compile(_PART)
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")
_REST_OF_LINE = re.compile(r"[^\n]*\n?")

_Lines = dict[tuple[str, ...], int]


def key_lines(text: str) -> _Lines:
    r"""Return the line, from 1, of every key and table in a TOML text.

    Parameters
    ----------
    text
        The text.

    Returns
    -------
    dict
        From a key's names, the outermost first, to its line.

    Examples
    --------
    >>> key_lines('[download]\nretry = 5\n')
    {('download',): 1, ('download', 'retry'): 2}
    """
    lines: _Lines = {}
    table: tuple[str, ...] = ()
    position = _skip(_BLANK, text, 0)
    while position < len(text):
        if text[position] == "[":
            start = _skip(re.compile(r"\[+"), text, position)
            if header := _KEY.match(text, start):
                table = _names(header[1])
                _note(lines, table, 0, text, header.start(1))
            position = _skip(_REST_OF_LINE, text, position)
        else:
            end = _pair(text, position, table, lines)
            position = end if end > position else _skip(_REST_OF_LINE, text, position)
        position = _skip(_BLANK, text, position)
    return lines


def locate(lines: _Lines, path: tuple[str, ...]) -> int | None:
    """Return the line of a key, or of the innermost table around it that has one.

    Parameters
    ----------
    lines
        As ``key_lines`` returns them.
    path
        The key's names.

    Examples
    --------
    >>> locate({("download",): 1}, ("download", "retry"))
    1
    """
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _pair(text: str, position: int, table: tuple[str, ...], lines: _Lines) -> int:
    """Step over ``key = value``, note the key; return where it ends."""
    key = _KEY.match(text, position)
    if key is None:
        return position
    path = (*table, *_names(key[1]))
    _note(lines, path, len(table), text, key.start(1))
    if text[key.end() : key.end() + 1] != "=":
        return key.end()
    return _value(text, key.end() + 1, path, lines)


def _value(text: str, position: int, path: tuple[str, ...], lines: _Lines) -> int:
    """Step over a value, note the keys of inline tables in it; return where it ends."""
    position = _skip(re.compile(r"[ \t]*"), text, position)
    opening = text[position : position + 1]
    if opening not in ("[", "{"):
        match = _STRING.match(text, position) or _SCALAR.match(text, position)
        return match.end() if match else position
    closing = "]" if opening == "[" else "}"
    position += 1
    while position < len(text):
        position = _skip(_BLANK, text, position)
        found = text[position : position + 1]
        if found == closing:
            return position + 1
        if found == ",":
            position += 1
            continue
        step = _value if opening == "[" else _pair
        end = step(text, position, path, lines)
        if end == position:
            return position
        position = end
    return position


def _note(lines: _Lines, path: tuple[str, ...], known: int, text: str, position: int) -> None:
    """Note the line of a key and of the tables that its dots imply, once each."""
    line = text.count("\n", 0, position) + 1
    for length in range(known + 1, len(path) + 1):
        lines.setdefault(path[:length], line)


def _names(dotted: str) -> tuple[str, ...]:
    """Split a dotted key."""
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _PARTS.findall(dotted))


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where the match that begins at a position ends."""
    match = pattern.match(text, position)
    return match.end() if match else position
