"""The operation as a library: plan, outcomes, events; a real server, no command line."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.events import (
    BytesReceived,
    EntrySettled,
    Event,
    FileFailed,
    FilePresent,
    FilePublished,
    Note,
    PhaseBegan,
    PlanMade,
)
from pdb_cli.operations.download import (
    Action,
    DownloadResult,
    FileOutcome,
    Outcome,
    plan_download,
    run_download,
)
from pdb_cli.operations.download_request import (
    Destination,
    DownloadRequest,
    ExistingFile,
    FileKind,
)
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy
from support.archive_simulator import ArchiveSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS = HttpOptions(connections=4, connect_timeout_s=2, stall_timeout_s=2)
RETRY = RetryPolicy(retries=0, base_s=0.01)
MMCIF = FileKind(DataType.STRUCTURES, FileFormat.MMCIF)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    """Serve three real entries, one of them with a legacy PDB file only."""
    with ArchiveSimulator.make(tmp_path / "archive", "3hya", "1kqe", "1gdr") as simulator:
        yield simulator


def _request(
    mirror: ArchiveSimulator, folder: Path, *ids: str, kind: FileKind = MMCIF
) -> DownloadRequest:
    return DownloadRequest(
        tuple(map(EntryId.parse, ids)),
        (kind,),
        Destination(folder),
        (Mirror("lab", mirror.url, (), Layout.CLASSIC),),
    )


def _run(request: DownloadRequest) -> tuple[list[FileOutcome], list[Event]]:
    events: list[Event] = []
    outcomes = run_download(request, options=OPTIONS, retry=RETRY, observe=events.append)
    with closing(outcomes):
        return list(outcomes), events


def test_each_file_has_one_outcome_and_its_events(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    request = _request(mirror, tmp_path / "c", "3hya", "1kqe", "9zzz")
    _run(_request(mirror, tmp_path / "c", "1kqe"))
    outcomes, events = _run(request)
    by_id = {str(item.file.entry): item for item in outcomes}
    assert {key: item.outcome for key, item in by_id.items()} == {
        "3hya": Outcome.DOWNLOADED,
        "1kqe": Outcome.UP_TO_DATE,
        "9zzz": Outcome.NOT_FOUND,
    }
    size_bytes = by_id["3hya"].path.stat().st_size
    assert (by_id["3hya"].size_bytes, by_id["3hya"].attempts) == (size_bytes, 1)
    assert events[:2] == [PlanMade(3, 3), PhaseBegan("downloading")]
    assert sum(item.size_bytes for item in events if isinstance(item, BytesReceived)) == size_bytes
    settled = [
        item for item in events if isinstance(item, FilePublished | FilePresent | FileFailed)
    ]
    assert sorted(type(item).__name__ for item in settled) == [
        "FileFailed",
        "FilePresent",
        "FilePublished",
    ]
    result = DownloadResult()
    for item in outcomes:
        result.add(item)
    assert (result.good, result.bad, result.received_bytes) == (2, 1, size_bytes)


def test_a_substitute_is_noted_and_carries_the_asked_format(
    mirror: ArchiveSimulator, tmp_path: Path
) -> None:
    pdb = FileKind(DataType.STRUCTURES, FileFormat.PDB)
    outcomes, events = _run(_request(mirror, tmp_path / "c", "1gdr", "3hya", kind=pdb))
    formats = {str(o.file.entry): (o.file.file_format, o.replaces_format) for o in outcomes}
    assert formats == {
        "1gdr": (FileFormat.PDB, None),
        "3hya": (FileFormat.MMCIF, FileFormat.PDB),
    }
    assert Note("1 without a legacy PDB file: fetching mmCIF instead") in events
    # What failed for good is reported once, what was replaced is no failure.
    assert not [item for item in events if isinstance(item, FileFailed)]


def test_an_entry_is_settled_with_the_last_of_its_files(
    mirror: ArchiveSimulator, tmp_path: Path
) -> None:
    pdb = FileKind(DataType.STRUCTURES, FileFormat.PDB)
    sf = FileKind(DataType.STRUCTURE_FACTORS, FileFormat.MMCIF)
    # One has a legacy file, one gets a substitute for it, one is there already, one has nothing.
    _run(_request(mirror, tmp_path / "c", "1kqe"))
    request = _request(mirror, tmp_path / "c", "1gdr", "3hya", "1kqe", "9zzz")
    request = request._replace(kinds=(pdb, MMCIF, sf))
    outcomes, events = _run(request)
    assert events[0] == PlanMade(12, 4)
    assert len(outcomes) == 12
    settled = [item.entry for item in events if isinstance(item, EntrySettled)]
    assert sorted(settled) == ["1gdr", "1kqe", "3hya", "9zzz"]
    files = [item for item in events if isinstance(item, FilePublished | FilePresent | FileFailed)]
    assert len(files) == 12
    # None before its last file: when n entries are settled, at least 3 n files are.
    seen_files = seen_entries = 0
    for item in events:
        seen_files += isinstance(item, FilePublished | FilePresent | FileFailed)
        seen_entries += isinstance(item, EntrySettled)
        assert seen_files >= 3 * seen_entries


def test_the_plan_is_lazy_and_changes_nothing(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    request = _request(mirror, tmp_path / "c", *(f"{n:04d}" for n in range(1000, 9999)))
    plan = plan_download(request)
    with closing(plan):
        first = next(plan)
    assert (first.action, first.reason, first.size_bytes) == (Action.FETCH, "missing", None)
    assert (list(tmp_path.iterdir()), mirror.requests) == ([tmp_path / "archive"], ())


def test_the_plan_says_why(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    request = _request(mirror, tmp_path / "c", "3hya")
    _run(request)
    (kept,) = plan_download(request)
    assert (kept.action, kept.reason) == (Action.KEEP, "up to date")
    (again,) = plan_download(request._replace(existing=ExistingFile.REPLACE))
    assert (again.action, again.reason) == (Action.FETCH, "wanted again")
    os.truncate(kept.path, 100)
    (damaged,) = plan_download(request)
    assert (damaged.action, damaged.reason, damaged.size_bytes) == (Action.FETCH, "truncated", 100)
    kept.path.write_bytes(b"")
    (empty,) = plan_download(request)
    assert (empty.action, empty.reason) == (Action.FETCH, "empty")


def test_closing_early_leaves_no_torn_file(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    mirror.delay_s = 0.2
    request = _request(mirror, tmp_path / "c", "3hya", "1kqe")
    outcomes = run_download(request, options=HttpOptions(connections=1), retry=RETRY)
    with closing(outcomes):
        first = next(outcomes)
    files = [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
    assert files == [first.path]
