"""A run over https is done only when all that the lists name is here, of the version they name."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.dates import format_second
from pdb_cli.archive.holdings import HoldingsFile
from pdb_cli.errors import HoldingsError, HttpStatusError
from pdb_cli.events import Note
from pdb_cli.operations.sync.model import SettledStatus
from pdb_cli.transfer.headers import format_http_date
from support.archive_gzip import archive_gzip
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.holdings import write_holdings
from support.sync_https import HttpsSync, archive_state, tree_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pdb_cli.events import Event

CURRENT = HoldingsFile.CURRENT_FILES
NMR = "structures/divided/nmr_data"
FAR = "Fri, 31 Dec 9999 23:59:59 GMT"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    tree = ArchiveTree(tmp_path / "archive")
    tree.publish(add=["1c58", "1dsr", "3hya"])
    with ArchiveSimulator(tree) as simulator:
        yield simulator


@pytest.fixture
def sync(tmp_path: Path, mirror: ArchiveSimulator) -> HttpsSync:
    return HttpsSync(tmp_path / "collection", mirror.url)


def read_list(tree: ArchiveTree, name: HoldingsFile) -> dict[str, Any]:
    data = (tree.root / name.path).read_bytes()
    return dict(json.loads(gzip.decompress(data)))


def write_list(
    tree: ArchiveTree, name: HoldingsFile, content: dict[str, Any], *, later_s: float = 0
) -> None:
    write_holdings(tree.root / "holdings", name, content, mtime_s=tree.file_time_s + later_s)


def put(tree: ArchiveTree, path: str) -> str:
    """Write a file of the archive; return its path as lists have it."""
    place = tree.root / "data" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    name = place.name.removesuffix(".gz")
    text = f"data_{name[:4].upper()}\n#\n_entry.id {name[:4].upper()}\n#\n"
    place.write_bytes(archive_gzip(text.encode(), name=name, mtime_s=int(tree.file_time_s)))
    os.utime(place, (tree.file_time_s, tree.file_time_s))
    return f"/pdb/data/{path}"


def check_done(sync: HttpsSync, tree: ArchiveTree, name: str, directory: str) -> None:
    """See that a run brings all that is listed, counts it once, and leaves nothing to do."""
    run = sync.run(name)
    wanted = {path for path in archive_state(tree.root) if path.startswith(f"{directory}/")}
    assert wanted
    assert run.transferred() == wanted
    for plan in (run.plans[name], sync.plan(name).plans[name]):
        assert plan.listing.files == len(wanted)
        assert plan.new.files + plan.changed.files + plan.kept.files == len(wanted)
    assert not sync.run(name).said()


def test_an_entry_with_files_of_two_content_types(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    current = read_list(mirror.tree, CURRENT)
    for entry in ("1c58", "1dsr"):
        for ending, kind in (("nef", "nef"), ("str", "nmr-star")):
            path = f"{NMR}/{entry[1:3]}/{entry}_nmr-data.{ending}.gz"
            current[entry.upper()][f"combined_nmr_data_{kind}"] = [put(mirror.tree, path)]
    write_list(mirror.tree, CURRENT, current)
    check_done(sync, mirror.tree, "nmr-data", NMR)


def test_an_entry_that_a_list_has_twice_with_other_files(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    place = "assemblies/mmCIF/divided/c5/1c58-assembly{}.cif.gz"
    paths = [put(mirror.tree, place.format(number)) for number in (1, 2, 3)]
    content = {
        "1C58": {"assembly_mmcif": paths[:2]},
        "PDB_00001C58": {"assembly_mmcif": paths[1:]},
    }
    write_list(mirror.tree, CURRENT, content)
    check_done(sync, mirror.tree, "assemblies", "assemblies/mmCIF/divided")


WEEK_S = 7 * 86_400
PLACE = "structures/divided/mmCIF/c5/1c58.cif.gz"
ASSEMBLY = "assemblies/mmCIF/divided/hh/4hhb-assembly1.cif.gz"


@pytest.fixture
def behind(tmp_path: Path, mirror: ArchiveSimulator, sync: HttpsSync) -> Iterator[ArchiveSimulator]:
    """Start another mirror, which stays as it is, and fall back to it."""
    shutil.copytree(mirror.tree.folder, tmp_path / "behind")
    tree = ArchiveTree(tmp_path / "behind")
    with ArchiveSimulator(tree) as simulator:
        sync.others = (simulator.url,)
        yield simulator


def here(sync: HttpsSync, path: str = PLACE) -> tuple[bytes, int]:
    return tree_state(sync.collection)[path]


def age(tree: ArchiveTree, path: str, time_s: float) -> None:
    """Give a mirror's file another time."""
    os.utime(tree.root / "data" / path, (time_s, time_s))


