"""What is in a collection, compared with living archives on loopback."""

from __future__ import annotations

import errno
import gzip
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.errors import FileAccessError
from pdb_cli.events import Note
from pdb_cli.index.catalogue import Level, open_catalogue
from pdb_cli.operations.update.asking import Asking
from pdb_cli.operations.update.model import ObsoleteAction
from pdb_cli.operations.validate.run import ValidateRequest, run_validate
from pdb_cli.storage.collection import Collection
from support.archive_gzip import archive_gzip
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.fetching import files_below
from support.holdings import write_holdings
from support.updating import Updating, bring, copy_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.operations.update.model import JudgedFile

ENTRIES = ("3hya", "1kqe", "1dsr", "1c58", "4hhb", "1gdr", "5wkd")
HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=ENTRIES, copies={"2abc": "3hya"})
    with ArchiveSimulator(tree) as mirror:
        yield mirror


@pytest.fixture
def here(mirror: ArchiveSimulator, tmp_path: Path) -> Updating:
    bring(mirror.tree, tmp_path / "pdb")
    return Updating(tmp_path / "pdb", mirror)


def asked(mirror: ArchiveSimulator) -> list[str]:
    """Return the files, not lists, that were asked for since the last call."""
    paths = [request.path for request in mirror.requests if "/holdings/" not in request.path]
    mirror.forget_requests()
    return sorted(path.rpartition("/")[2] for path in paths)


def revise(mirror: ArchiveSimulator, *entries: str) -> None:
    mirror.tree.publish(change=entries)


def test_u01_many_files_cost_two_lists_the_first_time_and_two_small_answers_later(
    tmp_path: Path,
) -> None:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(copies={f"{number}abc": "3hya" for number in range(1, 10)})
    bring(tree, tmp_path / "pdb")
    tree.publish(change=["3abc"], obsolete={"5abc": None})
    with ArchiveSimulator(tree) as mirror:
        here = Updating(tmp_path / "pdb", mirror)
        assert sorted(here.states().values()) == ["obsolete", "outdated", *["up-to-date"] * 7]
        assert [request.status for request in mirror.requests] == [200, 200]
        mirror.forget_requests()
        here.states()
        assert [request.status for request in mirror.requests] == [304, 304]


def test_an_outdated_file_shows_both_dates(mirror: ArchiveSimulator, here: Updating) -> None:
    revise(mirror, "3hya")
    found = here.check()[HYA]
    assert (str(found.state), found.local_date, found.remote_date) == (
        "outdated",
        "2026-08-28T14:09:19+00:00",
        "2026-09-04T14:09:19+00:00",
    )


