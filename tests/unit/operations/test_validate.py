"""The operation on real files: what it says, what it remembers, how it goes on and repairs."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import (
    Defect,
)
from pdb_cli.events import (
    FilesChecked,
    Note,
    PlanMade,
)
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.validate import progress as validate_progress
from pdb_cli.operations.validate.run import (
    FileStatus,
    Level,
    ValidateRequest,
    run_validate,
)
from pdb_cli.storage.collection import Collection
from support.archive_gzip import archive_gzip, inflate
from support.collected import overwrite, record_of
from support.fault_server import FaultServer
from support.fetching import real_paths
from support.real_entries import CLASSIC_ROOT
from support.validating import (
    ASSEMBLY,
    CONTENT,
    GZIP,
    HASH,
    HYA,
    damage,
    everything_below,
    repair_from,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Give a collection of all bundled files of the classic archive."""
    root = tmp_path / "my collection; 'quoted'"
    shutil.copytree(CLASSIC_ROOT / "data", root)
    return Collection(root)


@pytest.fixture
def mirror() -> Iterator[FaultServer]:
    with FaultServer(real_paths()) as server:
        yield server


def test_findings_come_in_the_order_of_paths_and_progress_counts_them(
    collection: Collection,
) -> None:
    damage(collection, HYA)
    found, events = validate(collection)
    assert list(found) == sorted(found)
    assert len(found) == len(everything_below(collection.root))
    bad = [path for path, finding in found.items() if not finding.is_good]
    assert bad == [HYA]
    assert PlanMade(len(found)) in events
    counts = [event for event in events if isinstance(event, FilesChecked)]
    assert (sum(e.good for e in counts), sum(e.bad for e in counts)) == (len(found) - 1, 1)
    assert sum(e.size_bytes for e in counts) == sum(f.size_bytes for f in found.values())


