"""The operation on real files: what it says, what it remembers, how it goes on and repairs."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import (
    CollectionBusyError,
    Defect,
    HttpStatusError,
    StaleVersionError,
    UnsupportedError,
)
from pdb_cli.events import (
    FileFailed,
    FilePresent,
    FilePublished,
    FilesChecked,
    Note,
    PlanMade,
)
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations import validate_progress, validate_repair
from pdb_cli.operations.validate import (
    FileStatus,
    Finding,
    Level,
    Repair,
    ValidateRequest,
    run_validate,
)
from pdb_cli.storage.collection import Collection
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy
from support.archive_gzip import archive_gzip, inflate
from support.collected import overwrite, record_of
from support.fault_server import DEFAULT_MTIME_S, FaultServer
from support.faults import Reset, Status
from support.fetching import real_paths
from support.real_entries import CLASSIC_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.events import Event

CONTENT = ValidateRequest(Level.CONTENT, workers=2)
GZIP = ValidateRequest(Level.GZIP)
HASH = ValidateRequest(Level.HASH)
HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"
KQE = "structures/divided/mmCIF/kq/1kqe.cif.gz"
GDR = "structures/divided/pdb/gd/pdb1gdr.ent.gz"
ASSEMBLY = "assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz"
OPTIONS = HttpOptions(connections=4, connect_timeout_s=2, stall_timeout_s=2)


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


def repair_from(*mirrors: FaultServer) -> Repair:
    """Return how to fetch from mirrors."""
    named = tuple(
        Mirror(f"m{number}", f"{mirror.url}/pub/pdb", (), Layout.CLASSIC)
        for number, mirror in enumerate(mirrors)
    )
    return Repair(named, OPTIONS, RetryPolicy(retries=1, base_s=0.01))


def validate(
    collection: Collection, request: ValidateRequest = CONTENT, repair: Repair | None = None
) -> tuple[dict[str, Finding], list[Event]]:
    """Validate; return findings by path, and events."""
    events: list[Event] = []
    with open_catalogue(collection, observe=events.append) as catalogue:
        catalogue.refresh()
        findings = run_validate(
            collection, catalogue, request, repair=repair, observe=events.append
        )
        with closing(findings):
            found = list(findings)
    by_path = {finding.collected.file.path: finding for finding in found}
    assert len(by_path) == len(found)
    return by_path, events


def everything_below(root: Path) -> dict[str, bytes]:
    """Return all files of a collection but its own state."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".pdb-cli" not in path.parts
    }


def damage(collection: Collection, *names: str) -> dict[str, bytes]:
    """Flip a bit of files; return what they hold then."""
    for name in names:
        path = collection.root / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 16
        overwrite(path, bytes(data), keep_time=True)
    return {name: (collection.root / name).read_bytes() for name in names}


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


