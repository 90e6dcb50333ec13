"""Rows on stdout as they come, for commands whose rows do not fit into memory, or take days."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Self, assert_never

from pdb_cli.cli.output import OutputMode, json_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Column(NamedTuple):
    """One column of the text table."""

    heading: str
    width: int = 0
    """Of all cells but those that are longer; known beforehand, since no row waits for another."""


class RowStream:
    """Writes rows to stdout one by one; a context manager, which ends the document.

    JSON is one array, whole also when an exception ends it: an interrupt, or a full disk.

    Parameters
    ----------
    mode
        How: text, json or ids.
    columns
        For text: key to column, in order.
    id_key
        The key that ``ids`` prints; each value should come once.
    """

    def __init__(
        self, mode: OutputMode, *, columns: Mapping[str, Column], id_key: str = "id"
    ) -> None:
        if mode is OutputMode.CSV:
            raise ValueError("CSV is for rows that are known from the start")
        self._mode = mode
        self._columns = columns
        self._id_key = id_key
        self._count = 0

    def __enter__(self) -> Self:
        if self._mode is OutputMode.JSON:
            sys.stdout.write("[")
        elif self._mode is OutputMode.TEXT and self._columns:
            self._write_cells(column.heading for column in self._columns.values())
        return self

    def __exit__(self, *exception: object) -> None:
        if self._mode is OutputMode.JSON:
            sys.stdout.write("\n]\n" if self._count else "]\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row.

        Parameters
        ----------
        row
            The data; json shows every key.
        """
        match self._mode:
            case OutputMode.TEXT:
                self._write_cells(printable(row.get(key)) for key in self._columns)
            case OutputMode.JSON:
                # Counted first: an interrupt between the two leaves the array whole all the same.
                self._count += 1
                separator = ",\n" if self._count > 1 else "\n"
                sys.stdout.write(separator + json_text(row))
            case OutputMode.IDS:
                sys.stdout.write(f"{row[self._id_key]}\n")
            case OutputMode.CSV:
                raise AssertionError
            case _:
                assert_never(self._mode)

    def flush(self) -> None:
        """Hand what was written to the reader; else that happens when a buffer is full."""
        sys.stdout.flush()

    def _write_cells(self, cells: Iterable[str]) -> None:
        """Write one line of the table."""
        widths = (column.width for column in self._columns.values())
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")