def test_u02_a_version_that_is_taken_back_is_outdated_too(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    path, there = here.root / HYA, mirror.tree.root / "data" / HYA
    old_data, old_s = path.read_bytes(), path.stat().st_mtime
    revise(mirror, "3hya")
    here.update()
    assert path.read_bytes() != old_data
    there.write_bytes(old_data)
    os.utime(there, (old_s, old_s))
    revise(mirror, "1kqe")
    assert here.states()["3hya.cif.gz"] == "outdated"
    assert here.results()["3hya.cif.gz"] == "updated"
    assert (path.read_bytes(), path.stat().st_mtime) == (old_data, old_s)


def test_copies_by_hand_are_settled_by_a_request_each_and_then_remembered(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    path = here.root / HYA
    copy_by_hand(path, path.read_bytes())
    assert here.states()["3hya.cif.gz"] == "up-to-date"
    assert asked(mirror) == ["3hya.cif.gz"]
    assert here.states()["3hya.cif.gz"] == "up-to-date"
    assert asked(mirror) == []
    # What was settled holds for the archive's date of then only.
    revise(mirror, "3hya")
    assert here.states()["3hya.cif.gz"] == "outdated"
    assert asked(mirror) == []


def test_an_old_version_copied_by_hand_today_is_outdated(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    path = here.root / HYA
    old = path.read_bytes()
    revise(mirror, "3hya")
    here.update()
    copy_by_hand(path, old)
    assert path.stat().st_mtime > mirror.tree.file_time_s
    assert here.states()["3hya.cif.gz"] == "outdated"


def test_a_file_of_the_same_length_is_another_file(here: Updating) -> None:
    path = here.root / HYA
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # of its CRC-32
    copy_by_hand(path, bytes(data))
    assert here.states()["3hya.cif.gz"] == "outdated"


def test_a_mirror_that_knows_no_ranges_is_asked_for_the_file(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    with FaultServer(mirror.tree.folder) as plain:
        other = Updating(here.root, f"{plain.url}/pub/pdb")
        path = here.root / HYA
        copy_by_hand(path, path.read_bytes())
        assert other.states()["3hya.cif.gz"] == "up-to-date"
        copy_by_hand(path, b"not whole" + path.read_bytes())
        assert other.states()["3hya.cif.gz"] == "outdated"


def test_files_without_dates_are_asked_for_only_when_their_entry_has_changed(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    name = "4hhb-assembly1.cif.gz"
    path = here.root / "assemblies/mmCIF/divided/hh" / name
    # As in the archive, it is not of the very second of the coordinates.
    os.utime(path, (mirror.tree.file_time_s - 70,) * 2)
    for wanted in ([name], [], []):
        assert here.states()[name] == "up-to-date"
        assert asked(mirror) == wanted
    revise(mirror, "4hhb")
    for wanted in ([name, "4hhb.pdb1.gz"], [], []):
        assert here.states()[name] == "outdated"
        assert asked(mirror) == wanted
    assert here.results()[name] == "updated"
    asked(mirror)
    assert here.states()[name] == "up-to-date"
    assert asked(mirror) == []


def test_experimental_data_have_dates_of_their_own(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    factors = "r5wkdsf.ent.gz"
    assert here.states()[factors] == "up-to-date"
    revise(mirror, "5wkd")
    mirror.forget_requests()
    assert here.states()[factors] == "outdated"
    assert factors in asked(mirror)


def test_without_a_list_of_experimental_data_the_dates_of_entries_serve(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    (mirror.tree.root / "holdings/released_experimental_data_last_modified_dates.json.gz").unlink()
    assert here.states()["r5wkdsf.ent.gz"] == "up-to-date"
    assert any("experimental" in event.text for event in here.events if isinstance(event, Note))


def test_successors_are_followed_to_the_end_of_the_chain_and_no_cycle_catches_us(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    mirror.tree.publish(
        obsolete={"3hya": "1KQE", "1kqe": ["1dsr", "2ABC"], "1dsr": "3hya"}, copies={"9abc": "1c58"}
    )
    found = here.check()[HYA]
    assert str(found.state) == "obsolete"
    assert [str(entry) for entry in found.successors] == ["2abc"]
    assert found.reason == "superseded by 2abc (obsolete since 2026-09-09)"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (
            {"status_code": "TRSF", "remote_repository_name": "ModelArchive",
             "remote_accession_code": "ma-1"},
            "moved to ModelArchive as ma-1",
        ),
        (
            {"status_code": "OBS", "obsolete_date": "2006-10-15",
             "content_type": {"pdb": "/pdb/data/structures/models/current/pdb/hy/pdb3hya.ent.gz"}},
            "a theoretical model; the archive keeps them apart since 2006-10-15",
        ),
    ],
)  # fmt: skip
def test_models_and_transferred_entries_are_explained(
    mirror: ArchiveSimulator, here: Updating, record: dict[str, object], reason: str
) -> None:
    mirror.tree.publish(obsolete={"3hya": None})
    removed = mirror.tree.root / "holdings" / "all_removed_entries.json.gz"
    removed.write_bytes(archive_gzip(json.dumps({"3HYA": record}).encode(), name="x"))
    found = here.check()[HYA]
    assert (str(found.state), found.reason) == ("obsolete", reason)


def test_what_no_list_knows_is_not_accused(mirror: ArchiveSimulator, here: Updating) -> None:
    path = here.root / "structures/divided/mmCIF/zz/9zzz.cif.gz"
    path.parent.mkdir()
    path.write_bytes(b"whatever")
    found = here.check()["structures/divided/mmCIF/zz/9zzz.cif.gz"]
    assert (str(found.state), found.reason) == ("unknown", "not in the archive's lists")
    assert mirror.requests


@pytest.mark.parametrize("others", [0, 400], ids=["shorter than what is here", "of other entries"])
def test_nothing_is_called_obsolete_by_lists_that_lack_what_is_here(
    mirror: ArchiveSimulator, here: Updating, others: int
) -> None:
    copies = {f"{number}a{letter}c": "3hya" for number in range(1, 8) for letter in "wxyz"}
    mirror.tree.publish(copies=copies)
    bring(mirror.tree, here.root)
    mirror.tree.publish(change=["1c58"], obsolete={"1kqe": None})
    cut_dates(mirror, keep=("1C58", "3HYA"), others=others)
    before = files_below(here.root)
    states = here.states()
    assert (states["3hya.cif.gz"], states["1c58.cif.gz"]) == ("up-to-date", "outdated")
    assert set(states.values()) == {"up-to-date", "outdated", "unknown"}
    assert here.last is not None
    # They can not be told, so all is not well; and it is said once.
    assert here.last.unsettled == list(states.values()).count("unknown")
    (said,) = [event.text for event in here.events if isinstance(event, Note)]
    assert "33 of the 36 entries here are in no list: nothing is called obsolete" in said
    # A higher limit does not help where the list is shorter than what is here.
    assert ("or raise sync.max_delete" in said) is bool(others)
    results = here.results(obsolete=ObsoleteAction.DELETE, follow=True, max_delete="5%")
    assert results.pop("1c58.cif.gz") == "updated"
    assert set(results.values()) == {"None"}
    assert files_below(here.root).keys() >= before.keys()


def cut_dates(mirror: ArchiveSimulator, *, keep: tuple[str, ...], others: int) -> None:
    """Publish a list of dates that is whole and lacks most entries."""
    folder, name = mirror.tree.root / "holdings", "released_structures_last_modified_dates"
    dates = json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))
    content = {entry: dates[entry] for entry in keep}
    content |= dict.fromkeys((f"9{number:03}" for number in range(others)), dates[keep[0]])
    write_holdings(folder, name, content, mtime_s=mirror.tree.file_time_s)


def test_what_is_kept_decompressed_is_not_accused_nor_missed(here: Updating) -> None:
    plain = here.root / "structures/divided/mmCIF/hy/3hya.cif"
    plain.write_bytes(b"data_3HYA\n#\n")
    os.utime(plain, (1_000_000_000, 1_000_000_000))
    assert here.states()["3hya.cif"] == "unknown"
    assert here.results() == {"3hya.cif": "None"}
    plain.unlink()
    assert "3hya.cif" not in here.states()


def test_what_was_here_and_is_gone_is_missing_until_it_is_back(
    mirror: ArchiveSimulator, here: Updating
) -> None:
    here.states()
    path = here.root / HYA
    data = path.read_bytes()
    path.unlink()
    assert here.states()["3hya.cif.gz"] == "missing"
    assert here.states(types=frozenset({DataType.ASSEMBLIES})).get("3hya.cif.gz") is None
    path.write_bytes(data)
    os.utime(path, (mirror.tree.file_time_s,) * 2)
    assert here.states()["3hya.cif.gz"] == "up-to-date"
    path.unlink()
    mirror.tree.publish(obsolete={"3hya": None})
    assert "3hya.cif.gz" not in here.states()


def test_entries_types_and_formats_choose_files(here: Updating) -> None:
    entries = frozenset({EntryId.parse("3hya"), EntryId.parse("pdb_00001kqe")})
    chosen = here.states(entries=entries | {EntryId.parse("8zzz")})
    assert sorted(chosen) == ["1kqe.cif.gz", "3hya.cif.gz"]
    assert here.last is not None
    assert [str(entry) for entry in here.last.absent] == ["8zzz"]
    assert list(here.states(formats=frozenset({FileFormat.PDB}))) != []
    assert set(here.states(types=frozenset({DataType.STRUCTURE_FACTORS}))) == {"r5wkdsf.ent.gz"}


def test_only_reading_finds_damage(here: Updating) -> None:
    path = here.root / HYA
    data, times = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert here.states()["3hya.cif.gz"] == "up-to-date"
    found = here.check(verify=True)[HYA]
    assert str(found.state) == "damaged"
    assert found.reason


def test_what_was_found_bad_is_damaged_though_its_date_is_right(here: Updating) -> None:
    path = here.root / HYA
    good, times = path.read_bytes(), path.stat()
    path.write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with open_catalogue(Collection(here.root)) as catalogue:
        found = run_validate(Collection(here.root), catalogue, ValidateRequest(Level.CONTENT))
        assert [one.collected.file.path for one in found if not one.is_good] == [HYA]
    path.chmod(0o600)
    judged = here.check()[HYA]
    assert (str(judged.state), judged.reason) == ("damaged", "corrupt, found by an earlier check")
    assert here.results()["3hya.cif.gz"] == "updated"
    assert path.read_bytes() == good
    assert here.states()["3hya.cif.gz"] == "up-to-date"


@pytest.mark.parametrize("verify", [True, False])
def test_without_descriptors_no_good_file_is_accused(
    here: Updating, monkeypatch: pytest.MonkeyPatch, *, verify: bool
) -> None:
    path = here.root / HYA
    if not verify:
        copy_by_hand(path, path.read_bytes())
    opened = os.open

    def without_descriptors(name: str | Path, flags: int, *more: Any, **options: Any) -> int:
        """Open as many files as the process may, and that one is too many."""
        if os.fspath(name) == str(path):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(name, flags, *more, **options)

    monkeypatch.setattr(os, "open", without_descriptors)
    with pytest.raises(FileAccessError) as raised:
        here.update(verify=verify)
    assert raised.value.errno == errno.EMFILE


def test_what_vanishes_before_it_is_asked_for_is_missing(
    here: Updating, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = here.root / HYA
    copy_by_hand(path, path.read_bytes())
    whole = Asking.ask

    def asking(asked: Asking) -> Iterator[JudgedFile]:
        """Remove the file after it was seen."""
        path.unlink()
        return whole(asked)

    monkeypatch.setattr(Asking, "ask", asking)
    judged = here.check()[HYA]
    assert (str(judged.state), judged.size_bytes) == ("missing", None)
