"""Bad files of a collection are fetched again: what is replaced, and what stays."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

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
)
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.validate import repair as validate_repair
from pdb_cli.operations.validate.run import (
    FileStatus,
    run_validate,
)
from pdb_cli.storage.collection import Collection
from support.collected import overwrite, record_of
from support.fault_server import DEFAULT_MTIME_S, FaultServer
from support.faults import Reset, Status
from support.fetching import real_paths
from support.real_entries import CLASSIC_ROOT
from support.validating import (
    ASSEMBLY,
    CONTENT,
    GDR,
    HASH,
    HYA,
    KQE,
    damage,
    everything_below,
    repair_from,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.events import Event


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


@pytest.mark.parametrize("is_first", [False, True], ids=["last", "first"])
def test_an_older_version_is_no_repair_while_a_mirror_that_may_have_the_later_one_is_down(
    collection: Collection,
    mirror: FaultServer,
    tmp_path: Path,
    is_first: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    path = collection.root / HYA
    bad = damage(collection, HYA)
    newer_s = DEFAULT_MTIME_S + 86400
    os.utime(path, (newer_s, newer_s))
    with FaultServer(tmp_path / "nothing") as down:
        down.inject(Status(503), times=None)
        mirrors = (down, mirror) if is_first else (mirror, down)
        found, _ = validate(collection, repair=repair_from(*mirrors))
    assert found[HYA].status is not FileStatus.FIXED
    assert "503" in str(found[HYA].error)
    assert path.read_bytes() == bad[HYA]


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
