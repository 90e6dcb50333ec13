"""The operation as a library: plan, outcomes, events; a real server, no command line."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.events import (
    BytesReceived,
    EntrySettled,
    FileFailed,
    FilePresent,
    FilePublished,
    Note,
    PhaseBegan,
    PlanMade,
)
from pdb_cli.operations.download.request import (
    Destination,
    DownloadRequest,
    ExistingFile,
    FileKind,
)
from pdb_cli.operations.download.run import (
    Action,
    DownloadResult,
    Outcome,
    plan_download,
    run_download,
)
from pdb_cli.transfer.options import HttpOptions
from support.archive_gzip import archive_gzip
from support.downloading import MMCIF, RETRY, request_for, run

if TYPE_CHECKING:
    from pathlib import Path

    from support.archive_simulator import ArchiveSimulator


def test_each_file_has_one_outcome_and_its_events(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    request = request_for(mirror, tmp_path / "c", "3hya", "1kqe", "9zzz")
    run(request_for(mirror, tmp_path / "c", "1kqe"))
    outcomes, events = run(request)
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
    outcomes, events = run(request_for(mirror, tmp_path / "c", "1gdr", "3hya", kind=pdb))
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
    run(request_for(mirror, tmp_path / "c", "1kqe"))
    request = request_for(mirror, tmp_path / "c", "1gdr", "3hya", "1kqe", "9zzz")
    request = request._replace(kinds=(pdb, MMCIF, sf))
    outcomes, events = run(request)
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
    request = request_for(mirror, tmp_path / "c", *(f"{n:04d}" for n in range(1000, 9999)))
    plan = plan_download(request)
    with closing(plan):
        first = next(plan)
    assert (first.action, first.reason, first.size_bytes) == (Action.FETCH, "missing", None)
    assert (list(tmp_path.iterdir()), mirror.requests) == ([tmp_path / "archive"], ())


def test_the_plan_says_why(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    request = request_for(mirror, tmp_path / "c", "3hya")
    run(request)
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


def test_files_that_are_there_are_passed_by_without_a_pause(tmp_path: Path) -> None:
    ids = [f"9{number:03}" for number in range(400)]
    for entry in ids:
        path = tmp_path / "structures" / "divided" / "mmCIF" / entry[1:3] / f"{entry}.cif.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive_gzip(b"data_%s\n#\n" % entry.encode(), name=f"{entry}.cif"))
    nowhere = Mirror("nowhere", "http://127.0.0.1:9/pub/pdb", (), Layout.CLASSIC)
    destination = Destination(tmp_path)
    request = DownloadRequest(tuple(map(EntryId.parse, ids)), (MMCIF,), destination, (nowhere,))
    start_s = time.monotonic()
    outcomes, _ = run(request)
    assert [outcome.outcome for outcome in outcomes] == [Outcome.UP_TO_DATE] * 400
    assert time.monotonic() - start_s < 3  # a hundredth of a second for each would be 4


def test_closing_early_leaves_no_torn_file(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    mirror.delay_s = 0.2
    request = request_for(mirror, tmp_path / "c", "3hya", "1kqe")
    outcomes = run_download(request, options=HttpOptions(connections=1), retry=RETRY)
    with closing(outcomes):
        first = next(outcomes)
    files = [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
    assert files == [first.path]