def test_types_that_are_kept_elsewhere_are_looked_at_there(
    collection: Collection, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (collection.root / "assemblies").rename(elsewhere)
    collection = Collection(collection.root, {DataType.ASSEMBLIES: elsewhere})
    place = elsewhere / "mmCIF/divided/hh/4hhb-assembly1.cif.gz"
    overwrite(place, place.read_bytes()[:-1])
    found, _ = validate(collection)
    assert found[ASSEMBLY].collected.path == place
    assert found[ASSEMBLY].defect is Defect.TRUNCATED


def validate_until(collection: Collection, path: str, request: ValidateRequest = CONTENT) -> None:
    """Validate, and stop once the finding after that of a file is there."""
    with (
        open_catalogue(collection) as catalogue,
        closing(run_validate(collection, catalogue, request)) as findings,
    ):
        for finding in findings:
            if finding.collected.file.path > path:
                return


@pytest.fixture
def long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all runs take long enough to be gone on with."""
    monkeypatch.setattr(validate_progress, "WORTH_S", 0.0)


def test_a_moment_is_not_gone_on_with(collection: Collection) -> None:
    validate_until(collection, HYA)
    assert not any(finding.is_from_before for finding in validate(collection)[0].values())


@pytest.mark.usefixtures("long_runs")
def test_what_was_stopped_goes_on_where_it_was(collection: Collection) -> None:
    damage(collection, ASSEMBLY)
    validate_until(collection, HYA)
    found, events = validate(collection)
    before = {path for path, finding in found.items() if finding.is_from_before}
    # What was bad is looked at again, and everything comes out all the same.
    assert before >= {path for path in found if path <= HYA} - {ASSEMBLY}
    assert ASSEMBLY not in before
    assert all(found[path].size_bytes for path in before)
    assert found[ASSEMBLY].defect is Defect.CORRUPT
    assert any("going on with" in e.text for e in events if isinstance(e, Note))
    # It came to its end: the next one begins anew.
    found, _ = validate(collection)
    assert not any(finding.is_from_before for finding in found.values())
    assert not (collection.state_dir / "validate").exists()


@pytest.mark.usefixtures("long_runs")
@pytest.mark.parametrize("request_", [CONTENT, HASH], ids=["content", "hash"])
def test_what_was_changed_or_added_since_is_looked_at(
    request_: ValidateRequest, collection: Collection
) -> None:
    validate_until(collection, HYA, request_)
    (collection.root / ASSEMBLY).write_bytes(b"<html>damaged since")
    added = ASSEMBLY.replace("4hhb-", "1hhb-")
    (collection.root / added).write_bytes(b"never looked at")
    found, _ = validate(collection, request_)
    assert found[HYA].is_from_before
    assert found[ASSEMBLY].defect is Defect.WRONG_KIND
    assert found[added].defect is Defect.NOT_GZIP


@pytest.mark.usefixtures("long_runs")
def test_only_the_same_again_goes_on(collection: Collection) -> None:
    validate_until(collection, HYA)
    for request in (
        GZIP,
        CONTENT._replace(types=frozenset({DataType.STRUCTURES})),
        CONTENT._replace(entries=frozenset({EntryId.parse("3hya")})),
        CONTENT._replace(records=True),
    ):
        found, _ = validate(collection, request)
        assert not any(finding.is_from_before for finding in found.values())
    assert any(finding.is_from_before for finding in validate(collection)[0].values())


@pytest.mark.usefixtures("long_runs")
@pytest.mark.parametrize(
    "change",
    [
        {"older_by_s": 8 * 86400},
        {"older_by_s": -86400},
        {"started_at_s": "yesterday"},
        {"schema": 1},
    ],
    ids=str,
)
def test_a_state_that_is_old_or_odd_is_none(change: dict[str, Any], collection: Collection) -> None:
    validate_until(collection, HYA)
    (state,) = (collection.state_dir / "validate").iterdir()
    content = json.loads(state.read_text())
    content["started_at_s"] -= change.get("older_by_s", 0)
    state.write_text(json.dumps(content | change))
    assert not any(finding.is_from_before for finding in validate(collection)[0].values())


@pytest.mark.usefixtures("long_runs")
def test_torn_state_is_none(collection: Collection) -> None:
    validate_until(collection, HYA)
    (state,) = (collection.state_dir / "validate").iterdir()
    state.write_bytes(state.read_bytes()[:40])
    assert not any(finding.is_from_before for finding in validate(collection)[0].values())


def test_records_are_made_once_and_are_what_bytes_are_compared_with(
    collection: Collection,
) -> None:
    found, _ = validate(collection, GZIP._replace(records=True))
    assert all(finding.is_new_record for finding in found.values())
    found, _ = validate(collection, HASH._replace(records=True))
    assert not any(finding.is_new_record for finding in found.values())
    assert {finding.level for finding in found.values()} == {Level.HASH}


def test_a_touched_file_fits_its_record_again_once_its_bytes_are_compared(
    collection: Collection,
) -> None:
    validate(collection, GZIP._replace(records=True))
    os.utime(collection.root / HYA, ns=(1, 1_500_000_000_000_000_000))
    lately = HASH._replace(since_s=time.time() - 60)
    assert validate(collection, CONTENT)[0][HYA].status is FileStatus.OK
    assert validate(collection, HASH)[0][HYA].status is FileStatus.OK
    assert validate(collection, lately)[0][HYA].status is FileStatus.SKIPPED
    with open_catalogue(collection) as catalogue:
        record = catalogue.records([HYA]).get(HYA)
    assert record is not None
    assert record.mtime_ns == 1_500_000_000_000_000_000


def test_a_file_whose_record_is_just_being_written_is_not_accused(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate(collection, GZIP._replace(records=True))
    path = collection.root / HYA
    overwrite(path, archive_gzip(inflate(path.read_bytes()) + b"#\n", name="3hya.cif"))
    waits: list[float] = []

    def meanwhile(seconds: float) -> None:
        """Let the other process write the record of what it has put there."""
        waits.append(seconds)
        with open_catalogue(collection) as catalogue:
            catalogue.remember([record_of(path)._replace(path=HYA)])

    monkeypatch.setattr(time, "sleep", meanwhile)
    found, _ = validate(collection, HASH)
    assert (found[HYA].status, found[HYA].level) == (FileStatus.OK, Level.HASH)
    assert len(waits) == 1
    assert 0 < waits[0] < 3


def test_a_file_that_was_replaced_by_others_is_no_defect_and_may_be_recorded(
    collection: Collection, mirror: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate(collection, GZIP._replace(records=True))
    path = collection.root / HYA
    overwrite(path, archive_gzip(inflate(path.read_bytes()) + b"#\n", name="3hya.cif"))
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    found, _ = validate(collection, HASH, repair_from(mirror))
    assert (found[HYA].status, found[HYA].is_replaced) == (FileStatus.NO_RECORD, True)
    assert len(waits) == 1
    assert not mirror.requests
    found, _ = validate(collection, GZIP._replace(records=True))
    assert [path for path, finding in found.items() if finding.is_new_record] == [HYA]
    assert validate(collection, HASH)[0][HYA].status is FileStatus.OK
