"""The advice behind the summary fits what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import ArchiveFile
from pdb_cli.cli.download_run import _advice
from pdb_cli.cli.session import Session
from pdb_cli.errors import ConnectionFailedError, HttpStatusError, PdbCliError
from pdb_cli.operations.download.run import DownloadResult, FileOutcome, Outcome

FILE = ArchiveFile(EntryId.parse("1abc"), DataType.STRUCTURES, FileFormat.MMCIF)
NO_CONNECTION = ConnectionFailedError("http://a/b", "refused")
BUSY = HttpStatusError("http://a/b", "HTTP 503", 503)
NETWORK = "; no mirror could be reached: is there a network, a proxy? (-v tells more)"
AGAIN = "; run the same command again to try the rest"


@pytest.mark.parametrize(
    ("arrived", "errors", "advice"),
    [
        (1, [], ""),
        (0, [NO_CONNECTION, NO_CONNECTION], NETWORK),
        # What arrived came from a mirror.
        (1, [NO_CONNECTION], AGAIN),
        (0, [NO_CONNECTION, BUSY], AGAIN),
    ],
)
def test_the_network_is_blamed_only_if_nothing_came_through(
    arrived: int, errors: list[PdbCliError], advice: str
) -> None:
    result = DownloadResult()
    for _ in range(arrived):
        result.add(FileOutcome(Outcome.DOWNLOADED, FILE, Path("x")))
    for error in errors:
        result.add(FileOutcome(Outcome.FAILED, FILE, Path("x"), error=error))
    assert _advice(Session((), {}), result) == advice
