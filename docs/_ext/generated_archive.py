"""What the archive offers and where, from the tables of ``pdb_cli.archive``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markdown_text import table

from pdb_cli.archive.datatypes import parse_data_type, parse_format
from pdb_cli.archive.layouts import ROWS, Layout
from pdb_cli.archive.mirrors import BUILTIN_MIRRORS, MIRROR_ALIASES
from pdb_cli.archive.sync_targets import ARCHIVE_ROWS, PDBE_ROWS, PDBJ_ROWS
from pdb_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from enum import StrEnum


def layouts() -> Iterator[str]:
    """Yield one table per layout."""
    for layout in Layout:
        yield f"### Layout `{layout}`"
        yield ""
        rows = [row for row in ROWS if row.layout is layout]
        yield from table(
            ["data type", "format", "path below the mirror's root"],
            [[f"`{row.data_type}`", f"`{row.file_format}`", f"`{row.template}`"] for row in rows],
        )


def mirrors() -> Iterator[str]:
    """Yield the table of built-in mirrors."""
    yield from table(
        ["name", "also", "HTTPS root", "BinaryCIF", "rsync roots", "layout"],
        [
            [
                f"`{mirror.name}`",
                ", ".join(f"`{a}`" for a, name in MIRROR_ALIASES.items() if name == mirror.name),
                f"`{mirror.https}`",
                f"`{mirror.bcif}`" if mirror.bcif else "",
                "<br>".join(f"`{root}`" for root in mirror.rsync),
                f"`{mirror.layout}`",
            ]
            for mirror in BUILTIN_MIRRORS.values()
        ],
    )


def sync_targets() -> Iterator[str]:
    """Yield the table of what sync can keep."""
    archive = {f"archive, layout `{layout}`": rows for layout, rows in ARCHIVE_ROWS.items()}
    for place, rows in {**archive, "`pdbj`": PDBJ_ROWS, "`pdbe`": PDBE_ROWS}.items():
        yield f"### Of the {place}" if place.startswith("archive") else f"### Of the target {place}"
        yield ""
        yield from table(
            ["name", "type", "directory", "files", "certainty"],
            [
                [
                    f"`{row.name}`",
                    f"`{row.type_name}`",
                    f"`{row.directory}`",
                    f"`{row.pattern}`" if row.pattern else "all",
                    str(row.certainty),
                ]
                for row in rows
            ],
        )


def data_types() -> Iterator[str]:
    """Yield the data types with all their names."""
    yield from _names("data type", parse_data_type)


def formats() -> Iterator[str]:
    """Yield the formats with all their names."""
    yield from _names("format", parse_format)


def _names(heading: str, parse: Callable[[str], StrEnum]) -> Iterator[str]:
    """Yield every value a parser knows, with the other names it takes for it."""
    names: dict[StrEnum, list[str]] = {}
    for name in _known(parse):
        names.setdefault(parse(name), []).append(name)
    yield from table(
        [heading, "other names"],
        [
            [f"`{value}`", ", ".join(f"`{name}`" for name in known if name != value)]
            for value, known in names.items()
        ],
    )


def _known(parse: Callable[[str], StrEnum]) -> tuple[str, ...]:
    """Return all names a parser takes, as it tells whoever asks for a wrong one."""
    try:
        parse("?")
    except UnknownNameError as error:
        return error.known
    raise LookupError("every text seems to be a name")