def test_a_bad_file_is_not_replaced_by_an_older_version_than_was_recorded(
    collection: Collection, mirror: FaultServer
) -> None:
    path = collection.root / HYA
    older_s = DEFAULT_MTIME_S
    bad = damage(collection, HYA)
    # When it was written to says nothing of its version; its record may.
    os.utime(path, ns=(1, time.time_ns() // 1_000_000_000 * 1_000_000_000 + 1))
    record = record_of(path)._replace(path=HYA)
    with open_catalogue(collection) as catalogue:
        catalogue.remember([record._replace(last_modified_s=older_s + 1)])
    found, events = validate(collection, repair=repair_from(mirror))
    assert (found[HYA].status, found[HYA].defect) == (FileStatus.DEFECT, Defect.CORRUPT)
    assert isinstance(found[HYA].error, StaleVersionError)
    assert path.read_bytes() == bad[HYA]
    assert len([event for event in events if isinstance(event, FileFailed)]) == 1
    with open_catalogue(collection) as catalogue:
        catalogue.remember([record._replace(last_modified_s=older_s)])
    found, _ = validate(collection, repair=repair_from(mirror))
    assert found[HYA].status is FileStatus.FIXED


def test_a_bad_file_with_a_time_later_than_the_archives_is_replaced(
    collection: Collection, mirror: FaultServer
) -> None:
    path = collection.root / HYA
    good = path.read_bytes()
    damage(collection, HYA)
    os.utime(path, (DEFAULT_MTIME_S + 86400,) * 2)
    found, events = validate(collection, repair=repair_from(mirror))
    assert found[HYA].status is FileStatus.FIXED
    assert found[HYA].detail.endswith(", no mirror has a later one")
    assert path.read_bytes() == good
    assert path.stat().st_mtime == DEFAULT_MTIME_S
    # It is told once, and has no second name any more.
    told = [event for event in events if isinstance(event, FileFailed | FilePublished)]
    assert [type(event) for event in told] == [FilePublished]
    assert not (collection.state_dir / "quarantine").exists()


def test_a_mirror_that_lags_is_asked_last(
    collection: Collection, mirror: FaultServer, tmp_path: Path
) -> None:
    path = collection.root / HYA
    newer_s = DEFAULT_MTIME_S + 86400
    newer = tmp_path / "other/pub/pdb/data" / HYA
    newer.parent.mkdir(parents=True)
    shutil.copy2(path, newer)
    damage(collection, HYA)
    for one in (path, newer):
        os.utime(one, (newer_s, newer_s))
    with FaultServer(tmp_path / "other") as second:
        found, _ = validate(collection, repair=repair_from(mirror, second))
    assert found[HYA].status is FileStatus.FIXED
    assert path.stat().st_mtime == newer_s


def test_a_file_that_a_download_has_mended_meanwhile_is_not_fetched(
    collection: Collection, mirror: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.root / HYA
    good = path.read_bytes()
    damage(collection, HYA)

    def mending(findings: Any) -> Any:
        """Mend the file when it has been looked at."""
        for finding in findings:
            if finding is not None and finding.collected.file.path == HYA:
                overwrite(path, good)
            yield finding

    whole = validate_repair._Ward.items
    monkeypatch.setattr(
        validate_repair._Ward, "items", lambda ward, found: whole(ward, mending(found))
    )
    found, events = validate(collection, repair=repair_from(mirror))
    assert found[HYA].status is FileStatus.OK
    assert not mirror.requests
    assert [event for event in events if isinstance(event, FilePresent)] == [FilePresent(HYA)]


def test_d03_d04_bad_files_are_replaced_under_their_names(
    collection: Collection, mirror: FaultServer
) -> None:
    before = everything_below(collection.root)
    damage(collection, HYA, GDR, ASSEMBLY)
    found, events = validate(collection, repair=repair_from(mirror))
    fixed = {path for path, f in found.items() if f.status is FileStatus.FIXED}
    assert fixed == {HYA, GDR, ASSEMBLY}
    assert {found[path].defect for path in fixed} == {Defect.CORRUPT}
    assert everything_below(collection.root) == before
    assert len(mirror.requests) == 3
    assert not (collection.state_dir / "quarantine").exists()
    assert not any(isinstance(event, FileFailed) for event in events)
    # They have records now.
    found, _ = validate(collection, HASH)
    assert {path for path, f in found.items() if f.status is FileStatus.OK} == fixed


def test_d03_with_the_mirror_failing_in_the_middle_bad_files_stay_where_they_were(
    collection: Collection, mirror: FaultServer
) -> None:
    before = everything_below(collection.root)
    bad = damage(collection, HYA, KQE, GDR)
    mirror.inject(Reset(), path=f"/pub/pdb/data/{HYA}", times=99)
    mirror.inject(Status(404), path=f"/pub/pdb/data/{GDR}", times=99)
    found, events = validate(collection, repair=repair_from(mirror))
    assert found[KQE].status is FileStatus.FIXED
    for path in (HYA, GDR):
        assert (found[path].status, found[path].defect) == (FileStatus.DEFECT, Defect.CORRUPT)
        assert found[path].error is not None
    assert isinstance(found[GDR].error, HttpStatusError)
    assert everything_below(collection.root) == before | {HYA: bad[HYA], GDR: bad[GDR]}
    assert not (collection.state_dir / "quarantine").exists()
    assert {event.name for event in events if isinstance(event, FileFailed)} == {HYA, GDR}


def test_bad_files_are_in_quarantine_until_then(
    collection: Collection, mirror: FaultServer
) -> None:
    bad = damage(collection, HYA)
    kept = collection.state_dir / "quarantine" / HYA
    seen: list[bytes] = []

    def look(_: Event) -> None:
        """Look while the new one is on its way."""
        if kept.exists():
            seen.append(kept.read_bytes())

    with open_catalogue(collection) as catalogue:
        findings = run_validate(
            collection, catalogue, CONTENT, repair=repair_from(mirror), observe=look
        )
        with closing(findings):
            assert {finding.status for finding in findings} >= {FileStatus.FIXED}
    assert seen
    assert set(seen) == {bad[HYA]}
    assert not kept.exists()


@pytest.mark.parametrize("after", range(4))
def test_no_file_is_changed_once_the_collection_is_somebody_elses(
    collection: Collection, mirror: FaultServer, after: int
) -> None:
    bad = damage(collection, HYA)
    quarantine = collection.state_dir / "quarantine"
    (quarantine / KQE).parent.mkdir(parents=True)
    os.link(collection.root / KQE, quarantine / KQE)
    asked = count()

    def guard() -> None:
        """Let some changes happen: what was left is cleared, a second name, a new file."""
        if next(asked) >= after:
            raise CollectionBusyError(collection.root, "elsewhere", 42, "pdb-cli sync")

    repair = repair_from(mirror)._replace(guard=guard)
    if after == 3:
        assert validate(collection, repair=repair)[0][HYA].status is FileStatus.FIXED
        return
    with pytest.raises(CollectionBusyError):
        validate(collection, repair=repair)
    assert (collection.root / HYA).read_bytes() == bad[HYA]
    names = {path.name for path in quarantine.rglob("*.gz")}
    assert names == [{"1kqe.cif.gz"}, set(), {"3hya.cif.gz"}][after]
    assert not list((collection.root / HYA).parent.glob(".*.part"))


def test_what_a_killed_repair_left_is_cleared_away(
    collection: Collection, mirror: FaultServer
) -> None:
    before = everything_below(collection.root)
    quarantine = collection.state_dir / "quarantine"
    for name in (HYA, KQE):
        (quarantine / name).parent.mkdir(parents=True)
        os.link(collection.root / name, quarantine / name)
    validate(collection, repair=repair_from(mirror))
    assert everything_below(collection.root) == before
    assert not quarantine.exists()


def test_links_lead_to_the_file_that_is_replaced(
    collection: Collection, mirror: FaultServer, tmp_path: Path
) -> None:
    path, real = collection.root / HYA, tmp_path / "real.gz"
    good = path.read_bytes()
    real.write_bytes(good[:-1])
    path.unlink()
    path.symlink_to(real)
    found, _ = validate(collection, repair=repair_from(mirror))
    assert found[HYA].status is FileStatus.FIXED
    assert path.is_symlink()
    assert real.read_bytes() == good


def test_files_no_mirror_has_a_place_for_are_reported(
    collection: Collection, mirror: FaultServer
) -> None:
    path = collection.root / "structures/divided/bcif/hy/3hya.bcif.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nonsense")
    found, events = validate(collection, repair=repair_from(mirror))
    finding = found["structures/divided/bcif/hy/3hya.bcif.gz"]
    assert (finding.status, finding.defect) == (FileStatus.DEFECT, Defect.NOT_GZIP)
    assert isinstance(finding.error, UnsupportedError)
    assert path.read_bytes() == b"nonsense"
    assert any(isinstance(event, FileFailed) for event in events)


def test_a_decompressed_file_is_replaced_by_one(
    collection: Collection, mirror: FaultServer
) -> None:
    path = (collection.root / HYA).with_suffix("")
    path.write_bytes(b"data_3HYA\n")
    found, _ = validate(collection, repair=repair_from(mirror))
    name = HYA.removesuffix(".gz")
    assert found[name].status is FileStatus.FIXED
    assert path.stat().st_size > 1000
    assert validate(collection)[0][name].status is FileStatus.OK
