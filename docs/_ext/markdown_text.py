"""Pieces of Markdown that the generators share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def escape(text: str) -> str:
    r"""Return plain text that Markdown shows as it is.

    Examples
    --------
    >>> print(escape("a_b [x]"))
    a\_b \[x\]
    """
    return _SPECIAL.sub(r"\\\1", text)


def definition(term: str, *paragraphs: str) -> Iterator[str]:
    """Yield one term and its meaning, for a definition list."""
    first, *rest = paragraphs
    yield term
    yield f": {first}"
    for paragraph in rest:
        yield ""
        yield f"  {paragraph}"
    yield ""


def block(lines: Iterable[str], *, language: str = "text") -> Iterator[str]:
    """Yield a block of literal lines."""
    yield f"```{language}"
    yield from lines
    yield "```"
    yield ""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a table; a bar in a cell is escaped."""
    columns = list(head)
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |"
    yield ""