@pytest.mark.parametrize("how", ["gone", "garbage"])
def test_no_other_mirror_puts_an_older_file_in_the_place_of_a_newer_one(
    sync: HttpsSync, mirror: ArchiveSimulator, behind: ArchiveSimulator, how: str
) -> None:
    mirror.tree.publish(change=["1c58"])
    sync.run("structures-mmcif")
    before = here(sync)
    mirror.tree.publish(change=["1c58"])
    file = mirror.tree.root / "data" / PLACE
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(b"<html>maintenance</html>")
    run = sync.run("structures-mmcif")
    assert here(sync) == before
    (settled,) = run.settled
    assert settled.status is SettledStatus.FAILED
    assert "older version" in settled.reason or how == "garbage"
    assert any(request.path.endswith("1c58.cif.gz") for request in behind.requests)


def test_the_very_file_that_is_here_is_not_what_the_list_announces(
    sync: HttpsSync, mirror: ArchiveSimulator, behind: ArchiveSimulator
) -> None:
    sync.run("structures-mmcif")
    mirror.tree.publish(change=["1c58"])
    (mirror.tree.root / "data" / PLACE).unlink()
    (settled,) = sync.run("structures-mmcif").settled
    assert settled.status is SettledStatus.FAILED
    assert behind.origin.removeprefix("http://") in settled.reason


@pytest.mark.parametrize("later_s", [None, 0, WEEK_S])
def test_another_mirror_gives_what_the_list_announces_or_nothing(
    sync: HttpsSync, mirror: ArchiveSimulator, behind: ArchiveSimulator, later_s: float | None
) -> None:
    sync.run("structures-mmcif")
    mirror.tree.publish(change=["1c58"])
    listed_s = mirror.tree.file_time_s
    (mirror.tree.root / "data" / PLACE).unlink()
    if later_s is None:
        behind.tell_time = lambda _: None
    else:
        age(behind.tree, PLACE, listed_s + later_s)
    (settled,) = sync.run("structures-mmcif").settled
    taken = later_s is not None
    assert (settled.status is SettledStatus.TRANSFERRED) is taken
    assert (here(sync)[1] >= listed_s) is taken


def test_a_new_file_comes_from_another_mirror_only_as_the_list_announces_it(
    sync: HttpsSync, mirror: ArchiveSimulator, behind: ArchiveSimulator
) -> None:
    mirror.tree.publish(change=["1c58"])
    (mirror.tree.root / "data" / PLACE).unlink()
    run = sync.run("structures-mmcif")
    assert {one.path for one in run.settled if one.status is SettledStatus.FAILED} == {PLACE}
    assert PLACE not in tree_state(sync.collection)
    age(behind.tree, PLACE, mirror.tree.file_time_s)
    assert sync.run("structures-mmcif").transferred() == {PLACE}


