"""Rows on stdout in every mode: aligned text, one JSON document, CSV with a header, ids."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHORT_S = 10.0
"""What takes less is told in tenths of a second."""


class OutputMode(StrEnum):
    """How data is written to stdout."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    IDS = "ids"


def write_rows(
    rows: Sequence[Mapping[str, Any]],
    *,
    mode: OutputMode,
    columns: Mapping[str, str],
    id_key: str = "id",
) -> None:
    """Write rows to stdout.

    Parameters
    ----------
    rows
        The data; json and csv show every key, in the order of the first row.
    mode
        How.
    columns
        For text: key to heading, in order.
    id_key
        The key that ``ids`` prints.
    """
    match mode:
        case OutputMode.TEXT:
            lines = text_table(rows, columns)
        case OutputMode.JSON:
            write_document(list(rows))
            return
        case OutputMode.CSV:
            _write_csv(rows, columns)
            return
        case OutputMode.IDS:
            lines = list(dict.fromkeys(str(row[id_key]) for row in rows))
        case _:
            assert_never(mode)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def write_document(document: object) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json_text(document, indent=2) + "\n")


def json_text(document: object, *, indent: int | None = None) -> str:
    """Return JSON that every stream and file can take.

    Parameters
    ----------
    document
        The data.
    indent
        Blanks per level; None for a single line.

    Examples
    --------
    >>> json_text({"path": "naïve"})
    '{"path": "naïve"}'
    """
    import json  # noqa: PLC0415 - only for this mode

    text = json.dumps(document, indent=indent, ensure_ascii=False, default=str)
    # What is not valid Unicode (a file name) must not stop the output.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def text_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[str]:
    """Return an aligned table, headings first.

    Parameters
    ----------
    rows
        The data.
    columns
        Key to heading.

    Examples
    --------
    >>> text_table([{"id": "4hhb", "n": 3}], {"id": "ENTRY", "n": "FILES"})
    ['ENTRY  FILES', '4hhb   3']
    """
    by_column = [
        [heading, *(printable(row.get(key)) for row in rows)] for key, heading in columns.items()
    ]
    widths = [max(map(len, column)) for column in by_column]
    line = "  ".join(f"{{:<{width}}}" for width in widths)
    return [line.format(*cells).rstrip() for cells in zip(*by_column, strict=True)]


def human_size(size_bytes: float) -> str:
    """Return a size for people, in units of 1000.

    Parameters
    ----------
    size_bytes
        The size.

    Examples
    --------
    >>> human_size(999), human_size(156_300), human_size(85_100_000_000)
    ('999 B', '156 kB', '85.1 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 999.5:  # noqa: PLR2004 - rounds to 1000
            return f"{size_bytes:.0f} {unit}" if unit in {"B", "kB"} else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def human_duration(seconds: float) -> str:
    """Return a duration for people.

    Parameters
    ----------
    seconds
        The duration.

    Examples
    --------
    >>> human_duration(4.2), human_duration(192), human_duration(93_600)
    ('4 s', '3 min 12 s', '1 d 2 h')
    """
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:  # noqa: PLR2004
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def human_time_taken(seconds: float) -> str:
    """Return how long something took, for people; tenths of a second where they matter.

    Parameters
    ----------
    seconds
        The duration.

    Examples
    --------
    >>> human_time_taken(4.21), human_time_taken(192)
    ('4.2 s', '3 min 12 s')
    """
    return f"{seconds:.1f} s" if seconds < _SHORT_S else human_duration(seconds)


def printable(value: object) -> str:
    """Return a value as text for a terminal: nothing for None, ``?`` for control characters.

    Parameters
    ----------
    value
        Anything.

    Examples
    --------
    >>> printable("a" + chr(27) + "[31mb"), printable(None)
    ('a?[31mb', '')
    """
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "?" for char in text)


def _write_csv(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Write CSV (RFC 4180) with a header."""
    import csv  # noqa: PLC0415 - only for this mode

    names = list(rows[0]) if rows else list(columns)
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
