"""Lists of the archive, fetched from real servers and kept."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from pdb_cli.archive.absence import read_removed
from pdb_cli.archive.holdings import HoldingsFile, read_current_files, read_modified_dates
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import Mirror
from pdb_cli.errors import (
    ConnectionFailedError,
    FileAccessError,
    HoldingsError,
    HttpStatusError,
    NobodyListensError,
    UnsupportedError,
)
from pdb_cli.events import AttemptFailed, BytesReceived, Note
from pdb_cli.operations.holdings import KeptList, fetch_holdings
from pdb_cli.operations.holdings_origin import mirror_folder
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.options import HttpOptions
from pdb_cli.transfer.retry import RetryPolicy
from support.archive_gzip import archive_gzip
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.fault_server import FaultServer
from support.faults import FlippedBit, ShortBody, Status, TruncatedFile, WebPage
from support.fetching import files_below

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdb_cli.events import Event, Observer
    from support.faults import Fault

OPTIONS = HttpOptions(connections=2, connect_timeout_s=2, stall_timeout_s=2)
DATES = HoldingsFile.STRUCTURE_DATES
FILES = {"released_structures_last_modified_dates.json.gz"} | {
    "released_structures_last_modified_dates.origin.json"
}
PATH = f"/pub/pdb/{DATES.path}"
NOBODY = "http://127.0.0.1:9/pub/pdb"
WHOLE = archive_gzip(b'{"1ABC" : "2026-09-01T00:00:00+00:00"}\n', name=f"{DATES}.json")


def lab(url: str, name: str = "lab") -> Mirror:
    return Mirror(name, url, (), Layout.CLASSIC)


def fetch(
    folder: Path,
    *mirrors: Mirror,
    file: HoldingsFile = DATES,
    retries: int = 0,
    observe: Observer | None = None,
    trust: bool = False,
) -> KeptList:
    return fetch_holdings(
        file,
        mirrors=mirrors,
        folder=folder,
        options=OPTIONS,
        retry=RetryPolicy(retries=retries, base_s=0.01),
        observe=observe or (lambda _: None),
        trust=trust,
    )


def record_of(kept: KeptList) -> Path:
    """Return the record beside a list."""
    return kept.path.with_name(f"{DATES}.origin.json")


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[ArchiveSimulator]:
    with ArchiveSimulator.make(tmp_path / "archive", "3hya", "1kqe") as simulator:
        yield simulator


@pytest.fixture
def faulty() -> Iterator[FaultServer]:
    with FaultServer({PATH: WHOLE}) as server:
        yield server


@pytest.mark.parametrize("layout", Layout)
def test_lists_are_fetched_and_read(tmp_path: Path, layout: Layout) -> None:
    tree = ArchiveTree(tmp_path / "archive", layout=layout)
    tree.publish(add=["3hya", "1kqe"])
    tree.publish(obsolete={"1kqe": "3hya"})
    events: list[Event] = []
    with ArchiveSimulator(tree) as server:
        mirror = Mirror("lab", server.url, (), layout)
        dates, files, removed = (
            fetch(tmp_path / "kept", mirror, file=file, observe=events.append)
            for file in (DATES, HoldingsFile.CURRENT_FILES, HoldingsFile.REMOVED)
        )
    entry = EntryId.parse("3hya")
    assert [found.entry for found in read_modified_dates(dates.chunks(), subject="x")] == [entry]
    (found,) = read_current_files(files.chunks(), subject="x")
    assert found.entry == entry
    assert found.files["mmcif"][0].endswith(".cif.gz")
    gone = read_removed(removed.chunks(), subject="x")
    assert gone.successors(EntryId.parse("1kqe")) == (entry,)
    received_bytes = sum(event.size_bytes for event in events if isinstance(event, BytesReceived))
    assert received_bytes == sum(kept.path.stat().st_size for kept in (dates, files, removed))


def test_u01_a_second_look_costs_one_answer_without_a_body(
    simulator: ArchiveSimulator, tmp_path: Path
) -> None:
    first = fetch(tmp_path / "kept", lab(simulator.url))
    before = files_below(tmp_path / "kept")
    second = fetch(tmp_path / "kept", lab(simulator.url))
    assert (first.changed, second.changed) == (True, False)
    assert [(request.status, request.sent_bytes > 0) for request in simulator.requests] == [
        (200, True),
        (304, False),
    ]
    assert simulator.requests[1].headers["if-none-match"]
    assert files_below(tmp_path / "kept") == before
    assert {path.rpartition("/")[2] for path in before} == FILES
    assert second.path.stat().st_mtime == simulator.tree.file_time_s


def test_a_new_list_replaces_the_kept_one(simulator: ArchiveSimulator, tmp_path: Path) -> None:
    fetch(tmp_path / "kept", lab(simulator.url))
    simulator.tree.publish(add=["1dul"])
    kept = fetch(tmp_path / "kept", lab(simulator.url))
    assert kept.changed
    assert len(list(read_modified_dates(kept.chunks(), subject="x"))) == 3
    assert not fetch(tmp_path / "kept", lab(simulator.url)).changed


def test_a_mirror_without_tags_is_asked_by_date(faulty: FaultServer, tmp_path: Path) -> None:
    fetch(tmp_path / "kept", lab(faulty.url + "/pub/pdb"))
    fetch(tmp_path / "kept", lab(faulty.url + "/pub/pdb"))
    assert "if-modified-since" not in faulty.requests[0].headers
    assert faulty.requests[1].headers["if-modified-since"].endswith(" GMT")


def test_another_mirror_is_not_asked_by_the_tag_of_the_first(
    simulator: ArchiveSimulator, faulty: FaultServer, tmp_path: Path
) -> None:
    fetch(tmp_path / "kept", lab(simulator.url))
    fetch(tmp_path / "kept", lab(faulty.url + "/pub/pdb"))
    assert not {"if-none-match", "if-modified-since"} & set(faulty.requests[0].headers)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b"\0" * path.stat().st_size),
        lambda path: path.unlink(),
    ],
    ids=["cut", "zeroed", "gone"],
)
def test_a_kept_list_that_can_not_be_read_is_fetched_again(
    simulator: ArchiveSimulator, tmp_path: Path, damage: object
) -> None:
    assert callable(damage)
    kept = fetch(tmp_path / "kept", lab(simulator.url))
    status = kept.path.stat()
    damage(kept.path)
    if kept.path.exists():
        os.utime(kept.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = fetch(tmp_path / "kept", lab(simulator.url))
    assert again.changed
    assert list(read_modified_dates(again.chunks(), subject="x"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1, "url": 5}'])
def test_a_record_that_can_not_be_read_is_no_obstacle(
    simulator: ArchiveSimulator, tmp_path: Path, text: str
) -> None:
    kept = fetch(tmp_path / "kept", lab(simulator.url))
    record_of(kept).write_text(text)
    assert fetch(tmp_path / "kept", lab(simulator.url)).changed
    assert not fetch(tmp_path / "kept", lab(simulator.url)).changed
    assert json.loads(record_of(kept).read_text())["etag"]
    assert kept.url == f"{simulator.url}/{DATES.path}"


@pytest.mark.parametrize(
    "odd",
    [
        {"etag": None, "last_modified_s": "x"},
        {"etag": None, "last_modified_s": 1e300},
        {"etag": None, "last_modified_s": -1e15},
        {"etag": None, "last_modified_s": float("nan")},
        {"etag": None, "last_modified_s": True},
        {"etag": '"x"\r\nX-Injected: 1'},
        {"etag": "\ud800"},
        {"etag": "a\0b"},
        {"etag": [1]},
        {"etag": "x" * 2000},
        {"url": None},
        {"size_bytes": "5"},
        {"padding": "x" * 70_000},
    ],
    ids=lambda odd: repr(odd)[:40],
)
def test_m10_a_record_with_an_odd_field_is_no_condition(
    simulator: ArchiveSimulator, tmp_path: Path, odd: dict[str, object]
) -> None:
    path = record_of(fetch(tmp_path / "kept", lab(simulator.url)))
    good = json.loads(path.read_text())
    path.write_text(json.dumps(good | odd))
    assert fetch(tmp_path / "kept", lab(simulator.url)).changed
    asked = simulator.requests[-1].headers
    assert not {"if-none-match", "if-modified-since", "x-injected"} & set(asked)
    assert json.loads(path.read_text()) == good


def test_m10_a_record_of_deep_nesting_or_no_file_is_no_condition(
    simulator: ArchiveSimulator, tmp_path: Path
) -> None:
    path = record_of(fetch(tmp_path / "kept", lab(simulator.url)))
    path.write_text("[" * 60_000)
    assert fetch(tmp_path / "kept", lab(simulator.url)).changed
    path.unlink()
    os.mkfifo(path)
    assert fetch(tmp_path / "kept", lab(simulator.url)).changed
    assert not fetch(tmp_path / "kept", lab(simulator.url)).changed


@pytest.mark.parametrize(
    "fault",
    [
        TruncatedFile(),
        FlippedBit(),
        WebPage(),
    ],
)
def test_a_list_that_is_not_whole_is_refused_and_the_kept_one_stays(
    simulator: ArchiveSimulator, faulty: FaultServer, tmp_path: Path, fault: Fault
) -> None:
    fetch(tmp_path / "kept", lab(simulator.url))
    before = files_below(tmp_path / "kept")
    faulty.inject(fault, times=9)
    with pytest.raises(HoldingsError) as caught:
        fetch(tmp_path / "kept", lab(faulty.url + "/pub/pdb"))
    assert caught.value.subject == faulty.url + PATH
    assert files_below(tmp_path / "kept") == before


def test_a_list_whose_text_was_cut_short_before_it_was_compressed_is_refused(
    tmp_path: Path,
) -> None:
    half = archive_gzip(b'{"1ABC" : "2026-09-01", "2ABC"', name="x.json")
    with FaultServer({PATH: half}) as server, pytest.raises(HoldingsError) as caught:
        fetch(tmp_path / "kept", lab(server.url + "/pub/pdb"))
    assert caught.value.reason == "cut short"
    assert files_below(tmp_path / "kept") == {}


def test_m3_an_empty_list_does_not_replace_one_with_entries(tmp_path: Path) -> None:
    empty = archive_gzip(b"{}", name="x.json")
    with FaultServer({PATH: empty}) as hollow, FaultServer({PATH: WHOLE}) as good:
        first = fetch(tmp_path / "kept", lab(hollow.url + "/pub/pdb"))
        assert first.changed  # there may be nothing to list
        kept = fetch(tmp_path / "kept", lab(good.url + "/pub/pdb"))
        assert kept.changed
        before = files_below(tmp_path / "kept")
        with pytest.raises(HoldingsError) as caught:
            fetch(tmp_path / "kept", lab(hollow.url + "/pub/pdb"))
        assert caught.value.reason == "it is empty, unlike the one that is kept"
        assert files_below(tmp_path / "kept") == before
        # Whether or not it is known where it came from.
        record_of(kept).unlink()
        with pytest.raises(HoldingsError):
            fetch(tmp_path / "kept", lab(hollow.url + "/pub/pdb"))


@pytest.mark.parametrize("days", [-7, 7, 36_500], ids=["older", "newer", "back-from-the-future"])
@pytest.mark.parametrize("whose", ["its own", "another one's"])
def test_m3_an_older_list_is_not_used(tmp_path: Path, days: int, whose: str) -> None:
    same = whose == "its own"
    trees = [ArchiveTree(tmp_path / name) for name in ("kept-mirror", "other-mirror")]
    for tree in trees:
        tree.publish(add=["3hya"])
    trees[1].publish(add=["1kqe"])
    if days < 0 and not same:  # the times of two mirrors prove nothing
        trees[0].publish(change=["3hya"])
        trees[0].publish(change=["3hya"])
    kept_s = trees[0].file_time_s + (days * 86_400 if days > 7 else 0)
    other_s = trees[0].file_time_s + (days * 86_400 if days <= 7 else 0)
    for tree, time_s in zip(trees, (kept_s, other_s), strict=True):
        os.utime(tree.root / DATES.path, (time_s, time_s))
    events: list[Event] = []
    with ArchiveSimulator(trees[0]) as first, ArchiveSimulator(trees[1]) as second:
        kept = fetch(tmp_path / "kept", lab(first.url))
        before = kept.path.read_bytes()
        if same:
            first.tree = trees[1]
            asked = [lab(first.url)]
        else:
            asked = [lab(second.url), lab(first.url)]
        found = fetch(tmp_path / "kept", *asked, observe=events.append)
    stays = days < 0
    assert found.changed is not stays
    assert (found.path.read_bytes() == before) is stays
    assert (found.url == kept.url) is (stays or same)
    assert any(isinstance(event, Note) for event in events) is stays
    assert found.modified_s == other_s


@pytest.mark.parametrize("asked_by", ["tag", "date"])
def test_an_older_list_replaces_the_kept_one_where_it_is_trusted(
    simulator: ArchiveSimulator, tmp_path: Path, asked_by: str
) -> None:
    kept = fetch(tmp_path / "kept", lab(simulator.url))
    if asked_by == "date":  # then a server may call all unchanged that is not newer
        record = json.loads(record_of(kept).read_text())
        record_of(kept).write_text(json.dumps(record | {"etag": None}))
    older_s = simulator.tree.file_time_s - 604_800
    simulator.tree.publish(add=["1dul"])
    os.utime(simulator.tree.root / DATES.path, (older_s, older_s))
    assert not fetch(tmp_path / "kept", lab(simulator.url)).changed
    found = fetch(tmp_path / "kept", lab(simulator.url), trust=True)
    assert found.changed
    assert len(list(read_modified_dates(found.chunks(), subject="x"))) == 3
    assert not fetch(tmp_path / "kept", lab(simulator.url)).changed


def test_a_list_of_one_mirror_is_not_that_of_another(tmp_path: Path) -> None:
    trees = [ArchiveTree(tmp_path / name) for name in ("one", "two")]
    trees[0].publish(add=["3hya"])
    trees[0].publish(add=["1kqe"])
    trees[1].publish(add=["1dul"])
    with ArchiveSimulator(trees[0]) as first, ArchiveSimulator(trees[1]) as second:
        newer = fetch(tmp_path / "kept", lab(first.url))
        older = fetch(tmp_path / "kept", lab(second.url, "other"))
        assert older.changed
        assert older.url == f"{second.url}/{DATES.path}"
        assert len(list(read_modified_dates(older.chunks(), subject="x"))) == 1
        assert not fetch(tmp_path / "kept", lab(first.url)).changed
        assert len(list(read_modified_dates(newer.chunks(), subject="x"))) == 2


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (DATES, b'{"1ABC": null}'),
        (DATES, b'{"1ABC": 5, "2ABC": "2026-09-01"}'),
        (HoldingsFile.CURRENT_FILES, b'{"1ABC": ["mmcif"]}'),
    ],
)
def test_a_list_of_another_shape_is_refused_before_it_is_kept(
    tmp_path: Path, file: HoldingsFile, text: bytes
) -> None:
    with FaultServer({f"/pub/pdb/{file.path}": archive_gzip(text, name="x.json")}) as server:
        with pytest.raises(HoldingsError) as caught:
            fetch(tmp_path / "kept", lab(server.url + "/pub/pdb"), file=file)
        assert caught.value.subject.startswith(server.url)
    assert files_below(tmp_path / "kept") == {}


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = archive_gzip(b'{"1ABC" : "2026-09-01"}' + b" " * 9_000_000, name="x.json")
    with FaultServer({PATH: bomb}) as server, pytest.raises(HoldingsError) as caught:
        fetch(tmp_path / "kept", lab(server.url + "/pub/pdb"))
    assert caught.value.reason == "inflates more than 200 times"


def test_trouble_is_tried_again_and_then_the_next_mirror_is_asked(
    simulator: ArchiveSimulator, faulty: FaultServer, tmp_path: Path
) -> None:
    faulty.inject(Status(503), times=1)
    faulty.inject(ShortBody(), times=1)
    events: list[Event] = []
    mirrors = (lab(faulty.url + "/pub/pdb", "faulty"), lab(simulator.url))
    kept = fetch(tmp_path / "kept", *mirrors, retries=1, observe=events.append)
    assert kept.url.startswith(simulator.url)
    failures = [event for event in events if isinstance(event, AttemptFailed)]
    assert [failure.name for failure in failures] == [f"{DATES}.json.gz"] * 2
    assert failures[1].next_url == kept.url


def test_the_next_mirror_is_not_asked_by_the_date_of_the_one_in_trouble(
    simulator: ArchiveSimulator, faulty: FaultServer, tmp_path: Path
) -> None:
    mirrors = (lab(faulty.url + "/pub/pdb", "faulty"), lab(simulator.url))
    fetch(tmp_path / "kept", *mirrors)
    faulty.inject(Status(503))
    assert fetch(tmp_path / "kept", *mirrors).changed
    assert "if-modified-since" in faulty.requests[-1].headers
    assert not {"if-none-match", "if-modified-since"} & set(simulator.requests[0].headers)


def test_mirrors_that_have_no_lists_say_so(faulty: FaultServer, tmp_path: Path) -> None:
    with pytest.raises(HttpStatusError) as caught:
        fetch(tmp_path / "kept", lab(faulty.url + "/pub/pdb"), file=HoldingsFile.REMOVED)
    assert caught.value.status == 404
    with pytest.raises(ConnectionFailedError):
        fetch(tmp_path / "kept", lab("http://127.0.0.1:9/pub/pdb"))
    rsync_only = Mirror("lab", None, (), Layout.CLASSIC)
    with pytest.raises(UnsupportedError):
        fetch(tmp_path / "kept", rsync_only)
    assert fetch(tmp_path / "kept", rsync_only, lab(faulty.url + "/pub/pdb")).changed


def test_credentials_are_neither_recorded_nor_shown(
    simulator: ArchiveSimulator, tmp_path: Path
) -> None:
    url = simulator.url.replace("http://", "http://me:s3cret@")
    kept = fetch(tmp_path / "kept", lab(url))
    assert "s3cret" not in kept.url
    assert not fetch(tmp_path / "kept", lab(url)).changed
    assert all(b"s3cret" not in data for data in files_below(tmp_path / "kept").values())


def test_of_two_that_want_a_list_one_waits_for_the_other(
    simulator: ArchiveSimulator, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    own = mirror_folder(folder, lab(simulator.url))
    own.mkdir(parents=True)
    other = PartialFile.open(own / f"{DATES}.json.gz")
    assert other is not None
    found: list[KeptList] = []
    thread = threading.Thread(target=lambda: found.append(fetch(folder, lab(simulator.url))))
    thread.start()
    thread.join(0.4)
    assert found == []
    assert simulator.requests == ()
    other.discard()
    thread.join(10)
    assert found[0].changed


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileAccessError) as caught:
        fetch(tmp_path / "file" / "kept", lab("http://127.0.0.1:9"))
    assert caught.value.path == tmp_path / "file" / "kept"


def test_the_only_mirror_that_refuses_is_tried_a_few_times_and_that_is_said_once(
    tmp_path: Path,
) -> None:
    events: list[Event] = []
    with pytest.raises(NobodyListensError):
        fetch(tmp_path, lab(NOBODY), retries=20, observe=events.append)
    failed = [event for event in events if isinstance(event, AttemptFailed)]
    assert [event.holds_up for event in failed] == [True, False]


def test_of_several_mirrors_one_that_refuses_gets_all_its_tries(tmp_path: Path) -> None:
    events: list[Event] = []
    mirrors = lab(NOBODY), lab(NOBODY, "other")
    with pytest.raises(NobodyListensError):
        fetch(tmp_path, *mirrors, retries=3, observe=events.append)
    assert sum(isinstance(event, AttemptFailed) for event in events) == 7
