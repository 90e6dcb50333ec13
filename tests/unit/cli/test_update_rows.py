"""What ``update`` says of one file."""

from __future__ import annotations

from pathlib import Path

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile, Layout
from pdb_cli.cli.output import OutputMode
from pdb_cli.cli.update_rows import update_row
from pdb_cli.errors import ConnectionFailedError
from pdb_cli.operations.update.model import FileState, JudgedFile, UpdatedFile, UpdateResult

FILE = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.MMCIF)
JUDGED = JudgedFile(FILE, Layout.CLASSIC, Path("/x"), "x", FileState.OUTDATED)


def test_a_file_that_nobody_was_asked_for_was_not_tried() -> None:
    error = ConnectionFailedError("http://a/b", "refused")
    failed = UpdatedFile(JUDGED, UpdateResult.FAILED, error=error)
    rows = [update_row(one, OutputMode.JSON) for one in (failed, failed._replace(is_untried=True))]
    assert [row["reason"] for row in rows] == [
        "http://a/b: refused",
        "not tried: http://a/b: refused",
    ]
