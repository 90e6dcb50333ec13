"""Rows on stdout as they come, for commands whose rows do not fit into memory, or take days."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Self, assert_never

from pdb_cli.cli.output import OutputMode, json_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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
        How.
    columns
        For text: key to column, in order.
    fields
        For csv: the keys, in order.
    id_key
        The key that ``ids`` prints; each value should come once.
    """

    def __init__(
        self,
        mode: OutputMode,
        *,
        columns: Mapping[str, Column],
        fields: Sequence[str] = (),
        id_key: str = "id",
    ) -> None:
        if mode is OutputMode.CSV and not fields:
            raise ValueError("CSV needs to know its fields from the start")
        self._mode = mode
        self._columns = columns
        self._fields = fields
        self._id_key = id_key
        self._count = 0

    def __enter__(self) -> Self:
        if self._mode is OutputMode.JSON:
            sys.stdout.write("[")
        elif self._mode is OutputMode.CSV:
            self._write_csv(self._fields)
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
                # A table without rows has no headings either.
                if not self._count:
                    self._write_cells(column.heading for column in self._columns.values())
                self._count += 1
                self._write_cells(printable(row.get(key)) for key in self._columns)
            case OutputMode.JSON:
                # Counted first: an interrupt between the two leaves the array whole all the same.
                self._count += 1
                separator = ",\n" if self._count > 1 else "\n"
                sys.stdout.write(separator + json_text(row))
            case OutputMode.IDS:
                sys.stdout.write(f"{row[self._id_key]}\n")
            case OutputMode.CSV:
                self._write_csv([row[name] for name in self._fields])
            case _:
                assert_never(self._mode)

    def flush(self) -> None:
        """Hand what was written to the reader; else that happens when a buffer is full."""
        sys.stdout.flush()

    @staticmethod
    def _write_csv(cells: Sequence[object]) -> None:
        """Write one line of CSV (RFC 4180)."""
        import csv  # noqa: PLC0415 - only for this mode
        import io  # noqa: PLC0415 - as above

        # What is not valid Unicode (a file name) must not stop the output.
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        sys.stdout.write(line.getvalue().encode("utf-8", "backslashreplace").decode("utf-8"))

    def _write_cells(self, cells: Iterable[str]) -> None:
        """Write one line of the table."""
        widths = (column.width for column in self._columns.values())
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")
