"""What is not found: why, what instead, and which assemblies there are; a real server."""

from __future__ import annotations

import gzip
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.holdings import HoldingsFile
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import InvalidValueError, UnsupportedError
from pdb_cli.events import (
    EntrySettled,
    Event,
    FileFailed,
    FilePresent,
    FilePublished,
    Note,
    PlanMade,
)
from pdb_cli.operations.download.request import (
    DownloadRequest,
    FileKind,
    ObsoletePolicy,
)
from pdb_cli.operations.download.run import (
    DownloadResult,
    Outcome,
    run_download,
)
from pdb_cli.transfer.options import HttpOptions
from support.archive_gzip import archive_gzip, inflate
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.downloading import MMCIF, RETRY, request_for, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def living(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    """Serve an archive in which entries were superseded, announced, and have assemblies."""
    tree = ArchiveTree(tmp_path / "living")
    copies = {"1aaa": "1kqe", "2aaa": "1kqe", "3aaa": "1kqe", "5hhb": "4hhb"}
    tree.publish(add=["3hya", "1kqe", "4hhb"], copies=copies, unreleased=["9hld"])
    tree.publish(obsolete={"1aaa": "2AAA", "2aaa": ["1kqe", "3HYA"], "3aaa": None})
    with ArchiveSimulator(tree) as simulator:
        yield simulator


def _asking_lists(request: DownloadRequest, tmp_path: Path) -> DownloadRequest:
    return request._replace(holdings_dir=tmp_path / "holdings")


def _lists_asked(mirror: ArchiveSimulator) -> list[str]:
    return [item.path.rpartition("/")[2] for item in mirror.requests if "/holdings/" in item.path]


def test_what_is_not_found_is_explained_with_one_request_for_each_list(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    entries = ("1aaa", "3aaa", "9hld", "9zzz", "3hya")
    request = _asking_lists(request_for(living, tmp_path / "c", *entries), tmp_path)
    outcomes, events = run(request)
    reasons = {str(item.file.entry): item.absence for item in outcomes}
    assert {entry: str(absence) for entry, absence in reasons.items() if absence} == {
        "1aaa": "superseded by 1kqe, 3hya (obsolete since 2026-09-09)",
        "3aaa": "obsolete since 2026-09-09, without a successor",
        "9hld": "not yet released: on hold until publication (HPUB)",
        "9zzz": "neither obsolete nor announced",
    }
    failed = {item.name: item.reason for item in events if isinstance(item, FileFailed)}
    assert failed["structures/divided/mmCIF/zz/9zzz.cif.gz"] == (
        "not found on lab; neither obsolete nor announced"
    )
    assert failed["structures/divided/mmCIF/aa/1aaa.cif.gz"].startswith("superseded by 1kqe")
    assert _lists_asked(living) == [
        "all_removed_entries.json.gz",
        "unreleased_entries.json.gz",
    ]
    settled = [item.entry for item in events if isinstance(item, EntrySettled)]
    assert sorted(settled) == sorted(entries)


def test_nothing_is_asked_when_all_is_found_or_the_first_list_tells_it_all(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    run(_asking_lists(request_for(living, tmp_path / "c", "3hya"), tmp_path))
    assert _lists_asked(living) == []
    run(_asking_lists(request_for(living, tmp_path / "c", "1aaa", "2aaa"), tmp_path))
    assert _lists_asked(living) == ["all_removed_entries.json.gz"]


def test_an_entry_that_is_there_but_lacks_the_data_is_not_called_unknown(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    kind = FileKind(DataType.VALIDATION, FileFormat.XML)
    request = request_for(living, tmp_path / "c", "3hya", "1aaa", kind=kind)
    outcomes, events = run(_asking_lists(request, tmp_path))
    absences = {str(item.file.entry): item.absence for item in outcomes}
    assert absences["3hya"] is None
    assert absences["1aaa"] is not None
    (reason,) = (
        item.reason for item in events if isinstance(item, FileFailed) and "3hya" in item.name
    )
    assert reason == "not found on lab"


def test_lists_that_can_not_be_had_are_no_failure(mirror: ArchiveSimulator, tmp_path: Path) -> None:
    (mirror.tree.root / "holdings" / "all_removed_entries.json.gz").unlink()
    outcomes, events = run(_asking_lists(request_for(mirror, tmp_path, "3hya", "9zzz"), tmp_path))
    assert {item.outcome for item in outcomes} == {Outcome.DOWNLOADED, Outcome.NOT_FOUND}
    notes = [item.text for item in events if isinstance(item, Note)]
    url = f"{mirror.url}/holdings/all_removed_entries.json.gz"
    assert notes == [
        (
            "why files are missing can not be looked up in the lists of the archive "
            f"({url}: HTTP 404 not found)"
        )
    ]


def test_one_list_explains_without_the_other(living: ArchiveSimulator, tmp_path: Path) -> None:
    (living.tree.root / "holdings" / "unreleased_entries.json.gz").unlink()
    request = _asking_lists(request_for(living, tmp_path / "c", "1aaa", "9zzz"), tmp_path)
    outcomes, events = run(request._replace(obsolete=ObsoletePolicy.FOLLOW))
    assert {str(item.file.entry): item.outcome for item in outcomes} == {
        "1kqe": Outcome.DOWNLOADED,
        "3hya": Outcome.DOWNLOADED,
        "9zzz": Outcome.NOT_FOUND,
    }
    # Nobody can say that it is unknown.
    assert [item.absence for item in outcomes if item.outcome is Outcome.NOT_FOUND] == [None]
    notes = [item.text for item in events if isinstance(item, Note)]
    assert any("unreleased_entries" in text for text in notes)


def test_successors_of_obsolete_entries_are_fetched_in_their_place(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    request = request_for(living, tmp_path / "c", "1aaa", "2aaa", "3aaa", "3hya")
    request = _asking_lists(request, tmp_path)._replace(obsolete=ObsoletePolicy.FOLLOW)
    outcomes, events = run(request)
    found = {
        (str(item.file.entry), item.outcome, tuple(map(str, item.replaces_entries)))
        for item in outcomes
    }
    assert found == {
        ("3hya", Outcome.DOWNLOADED, ()),
        ("3aaa", Outcome.NOT_FOUND, ()),
        ("1kqe", Outcome.DOWNLOADED, ("1aaa", "2aaa")),
        ("3hya", Outcome.UP_TO_DATE, ("1aaa", "2aaa")),
    }
    assert [item.text for item in events if isinstance(item, Note)] == [
        "1aaa is obsolete: fetching 1kqe, 3hya instead",
        "2aaa is obsolete: fetching 1kqe, 3hya instead",
    ]
    settled = [item.entry for item in events if isinstance(item, EntrySettled)]
    assert sorted(settled) == ["1aaa", "2aaa", "3aaa", "3hya"]
    totals = [item.files_total for item in events if isinstance(item, PlanMade)]
    done = [item for item in events if isinstance(item, FilePublished | FilePresent | FileFailed)]
    result = DownloadResult()
    for outcome in outcomes:
        result.add(outcome)
    # 3hya was asked for and is a successor: one file, and one outcome more.
    assert totals[-1] == len(done) == len(outcomes) - 1
    assert (result.good, result.counts[Outcome.UP_TO_DATE], result.bad) == (2, 0, 1)


@pytest.mark.parametrize("fallback", [True, False])
def test_m3_successors_are_fetched_in_the_format_that_was_asked_for(
    tmp_path: Path, *, fallback: bool
) -> None:
    tree = ArchiveTree(tmp_path / "living")
    # Of the successors one has a legacy PDB file, and the other one has not.
    tree.publish(add=["1gdr", "3hya"], copies={"1aaa": "1gdr"})
    tree.publish(obsolete={"1aaa": ["1gdr", "3hya"]})
    pdb = FileKind(DataType.STRUCTURES, FileFormat.PDB)
    with ArchiveSimulator(tree) as simulator:
        request = _asking_lists(request_for(simulator, tmp_path / "c", "1aaa", kind=pdb), tmp_path)
        outcomes, events = run(request._replace(obsolete=ObsoletePolicy.FOLLOW, fallback=fallback))
    assert {tuple(map(str, item.replaces_entries)) for item in outcomes} == {("1aaa",)}
    found = {
        (str(item.file.entry), item.outcome, item.file.file_format, item.replaces_format)
        for item in outcomes
    }
    notes = [item.text for item in events if isinstance(item, Note)]
    successor = ("1gdr", Outcome.DOWNLOADED, FileFormat.PDB, None)
    followed = "1aaa is obsolete: fetching 1gdr, 3hya instead"
    if fallback:
        assert found == {
            successor,
            ("3hya", Outcome.DOWNLOADED, FileFormat.MMCIF, FileFormat.PDB),
        }
        assert notes == [followed, "1 without a legacy PDB file: fetching mmCIF instead"]
    else:
        assert found == {successor, ("3hya", Outcome.NOT_FOUND, FileFormat.PDB, None)}
        assert notes == [followed]
    assert _lists_asked(simulator) == ["all_removed_entries.json.gz"]
    assert [item.entry for item in events if isinstance(item, EntrySettled)] == ["1aaa"]
    totals = [item.files_total for item in events if isinstance(item, PlanMade)]
    done = [item for item in events if isinstance(item, FilePublished | FilePresent | FileFailed)]
    assert totals[-1] == len(done) == len(outcomes)


def test_m4_an_obsolete_entry_is_settled_with_the_last_of_its_successors(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    request = _asking_lists(request_for(living, tmp_path / "c", "1aaa", "2aaa"), tmp_path)
    request = request._replace(obsolete=ObsoletePolicy.FOLLOW)
    events: list[Event] = []
    one = HttpOptions(connections=1, connect_timeout_s=2, stall_timeout_s=2)
    outcomes = run_download(request, options=one, retry=RETRY, observe=events.append)
    with closing(outcomes):
        next(outcomes)  # the first of two successors
        assert [item for item in events if isinstance(item, EntrySettled)] == []
        next(outcomes)
        settled = [item.entry for item in events if isinstance(item, EntrySettled)]
        assert sorted(settled) == ["1aaa", "2aaa"]


def test_m4_an_obsolete_entry_of_several_files_is_settled_once(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    sf = FileKind(DataType.STRUCTURE_FACTORS, FileFormat.MMCIF)
    pdb = FileKind(DataType.STRUCTURES, FileFormat.PDB)
    request = _asking_lists(request_for(living, tmp_path / "c", "1aaa", "3hya", "3aaa"), tmp_path)
    request = request._replace(kinds=(pdb, MMCIF, sf), obsolete=ObsoletePolicy.FOLLOW)
    outcomes, events = run(request)
    settled = [item.entry for item in events if isinstance(item, EntrySettled)]
    assert sorted(settled) == ["1aaa", "3aaa", "3hya"]
    assert len(outcomes) == 3 * 4
    # Nothing comes after the last one is settled but the outcome that settled it.
    assert isinstance(events[-1], EntrySettled)


def test_many_missing_files_are_explained_on_the_way(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    missing = [f"pdb_9{number:07}" for number in range(1100)]
    request = _asking_lists(request_for(living, tmp_path / "c", *missing), tmp_path)
    outcomes, _ = run(request)
    assert len(outcomes) == 1100
    assert all(item.absence for item in outcomes)
    assert len(_lists_asked(living)) == 2


def _add_an_assembly(tree: ArchiveTree) -> None:
    """Give 5hhb an assembly 3 beside its first."""
    (first,) = (
        path for file, path in tree.files().items() if path.name.startswith("5hhb-assembly1")
    )
    first.with_name("5hhb-assembly3.cif.gz").write_bytes(
        archive_gzip(inflate(first.read_bytes()), name="5hhb-assembly3.cif")
    )
    listed = tree.root / HoldingsFile.CURRENT_FILES.path
    listed.write_bytes(
        archive_gzip(
            inflate(listed.read_bytes()).replace(
                b'"/pdb/data/assemblies/mmCIF/divided/hh/5hhb-assembly1.cif.gz"',
                b'"/pdb/data/assemblies/mmCIF/divided/hh/5hhb-assembly1.cif.gz",'
                b'"/pdb/data/assemblies/mmCIF/divided/hh/5hhb-assembly3.cif.gz"',
            ),
            name="current_file_holdings.json",
        )
    )


def test_d11_every_assembly_there_is_and_one_request_for_each(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    _add_an_assembly(living.tree)
    kind = FileKind(DataType.ASSEMBLIES, FileFormat.MMCIF)
    request = request_for(living, tmp_path / "c", "4hhb", "5hhb", "9zzz", kind=kind)
    request = _asking_lists(request, tmp_path)._replace(assembly=None)
    outcomes, events = run(request)
    assert sorted(
        (str(item.file.entry), item.file.assembly, item.outcome) for item in outcomes
    ) == [
        ("4hhb", 1, Outcome.DOWNLOADED),
        ("5hhb", 1, Outcome.DOWNLOADED),
        ("5hhb", 3, Outcome.DOWNLOADED),
        ("9zzz", 1, Outcome.NOT_FOUND),
    ]
    asked = [item.path for item in living.requests if "/assemblies/" in item.path]
    assert len(asked) == 4
    assert _lists_asked(living)[0] == "current_file_holdings.json.gz"
    assert next(item for item in events if isinstance(item, PlanMade)) == PlanMade(4, 3)
    settled = [item.entry for item in events if isinstance(item, EntrySettled)]
    assert sorted(settled) == ["4hhb", "5hhb", "9zzz"]


def test_m5_every_assembly_of_a_successor_is_fetched(tmp_path: Path) -> None:
    tree = ArchiveTree(tmp_path / "living")
    tree.publish(add=["4hhb"], copies={"1aaa": "4hhb", "2aaa": "4hhb", "5hhb": "4hhb"})
    tree.publish(obsolete={"1aaa": ["5hhb"], "2aaa": ["4hhb", "5hhb"]})
    _add_an_assembly(tree)
    kind = FileKind(DataType.ASSEMBLIES, FileFormat.MMCIF)
    with ArchiveSimulator(tree) as simulator:
        request = request_for(simulator, tmp_path / "c", "1aaa", "2aaa", kind=kind)
        request = _asking_lists(request, tmp_path)
        request = request._replace(assembly=None, obsolete=ObsoletePolicy.FOLLOW)
        outcomes, events = run(request)
    found = [
        (str(item.file.entry), item.file.assembly, item.outcome, item.replaces_entries)
        for item in outcomes
    ]
    old = tuple(map(EntryId.parse, ("1aaa", "2aaa")))
    assert sorted(found) == [
        ("4hhb", 1, Outcome.DOWNLOADED, old[1:]),
        ("5hhb", 1, Outcome.DOWNLOADED, old),
        ("5hhb", 3, Outcome.DOWNLOADED, old),
    ]
    settled = [item.entry for item in events if isinstance(item, EntrySettled)]
    assert sorted(settled) == ["1aaa", "2aaa"]
    totals = [item.files_total for item in events if isinstance(item, PlanMade)]
    assert totals[-1] == len(outcomes)


def test_every_assembly_needs_a_place_for_the_list(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    kind = FileKind(DataType.ASSEMBLIES, FileFormat.MMCIF)
    request = request_for(living, tmp_path / "c", "4hhb", kind=kind)._replace(assembly=None)
    with pytest.raises(InvalidValueError):
        run(request)


def test_binary_cif_comes_from_the_mirror_that_has_it(
    living: ArchiveSimulator, tmp_path: Path
) -> None:
    kind = FileKind(DataType.STRUCTURES, FileFormat.BCIF)
    head = b"\x83\xa7encoder\xa1x\xa7version\xa50.3.0\xaadataBlocks\x90"
    (living.tree.folder / "models").mkdir()
    (living.tree.folder / "models" / "3hya.bcif.gz").write_bytes(gzip.compress(head))
    plain, serving = (
        Mirror(name, living.url, (), Layout.CLASSIC, bcif)
        for name, bcif in (("plain", None), ("serving", living.origin + "/models/{id}.bcif.gz"))
    )
    request = request_for(living, tmp_path / "c", "3hya", kind=kind)._replace(
        mirrors=(plain, serving)
    )
    request.check()
    (outcome,), _ = run(request)
    assert (outcome.outcome, outcome.mirror) == (Outcome.DOWNLOADED, "serving")
    assert outcome.path == tmp_path / "c" / "structures/divided/bcif/hy/3hya.bcif.gz"
    with pytest.raises(UnsupportedError):
        request._replace(mirrors=(plain,)).check()


def test_files_that_are_there_do_not_wait_for_the_network(
    mirror: ArchiveSimulator, tmp_path: Path
) -> None:
    request = request_for(
        mirror, tmp_path / "c", *(f"{number:04d}" for number in range(1000, 1400))
    )
    for file in request.files():
        path = request.destination.path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"data_{file.entry}\n#\n_entry.id {file.entry}\n#\n"
        path.write_bytes(archive_gzip(text.encode(), name=f"{file.entry}.cif"))
    started_s = time.monotonic()
    outcomes, _ = run(request)
    assert {item.outcome for item in outcomes} == {Outcome.UP_TO_DATE}
    assert [item.file for item in outcomes] == list(request.files())
    # Each waited ten milliseconds once.
    assert time.monotonic() - started_s < 400 * 0.01