def test_a_file_has_the_time_of_the_list_where_a_server_tells_its_own(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    """Stores and caches tell when they got a file: by rsync, all of these would look too new."""
    listed_s = mirror.tree.file_time_s
    age(mirror.tree, PLACE, listed_s + WEEK_S)
    assert PLACE in sync.run("structures-mmcif").transferred()
    assert here(sync)[1] == listed_s
    shutil.rmtree(sync.collection / ".pdb-cli")  # no mark is needed to know it again
    assert not sync.run("structures-mmcif").settled


def test_the_mirror_itself_does_not_take_a_file_back_unless_its_list_does(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    first_s = mirror.tree.file_time_s
    mirror.tree.publish(change=["1c58"])
    sync.run("structures-mmcif")
    before = here(sync)
    mirror.tree.publish(change=["1c58"])
    age(mirror.tree, PLACE, first_s)  # one of several nodes, two weeks behind
    (settled,) = sync.run("structures-mmcif").settled
    assert settled.status is SettledStatus.FAILED
    assert here(sync) == before
    dates = read_list(mirror.tree, HoldingsFile.STRUCTURE_DATES)
    dates["1C58"] = format_second(first_s)
    write_list(mirror.tree, HoldingsFile.STRUCTURE_DATES, dates, later_s=1)
    assert sync.run("structures-mmcif").transferred() == {PLACE}
    assert here(sync)[1] == first_s


def test_undated_files_of_other_mirrors_are_not_older_than_what_the_mirror_told(
    tmp_path: Path, mirror: ArchiveSimulator, sync: HttpsSync
) -> None:
    mirror.tree.publish(add=["4hhb"])
    sync.run("assemblies")
    before = here(sync, ASSEMBLY)
    shutil.copytree(mirror.tree.folder, tmp_path / "behind")
    mirror.tree.publish(change=["4hhb"])
    with ArchiveSimulator(ArchiveTree(tmp_path / "behind")) as behind:
        age(behind.tree, ASSEMBLY, before[1] - WEEK_S)
        sync.others = (behind.url,)
        mirror.refusals["GET 4hhb-assembly1.cif.gz"] = HTTPStatus.FORBIDDEN
        (settled,) = sync.run("assemblies").settled
    assert settled.status is SettledStatus.FAILED
    assert here(sync, ASSEMBLY) == before


@pytest.mark.parametrize("odd", ["29-SEP-26", "", "2026-09-31T00:00:00+00:00"])
def test_a_file_whose_date_can_not_be_read_is_asked_about_each_week(
    sync: HttpsSync, mirror: ArchiveSimulator, odd: str
) -> None:
    sync.run("structures-mmcif")
    mirror.tree.publish(change=["1c58"])
    dates = read_list(mirror.tree, HoldingsFile.STRUCTURE_DATES)
    write_list(mirror.tree, HoldingsFile.STRUCTURE_DATES, dates | {"1C58": odd})
    assert sync.run("structures-mmcif").said() == {PLACE: "changed (size)"}
    assert here(sync) == archive_state(mirror.tree.root)[PLACE]
    asked = []
    for later_s in (0, 60, WEEK_S):
        sync.now_s += later_s
        mirror.forget_requests()
        assert not sync.run("structures-mmcif").said()
        asked.append([request.method for request in mirror.requests].count("HEAD"))
    assert asked == [0, 0, 1]


def test_a_list_without_days_is_refused(sync: HttpsSync, mirror: ArchiveSimulator) -> None:
    mirror.tree.publish(copies={f"9a{number:02}": "1dul" for number in range(12)})
    dates = read_list(mirror.tree, HoldingsFile.STRUCTURE_DATES)
    few = dict.fromkeys([*dates][:3], "29-SEP-26")
    write_list(mirror.tree, HoldingsFile.STRUCTURE_DATES, dates | few)
    assert not sync.run("structures-mmcif").errors
    write_list(mirror.tree, HoldingsFile.STRUCTURE_DATES, dict.fromkeys(dates, "29-SEP-26"))
    (error,) = sync.run("structures-mmcif").errors.values()
    assert isinstance(error, HoldingsError)
    assert error.reason == f"{len(dates)} of {len(dates)} dates are none, such as '29-SEP-26'"
    assert error.subject.startswith(mirror.url)


def test_a_file_without_any_date_is_asked_about_once_for_each_list(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    mirror.tree.publish(obsolete={"1dsr": None})
    sync.run("obsolete-mmcif")
    write_list(
        mirror.tree,
        HoldingsFile.REMOVED,
        read_list(mirror.tree, HoldingsFile.REMOVED),
        later_s=WEEK_S,
    )
    asked = []
    for later_s in (0, WEEK_S, WEEK_S):
        sync.now_s += later_s
        mirror.forget_requests()
        assert not sync.run("obsolete-mmcif").said()
        asked.append([request.method for request in mirror.requests].count("HEAD"))
    assert asked == [1, 0, 0]


def test_a_file_of_a_list_without_a_time_is_asked_about(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    mirror.tree.publish(obsolete={"1dsr": None})
    mirror.tell_time = lambda _: None
    sync.run("obsolete-mmcif")
    (path,) = tree_state(sync.collection)
    place = mirror.tree.root / "data" / path
    place.write_bytes(archive_gzip(b"data_1DSR\n#\n_entry.id 1DSR\n#\n", name=place.stem))
    sync.now_s += WEEK_S
    assert sync.run("obsolete-mmcif").said() == {path: "changed (size)"}


@pytest.mark.parametrize(
    "odd", ["#/~-assembly1.cif.gz", "c5/~-assembly1.cif.gz", "c5/1c58-assembly1.cif.gz\nx"]
)
def test_an_odd_path_of_one_entry_is_no_matter_to_others(
    sync: HttpsSync, mirror: ArchiveSimulator, odd: str
) -> None:
    place = "/pdb/data/assemblies/mmCIF/divided/"
    good = put(mirror.tree, "assemblies/mmCIF/divided/ds/1dsr-assembly1.cif.gz")
    more = [good, "x"] if "\n" in odd else [good]
    content = {"1C58": {"assembly_mmcif": [place + odd]}, "1DSR": {"assembly_mmcif": more}}
    write_list(mirror.tree, CURRENT, content)
    assert sync.run("assemblies").transferred() == {good.removeprefix("/pdb/data/")}


def test_an_object_in_place_of_paths_is_no_list(sync: HttpsSync, mirror: ArchiveSimulator) -> None:
    write_list(mirror.tree, CURRENT, {"1C58": {"assembly_mmcif": {"/pdb/data/x": 1}}})
    (error,) = sync.run("assemblies").errors.values()
    assert isinstance(error, HoldingsError)


def _now(_: float) -> str:
    return format_http_date(time.time())


@pytest.mark.parametrize("told", [lambda _: None, _now, lambda _: FAR], ids=["none", "now", "far"])
def test_files_have_the_times_of_the_list_where_the_mirror_tells_none(
    sync: HttpsSync, mirror: ArchiveSimulator, told: Callable[[float], str | None]
) -> None:
    mirror.tree.all_dated = False
    mirror.tree.publish(add=["4hhb"])
    mirror.tell_time = told
    notes: list[Event] = []
    run = sync.run("structures-mmcif", "assemblies", observe=notes.append)
    state = tree_state(sync.collection)
    assert state.keys() == run.transferred() > {PLACE, ASSEMBLY}
    archive = archive_state(mirror.tree.root)
    assert all(state[path] == archive[path] for path in state if path != ASSEMBLY)
    (note,) = [event.text for event in notes if isinstance(event, Note)]
    assert "lab does not tell the times of 1 files of assemblies" in note
    for _ in range(2):
        sync.marks.flush()
        assert not sync.run("structures-mmcif", "assemblies").said()


def test_a_recent_file_without_a_time_is_looked_at_again(
    sync: HttpsSync, mirror: ArchiveSimulator
) -> None:
    sync.now_s = mirror.tree.file_time_s + 3600
    mirror.tell_time = lambda _: None
    sync.run("structures-mmcif")
    assert here(sync)[1] != mirror.tree.file_time_s  # it may be yesterday's
    assert not sync.run("structures-mmcif").said()
    sync.now_s += 2 * WEEK_S
    sync.run("structures-mmcif")
    assert here(sync)[1] == mirror.tree.file_time_s


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.INTERNAL_SERVER_ERROR])
def test_a_file_that_its_mirror_refuses_fails_alone(
    sync: HttpsSync, mirror: ArchiveSimulator, status: HTTPStatus
) -> None:
    places = [f"assemblies/mmCIF/divided/{e[1:3]}/{e}-assembly1.cif.gz" for e in ("1c58", "1dsr")]
    paths = {p.rpartition("/")[2][:4].upper(): put(mirror.tree, p) for p in places}
    content = {entry: {"assembly_mmcif": [path]} for entry, path in paths.items()}
    write_list(mirror.tree, CURRENT, content)
    sync.run("assemblies")
    mirror.tree.publish(change=["1c58", "1dsr"])
    write_list(mirror.tree, CURRENT, content)
    for place in places:
        put(mirror.tree, place)
    for method in ("HEAD", "GET"):
        mirror.refusals[f"{method} 1c58-assembly1.cif.gz"] = status
    run = sync.run("assemblies")
    assert not run.errors
    assert {one.path: one.status for one in run.settled} == {
        places[0]: SettledStatus.FAILED,
        places[1]: SettledStatus.TRANSFERRED,
    }
    assert str(status.value) in run.said()[places[0]]


def test_a_mirror_that_refuses_most_is_in_trouble(
    sync: HttpsSync, mirror: ArchiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdb_cli.operations.sync.https.doubts._MOST_REFUSED", 0)
    mirror.tree.publish(add=["4hhb"])
    sync.run("assemblies")
    mirror.tree.publish(change=["4hhb"])
    mirror.refusals["HEAD 4hhb-assembly1.cif.gz"] = HTTPStatus.FORBIDDEN
    (error,) = sync.run("assemblies").errors.values()
    assert isinstance(error, HttpStatusError)


def test_an_empty_file_is_replaced_by_what_the_list_announces_only(
    sync: HttpsSync, mirror: ArchiveSimulator, behind: ArchiveSimulator
) -> None:
    mirror.tree.publish(change=["1c58"])
    sync.run("structures-mmcif")
    (sync.collection / PLACE).write_bytes(b"")
    (mirror.tree.root / "data" / PLACE).unlink()
    (settled,) = sync.run("structures-mmcif").settled
    assert settled.status is SettledStatus.FAILED
    age(behind.tree, PLACE, mirror.tree.file_time_s)
    behind.tell_time = lambda _: None
    (settled,) = sync.run("structures-mmcif").settled
    assert settled.status is SettledStatus.FAILED
    behind.tell_time = format_http_date
    assert sync.run("structures-mmcif").transferred() == {PLACE}
