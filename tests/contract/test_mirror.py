"""What every mirror must do for a download: the same on each server, in both layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import ConnectionFailedError
from pdb_cli.operations.download.request import (
    Destination,
    DownloadRequest,
    ExistingFile,
    FileKind,
)
from pdb_cli.operations.download.run import Outcome, run_download
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from contract.conftest import Served
    from pdb_cli.operations.download.run import FileOutcome

ENTRIES = ("3hya", "1kqe", "1dul", "pdb_00011a7y")
OPTIONS = HttpOptions(connections=4, connect_timeout_s=5, stall_timeout_s=5)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    return tmp_path / "collection"


def download(
    served: Served, folder: Path, *ids: str, existing: ExistingFile = ExistingFile.SKIP
) -> list[FileOutcome]:
    request = DownloadRequest(
        entries=tuple(EntryId.parse(text) for text in ids),
        kinds=(FileKind(DataType.STRUCTURES, FileFormat.MMCIF),),
        destination=Destination(folder),
        mirrors=(served.mirror,),
        existing=existing,
    )
    return list(run_download(request, options=OPTIONS, retry=RetryPolicy(retries=0)))


def outcomes(results: list[FileOutcome]) -> dict[str, Outcome]:
    return {str(result.file.entry): result.outcome for result in results}


def test_files_arrive_byte_for_byte_with_their_time(served: Served, collection: Path) -> None:
    results = download(served, collection, *ENTRIES)
    assert outcomes(results) == dict.fromkeys(ENTRIES, Outcome.DOWNLOADED)
    for result in results:
        published = served.tree.path(result.file)
        assert result.path.read_bytes() == published.read_bytes()
        assert result.size_bytes == published.stat().st_size
        # Last-Modified has whole seconds.
        assert result.path.stat().st_mtime == served.tree.file_time_s
        assert result.url == served.mirror.url(result.file)
    # Whatever the mirror's layout, the collection's is the classic one; nothing else is left.
    present = sorted(path for path in collection.rglob("*") if path.is_file())
    assert present == sorted(result.path for result in results)
    assert collection / "structures/divided/mmCIF/hy/3hya.cif.gz" in present


def test_what_is_there_is_not_asked_for_again(served: Served, collection: Path) -> None:
    download(served, collection, *ENTRIES)
    again = download(served, collection, *ENTRIES)
    assert outcomes(again) == dict.fromkeys(ENTRIES, Outcome.UP_TO_DATE)
    # One more, to be sure that all requests before it are on record.
    assert outcomes(download(served, collection, "9zzz")) == {"9zzz": Outcome.NOT_FOUND}
    assert served.answered(len(ENTRIES) + 1)


def test_what_the_mirror_lacks_is_not_found(served: Served, collection: Path) -> None:
    results = download(served, collection, "9zzz", "3hya")
    assert outcomes(results) == {"9zzz": Outcome.NOT_FOUND, "3hya": Outcome.DOWNLOADED}
    missing = next(result for result in results if result.outcome is Outcome.NOT_FOUND)
    assert not missing.path.exists()
    assert not isinstance(missing.error, ConnectionFailedError)
    assert served.answered(2)


def test_a_new_release_replaces_the_file_and_its_time(served: Served, collection: Path) -> None:
    (before,) = download(served, collection, "3hya")
    old = before.path.read_bytes()
    served.tree.publish(change=["3hya"])
    (after,) = download(served, collection, "3hya", existing=ExistingFile.REPLACE)
    assert after.outcome is Outcome.DOWNLOADED
    assert after.path.read_bytes() == served.tree.path(after.file).read_bytes() != old
    assert after.path.stat().st_mtime == served.tree.file_time_s
