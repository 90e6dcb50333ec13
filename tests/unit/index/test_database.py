from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdb_cli.events import Note
from pdb_cli.index import schema
from pdb_cli.index.catalogue import Check, Level, Mark, open_catalogue
from pdb_cli.index.database import FILE_NAME
from pdb_cli.storage.collection import Collection
from support.catalogued import files_on_disk, make_files, make_recorded, path_of, record_of
from support.read_only_mount import fill, read_only
from support.small_disk import small_disk

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.events import Event
    from pdb_cli.index.catalogue import Record

ENTRIES = [f"{number}{letter}bc" for number in range(10) for letter in "abcdefgh"]
FEW = ("1abc", "2abc", "1xyz")


@pytest.fixture(params=["local", "shared"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have file systems of one kind or the other."""
    if request.param == "shared":
        monkeypatch.setattr("pdb_cli.index.database.is_shared", lambda _: True)
    return str(request.param)


def file_of(root: Path) -> Path:
    """Return the file of the catalogue."""
    return root / ".pdb-cli" / FILE_NAME


def look(root: Path) -> tuple[dict[str, Record], list[str]]:
    """Return all records and what was said; what is in the tree must be right."""
    events: list[Event] = []
    with open_catalogue(Collection(root), observe=events.append) as catalogue:
        refreshed = catalogue.refresh()
        on_disk = files_on_disk(root)
        assert {file.path: file[-2:] for file in catalogue.files()} == on_disk
        assert refreshed.files == len(on_disk)
        records = {record.path: record for record in catalogue.all_records()}
        assert catalogue.records(records).items() <= records.items()
        catalogue.note_checks([Check(path, 1, 2, Level.GZIP, 3.0) for path in on_disk])
    return records, [event.text for event in events if isinstance(event, Note)]


def execute(path: Path, *statements: str) -> None:
    """Change a database by hand."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Record]]:
    """Return a collection with a catalogue, never to be changed, and its records."""
    root = tmp_path_factory.mktemp("sample") / "pdb"
    return root, make_recorded(root, ENTRIES)


FLIP = st.tuples(st.just("flip"), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
CUT = st.tuples(st.just("cut"), st.floats(0, 1), st.just(0))
BLANK = st.tuples(st.just("blank"), st.floats(0, 1, exclude_max=True), st.integers(1, 9000))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damages=st.lists(FLIP | CUT | BLANK, min_size=1, max_size=6))
def test_a_damaged_catalogue_tells_nothing_wrong_and_is_repaired(
    sample: tuple[Path, dict[str, Record]], kind: str, damages: list[tuple[str, float, int]]
) -> None:
    root, records = sample
    data = bytearray(file_of(root).read_bytes())
    good = bytes(data)
    for damage, where, how in damages:
        at = int(where * len(data))
        if damage == "flip" and data:
            data[at] ^= 1 << how
        elif damage == "cut":
            del data[at:]
        elif damage == "blank":
            data[at : at + how] = bytes(len(data[at : at + how]))
    try:
        file_of(root).write_bytes(data)
        found, _ = look(root)
        assert found.items() <= records.items()
        again, said = look(root)
        assert again.items() <= records.items()
        if int.from_bytes(data[60:64], "big") == schema.SCHEMA:
            assert said == [], kind
    finally:
        shutil.rmtree(root / ".pdb-cli")
        file_of(root).parent.mkdir()
        file_of(root).write_bytes(good)


def test_one_torn_page_costs_few_records(tmp_path: Path, kind: str) -> None:
    records = make_recorded(tmp_path, [f"{number:04}" for number in range(3000)])
    data = bytearray(file_of(tmp_path).read_bytes())
    at = data.rindex(b"http://m/structures") // 4096 * 4096
    data[at : at + 4096] = os.urandom(4096)
    file_of(tmp_path).write_bytes(data)
    found, _ = look(tmp_path)
    assert len(found) > len(records) * 0.9, kind
    assert look(tmp_path) == (found, [])


@pytest.mark.parametrize("content", [b"", b"x" * 10, b"<html>" * 5000, bytes(100_000)])
def test_what_is_no_database_is_replaced(tmp_path: Path, kind: str, content: bytes) -> None:
    make_recorded(tmp_path, FEW)
    file_of(tmp_path).write_bytes(content)
    found, said = look(tmp_path)
    assert found == {}
    # A file without a byte in it may be one that was just about to be made.
    assert len(said) == 1 or not content
    assert all("made anew; 0 of its records could be kept" in text for text in said)
    assert look(tmp_path) == ({}, [])
    assert file_of(tmp_path).read_bytes().startswith(b"SQLite format 3"), kind


def test_a_deleted_catalogue_is_made_anew(tmp_path: Path, kind: str) -> None:
    make_recorded(tmp_path, FEW)
    file_of(tmp_path).unlink()
    assert look(tmp_path) == ({}, [])
    shutil.rmtree(tmp_path / ".pdb-cli")
    assert look(tmp_path) == ({}, [])
    assert file_of(tmp_path).exists(), kind


def test_a_database_of_somebody_else_is_replaced(tmp_path: Path, kind: str) -> None:
    make_files(tmp_path, FEW)
    file_of(tmp_path).parent.mkdir()
    execute(file_of(tmp_path), "CREATE TABLE record (path, other)", "PRAGMA user_version = 7")
    assert look(tmp_path)[0] == {}
    assert look(tmp_path) == ({}, []), kind


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE directory", "ALTER TABLE directory RENAME COLUMN files TO other"],
)
def test_other_tables_than_expected_are_replaced(tmp_path: Path, kind: str, statement: str) -> None:
    records = make_recorded(tmp_path, FEW)
    execute(file_of(tmp_path), statement)
    assert look(tmp_path)[0] == records
    assert look(tmp_path) == (records, []), kind


def test_a_newer_catalogue_is_left_alone_until_it_is_rebuilt(tmp_path: Path, kind: str) -> None:
    records = make_recorded(tmp_path, FEW)
    execute(file_of(tmp_path), "PRAGMA user_version = 99")
    before = file_of(tmp_path).read_bytes()
    found, said = look(tmp_path)
    assert (found, len(said)) == ({}, 1)
    assert "newer version" in said[0], kind
    assert file_of(tmp_path).read_bytes() == before
    with open_catalogue(Collection(tmp_path)) as catalogue:
        assert catalogue.rebuild().saved
    assert look(tmp_path) == (records, [])


def test_an_older_catalogue_is_brought_up_to_date(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_recorded(tmp_path, FEW)
    execute(file_of(tmp_path), "DROP TABLE mark")

    def add_marks(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE mark (path PRIMARY KEY NOT NULL, size_bytes, mtime_ns, "
                           "against, seal) WITHOUT ROWID")  # fmt: skip

    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    monkeypatch.setattr(schema, "MIGRATIONS", {schema.SCHEMA - 1: add_marks})
    assert look(tmp_path) == (records, []), kind
    with open_catalogue(Collection(tmp_path)) as catalogue:
        catalogue.settle([Mark("a", 1, 2, "x")])
        assert catalogue.marks() == {"a": Mark("a", 1, 2, "x")}
    connection = sqlite3.connect(file_of(tmp_path))
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.SCHEMA,)
    connection.close()


def test_without_a_migration_the_records_are_kept(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_recorded(tmp_path, FEW)
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 2)
    assert look(tmp_path)[0] == records
    assert look(tmp_path) == (records, []), kind


def test_the_former_form_is_made_anew(tmp_path: Path, kind: str) -> None:
    make_recorded(tmp_path, FEW)
    execute(
        file_of(tmp_path),
        "ALTER TABLE record DROP COLUMN ctime_ns",
        "ALTER TABLE checked DROP COLUMN ctime_ns",
        "ALTER TABLE checked DROP COLUMN defect",
        "PRAGMA user_version = 1",
    )
    with open_catalogue(Collection(tmp_path), writable=False) as reader:
        assert not list(reader.all_records())
    found, said = look(tmp_path)
    assert (found, len(said)) == ({}, 1), kind
    assert "of another version, and is made anew" in said[0]
    assert look(tmp_path) == ({}, [])


def test_rebuilding_where_nothing_can_be_written_says_why(tmp_path: Path, kind: str) -> None:
    make_recorded(tmp_path / "with", FEW)
    make_files(tmp_path / "without", FEW)
    for name, path in (("with", file_of(tmp_path / "with")), ("without", tmp_path / "without")):
        said: list[Event] = []
        with (
            read_only(tmp_path),
            open_catalogue(Collection(tmp_path / name), observe=said.append) as catalogue,
        ):
            assert not catalogue.rebuild().saved
        assert len(said) == 1, kind
        assert f"can not write {path.parent if name == 'with' else path}/" in str(said[0])
        assert "Read-only file system" in str(said[0])


def test_a_directory_in_the_way_is_named(tmp_path: Path, kind: str) -> None:
    make_files(tmp_path, FEW)
    file_of(tmp_path).mkdir(parents=True)
    (file_of(tmp_path) / "mine").touch()
    expected = f"{file_of(tmp_path)} is a directory; remove it"
    found, said = look(tmp_path)
    assert (found, len(said)) == ({}, 1), kind
    assert expected in said[0]
    events: list[Event] = []
    with open_catalogue(Collection(tmp_path), observe=events.append) as catalogue:
        assert not catalogue.rebuild().saved
    assert [expected in str(event) for event in events] == [True]


def test_who_holds_the_file_is_waited_for_once_and_keeps_nobody_from_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdb_cli.index.database._BUSY_S", 1.0)
    records = make_recorded(tmp_path, FEW)
    (path, *_) = records
    holder = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    with open_catalogue(Collection(tmp_path)) as catalogue:
        catalogue.refresh()
        holder.execute("BEGIN IMMEDIATE")
        waiting = Thread(target=catalogue.flush)
        catalogue.note_checks([Check(path, 1, 2, Level.GZIP, 3.0)])
        started_s = time.monotonic()
        waiting.start()
        reads, slowest_s = 0, 0.0
        while waiting.is_alive():
            before_s = time.monotonic()
            assert catalogue.records([path]) == {path: records[path]}
            assert catalogue.checks([path])
            slowest_s = max(slowest_s, time.monotonic() - before_s)
            reads += 1
        assert reads > 10
        assert slowest_s < 0.7, "the other one was waited for by who only reads"
        waited_s = time.monotonic() - started_s
        assert waited_s >= 0.9
        for _ in range(5):
            catalogue.flush()
        assert time.monotonic() - started_s < waited_s + 0.9, "waited for once"
        holder.execute("ROLLBACK")
        catalogue.flush()
    holder.close()
    with open_catalogue(Collection(tmp_path)) as catalogue:
        assert catalogue.checks([path])


def test_rebuilding_keeps_records_and_forgets_what_is_gone(tmp_path: Path, kind: str) -> None:
    records = make_recorded(tmp_path, FEW)
    make_files(tmp_path, ["3abc"])
    with open_catalogue(Collection(tmp_path)) as catalogue:
        catalogue.refresh()
        (tmp_path / path_of("3abc")).unlink()
        catalogue.refresh()
        assert list(catalogue.gone()) == [path_of("3abc")]
        assert catalogue.rebuild().files == 3
        assert list(catalogue.gone()) == [], kind
    assert look(tmp_path)[0] == records


def test_a_full_disk_stops_nothing(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "disk", size_bytes=2 * 1024**2) as root:
        records = make_recorded(root, FEW)
        ballast = fill(root)
        more = [record._replace(path=f"{n:05}") for n in range(4000) for record in records.values()]
        events: list[Event] = []
        with open_catalogue(Collection(root), observe=events.append) as catalogue:
            catalogue.refresh()
            catalogue.remember(more)
            catalogue.remember(more[:10])
            assert catalogue.records(records).items() <= records.items()
        assert len(events) == 1
        assert "going on without the catalogue" in str(events[0]), kind
        ballast.unlink()
        assert look(root) == (records, [])
        assert {path.name for path in file_of(root).parent.iterdir()} <= {
            "catalogue.lock", FILE_NAME,
        }  # fmt: skip


def test_a_read_only_collection_needs_no_catalogue_and_reads_one(tmp_path: Path, kind: str) -> None:
    records = make_recorded(tmp_path / "with", FEW)
    make_files(tmp_path / "without", FEW)
    with read_only(tmp_path):
        assert look(tmp_path / "with") == (records, []), kind
        assert look(tmp_path / "without") == ({}, [])


WRITER = """
import sys
from pathlib import Path
from pdb_cli.index import database
from pdb_cli.index.catalogue import Level, Record, open_catalogue
from pdb_cli.storage.collection import Collection

root, name, count, kind = sys.argv[1:]
if kind == "shared":
    database.is_shared = lambda _: True

def tell(event):
    print(event, file=sys.stderr)

with open_catalogue(Collection(Path(root)), observe=tell) as catalogue:
    for number in range(int(count)):
        catalogue.refresh()
        catalogue.remember(
            Record(f"{name}/{number}/{each}", each, number, Level.CONTENT, 1.0, "ab" * 32)
            for each in range(20)
        )
        catalogue.flush()
        print(number, flush=True)
"""


def start_writer(root: Path, name: str, count: int, kind: str) -> subprocess.Popen[str]:
    """Start a process that writes twenty records at a time and then says which."""
    arguments = [sys.executable, "-c", WRITER, str(root), name, str(count), kind]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_several_processes_lose_nothing(tmp_path: Path, kind: str) -> None:
    make_files(tmp_path, FEW)
    writers = [start_writer(tmp_path, name, 25, kind) for name in "abc"]
    for writer in writers:
        assert writer.communicate()[1] == ""
    found, said = look(tmp_path)
    assert (len(found), said) == (3 * 25 * 20, [])


def test_what_was_written_before_a_kill_is_there(tmp_path: Path, kind: str) -> None:
    make_files(tmp_path, FEW)
    for turn, name in enumerate("abc"):
        writer = start_writer(tmp_path, name, 100_000, kind)
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < 3 + 5 * turn:
            pass
        writer.kill()
        output, _ = writer.communicate()
        # The last line may be cut off.
        written = max([3, *(int(line) for line in output.split("\n")[:-1])])
        found, said = look(tmp_path)
        assert said == []
        for number in range(written + 1):
            for each in range(20):
                record = found[f"{name}/{number}/{each}"]
                assert (record.size_bytes, record.mtime_ns) == (each, number)


def test_a_catalogue_in_use_is_not_repaired_under_its_users(tmp_path: Path) -> None:
    records = make_recorded(tmp_path, FEW)
    with open_catalogue(Collection(tmp_path)) as user:
        assert user.records(records) == records
        data = bytearray(file_of(tmp_path).read_bytes())
        data[:4096] = bytes(4096)
        file_of(tmp_path).write_bytes(data)
        _, said = look(tmp_path)
        assert len(said) == 1
        assert "other processes are using it" in said[0]
    # Then by the next one.
    look(tmp_path)
    assert look(tmp_path)[1] == []


def test_a_record_of_a_log_is_not_lost_with_it(tmp_path: Path) -> None:
    (path,) = make_files(tmp_path, ["1abc"])
    with open_catalogue(Collection(tmp_path)) as catalogue:
        catalogue.remember([record_of(tmp_path, path)])
        catalogue.flush()
        with open_catalogue(Collection(tmp_path)) as other:
            assert other.records([path]).get(path) == record_of(tmp_path, path)
