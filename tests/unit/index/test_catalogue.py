from __future__ import annotations

import os
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.index.catalogue import Catalogue, Check, Level, Mark, Occasion, open_catalogue
from pdb_cli.storage.collection import Collection
from support.catalogued import files_on_disk, make_files, make_recorded, path_of, record_of
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["local", "shared"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a collection, on file systems of both kinds."""
    if request.param == "shared":
        monkeypatch.setattr("pdb_cli.index.database.is_shared", lambda _: True)
    root = tmp_path / "pdb"
    root.mkdir()
    return root


@pytest.fixture
def catalogue(root: Path) -> Iterator[Catalogue]:
    """Open the catalogue."""
    with open_catalogue(Collection(root)) as catalogue:
        yield catalogue


def test_files_are_told_by_type_format_and_entry(root: Path, catalogue: Catalogue) -> None:
    make_files(root, ["1abc", "2abc", "1xyz"])
    pdb = root / "structures/divided/pdb/ab/pdb1abc.ent.gz"
    pdb.parent.mkdir(parents=True)
    pdb.touch()
    (root / "README").touch()
    every = {file.path: file for file in catalogue.files()}
    assert set(every) == files_on_disk(root).keys() - {"README"}
    assert [file.path for file in catalogue.other_files()] == ["README"]
    first = every[path_of("1abc")]
    assert (str(first.entry), first.data_type, first.file_format, first.assembly) == (
        "1abc", DataType.STRUCTURES, FileFormat.MMCIF, None,
    )  # fmt: skip
    assert (first.size_bytes, first.mtime_ns) == files_on_disk(root)[first.path]
    of_pdb = catalogue.files(formats={FileFormat.PDB})
    assert [file.path for file in of_pdb] == ["structures/divided/pdb/ab/pdb1abc.ent.gz"]
    assert not list(catalogue.files(types={DataType.ASSEMBLIES}))
    wanted = {EntryId.parse("1abc"), EntryId.parse("9zzz")}
    assert {file.entry_id for file in catalogue.files(entries=wanted)} == {"pdb_00001abc"}
    assert len(list(catalogue.files(entries=wanted))) == 2
    many = {EntryId.parse(f"{number}abc") for number in range(10)} | {
        EntryId.parse(f"1{number:03}") for number in range(200)
    }
    assert {str(file.entry) for file in catalogue.files(entries=many)} == {"1abc", "2abc"}


def test_types_that_are_kept_elsewhere_belong_to_the_collection(tmp_path: Path) -> None:
    root, big = tmp_path / "pdb", tmp_path / "big"
    here = Collection(root, {DataType.ASSEMBLIES: big})
    path = "assemblies/mmCIF/divided/ab/1abc-assembly1.cif.gz"
    file = here.locate(path, DataType.ASSEMBLIES)
    for each in (file, root / path, big / path_of("1abc"), big / "notes.txt"):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.touch()
    make_files(root, ["2abc"])
    with open_catalogue(here) as catalogue:
        assert [each.path for each in catalogue.files()] == [path_of("2abc"), path]
        assert [each.path for each in catalogue.other_files()] == ["assemblies/notes.txt"]
        assert here.locate(path, DataType.ASSEMBLIES) == file
        file.unlink()
        catalogue.refresh()
        assert path not in {each.path for each in catalogue.files()}
        assert list(catalogue.gone()) == [path]
    # Moved back: the directory elsewhere is none of ours any more, and nothing in it is missed.
    with open_catalogue(Collection(root)) as catalogue:
        assert {each.path for each in catalogue.files()} == {path_of("2abc"), path}
        assert list(catalogue.gone()) == []


def test_records_are_kept_and_told_whether_they_fit_or_not(root: Path) -> None:
    records = make_recorded(root, ["1abc", "2abc", "1xyz"])
    path = path_of("2abc")
    (root / path).write_text("changed")
    with open_catalogue(Collection(root)) as catalogue:
        assert catalogue.records([*records, "other"]) == records
        assert list(catalogue.all_records()) == sorted(records.values())
        status = (root / path).stat()
        record = catalogue.records([path]).get(path)
        assert record is not None
        assert not record.fits(status.st_size, status.st_mtime_ns)


def test_a_check_only_adds_to_a_record(root: Path, catalogue: Catalogue) -> None:
    (path,) = make_files(root, ["1abc"])
    record = record_of(root, path)._replace(sha256=None, crc32=None)

    def after(**changes: Any) -> None:
        catalogue.remember([record._replace(**changes)], occasion=Occasion.CHECK)
        catalogue.flush()

    after(url=None)
    assert catalogue.records([path]).get(path) == record._replace(url=None)
    catalogue.remember([record])
    after(sha256="ab" * 32, crc32=9, verified_at_s=5.0, url=None)
    kept = record._replace(sha256="ab" * 32, crc32=9, verified_at_s=5.0)
    assert catalogue.records([path]).get(path) == kept
    after(sha256="cd" * 32, level=Level.HASH)
    after(sha256=None, mtime_ns=1)
    after(sha256=None, size_bytes=1)
    assert catalogue.records([path]).get(path) == kept
    after(sha256="ab" * 32, mtime_ns=77, level=Level.HASH, verified_at_s=9.0)
    assert catalogue.records([path]).get(path) == kept._replace(
        mtime_ns=77, level=Level.HASH, verified_at_s=9.0
    )
    catalogue.remember([record._replace(sha256="cd" * 32)])
    catalogue.flush()
    assert catalogue.records([path]).get(path) == record._replace(sha256="cd" * 32)


def test_checks_and_marks_stand_beside_records_until_a_file_arrives(
    root: Path, catalogue: Catalogue
) -> None:
    (path,) = make_files(root, ["1abc"])
    check, mark = Check(path, 3, 4, Level.GZIP, 9.5), Mark(path, 3, 4, "2024-01-03")
    catalogue.note_checks([check])
    catalogue.settle([mark])
    assert (catalogue.checks([path]), catalogue.marks([path])) == ({path: check}, {path: mark})
    assert catalogue.marks() == {path: mark}
    assert catalogue.records([path]).get(path) is None
    (known,) = [each for batch in catalogue.batches() for each in batch]
    assert (known.record, known.check) == (None, check)
    catalogue.remember([record_of(root, path)])
    catalogue.flush()
    assert (catalogue.checks([path]), catalogue.marks()) == ({}, {})


def test_what_is_gone_is_told_until_it_is_forgotten_or_back(root: Path) -> None:
    records = make_recorded(root, ["1abc", "2abc"])
    make_files(root, ["1xyz"])
    with open_catalogue(Collection(root)) as catalogue:
        assert catalogue.refresh().files == 3
        for entry in ("1abc", "2abc", "1xyz"):
            (root / path_of(entry)).unlink()
        assert catalogue.refresh().files == 0
    with open_catalogue(Collection(root)) as catalogue:
        assert sorted(catalogue.gone()) == sorted(map(path_of, ("1abc", "2abc", "1xyz")))
        make_files(root, ["2abc"])
        catalogue.forget([path_of("1abc")])
        catalogue.refresh()
        assert list(catalogue.gone()) == [path_of("1xyz")]
        assert list(catalogue.all_records()) == [records[path_of("2abc")]]
    # Moved away and forgotten before anybody looked.
    (root / path_of("2abc")).unlink()
    with open_catalogue(Collection(root)) as catalogue:
        catalogue.forget([path_of("2abc")])
        catalogue.refresh()
        assert list(catalogue.gone()) == [path_of("1xyz")]


def test_what_is_gone_is_told_once_wherever_it_is_known_from(root: Path) -> None:
    seen = make_recorded(root, ["1abc", "2abc"])
    make_files(root, ["3abc", "1xyz"])
    with open_catalogue(Collection(root)) as catalogue:
        # Of these only the records tell; their directories were never read, or are no more.
        never = [path_of("4abc"), path_of("7qrs"), "structures/divided/mmCIF/é/1abc.cif.gz"]
        catalogue.remember(record_of(root, path_of("3abc"))._replace(path=path) for path in never)
        (root / path_of("1abc")).unlink()
        catalogue.refresh()
        assert sorted(catalogue.gone()) == sorted([path_of("1abc"), *never])
        assert next(catalogue.gone()) == path_of("1abc")
    assert path_of("1abc") in seen


def test_what_is_gone_takes_little_memory(root: Path) -> None:
    make_recorded(root, ["1abc"])
    with open_catalogue(Collection(root)) as catalogue:
        record = record_of(root, path_of("1abc"))
        paths = (
            f"structures/divided/mmCIF/{n // 100 % 100:02}/{n:04}.cif.gz" for n in range(20_000)
        )
        catalogue.remember(record._replace(path=path) for path in paths)
        catalogue.flush()
        catalogue.refresh()
        tracemalloc.start()
        try:
            assert sum(1 for _ in catalogue.gone()) == 20_000
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 1024**2, "all their names would be three times that"


def test_recorded_sizes_are_those_below_a_directory(root: Path) -> None:
    records = make_recorded(root, ["1abc", "2abc", "1xyz"])
    with open_catalogue(Collection(root)) as catalogue:
        sizes = catalogue.sizes("structures/divided/mmCIF/ab")
    paths = [path_of("1abc"), path_of("2abc")]
    assert sizes == {path: (records[path].size_bytes, records[path].mtime_ns) for path in paths}


def test_a_file_written_in_place_is_seen_by_a_thorough_look(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdb_cli.index.scan.SETTLE_NS", -10_000_000_000)
    (path,) = make_files(root, ["1abc"])
    with open_catalogue(Collection(root)) as catalogue:
        catalogue.refresh()  # makes the catalogue's own directory
        catalogue.refresh()
        (root / path).write_text("longer than it was by far, and of another time, too")
        assert catalogue.refresh().directories_read == 0
        catalogue.refresh(thorough=True)
        assert {file.path: file[-2:] for file in catalogue.files()} == files_on_disk(root)


def test_records_wait_for_one_another_but_not_for_long(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [record_of(root, path) for path in make_files(root, ["1abc", "2abc", "3abc"])]
    with (
        open_catalogue(Collection(root)) as catalogue,
        open_catalogue(Collection(root)) as other,
    ):
        catalogue.remember(records[:1])
        assert catalogue.records([records[0].path]) == {records[0].path: records[0]}
        assert other.records([records[0].path]) == {}
        monkeypatch.setattr("pdb_cli.index.catalogue._BATCH", 2)
        monkeypatch.setattr("pdb_cli.index.catalogue._SHARED_BATCH", 2)
        catalogue.remember(records[1:2])
    with open_catalogue(Collection(root), writable=False) as later:
        assert len(later.records([record.path for record in records])) == 2


def test_a_record_that_waits_alone_is_written_soon(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdb_cli.index.catalogue._BATCH_S", 0.05)
    monkeypatch.setattr("pdb_cli.index.catalogue._SHARED_BATCH_S", 0.05)
    (path,) = make_files(root, ["1abc"])

    def seen() -> bool:
        with open_catalogue(Collection(root), writable=False) as other:
            return other.records([path]).get(path) is not None

    with open_catalogue(Collection(root)) as catalogue:
        for _ in range(2):
            catalogue.remember([record_of(root, path)], directories=[root, root / "not there"])
            wait_until(seen, what="the record in the file")
            catalogue.forget([path])
    assert not [thread for thread in threading.enumerate() if "pdb-cli" in thread.name]


def test_a_catalogue_that_must_leave_no_trace_leaves_none(tmp_path: Path) -> None:
    make_files(tmp_path, ["1abc"])
    with open_catalogue(Collection(tmp_path), writable=False) as catalogue:
        assert catalogue.refresh().files == 1
        catalogue.remember([record_of(tmp_path, path_of("1abc"))])
        catalogue.note_checks([Check(path_of("1abc"), 1, 2, Level.GZIP, 3.0)])
    assert not (tmp_path / ".pdb-cli").exists()


def test_a_collection_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    with open_catalogue(Collection(tmp_path / "pdb")) as catalogue:
        refreshed = catalogue.refresh()
        assert (refreshed.files, list(catalogue.files())) == (0, [])
    assert not (tmp_path / "pdb").exists()


def test_many_keys_are_looked_up_at_once(root: Path, catalogue: Catalogue) -> None:
    (path,) = make_files(root, ["1abc"])
    record = record_of(root, path)
    many = [record._replace(path=f"{number:05}") for number in range(2500)]
    catalogue.remember(many)
    catalogue.flush()
    assert len(catalogue.records(each.path for each in many)) == 2500
    assert list(catalogue.all_records()) == many


def test_names_of_any_bytes_do_no_harm(root: Path, catalogue: Catalogue) -> None:
    odd = os.fsdecode(b"\xff\xfe caf\xe9\n'\"; DROP TABLE record")
    (root / odd).mkdir()
    (root / odd / "1abc.cif.gz").touch()
    (root / odd / odd).touch()
    assert [file.path for file in catalogue.files()] == [f"{odd}/1abc.cif.gz"]
    assert [file.path for file in catalogue.other_files()] == [f"{odd}/{odd}"]
    catalogue.remember([record_of(root, f"{odd}/1abc.cif.gz")])
    catalogue.flush()
    with open_catalogue(Collection(root)) as again:
        assert again.refresh().files == 2
