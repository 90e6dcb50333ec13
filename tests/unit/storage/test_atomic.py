from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.atomic import sync_directory, write_atomic
from support.fault_steps import record_steps
from support.small_disk import small_disk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("data", [b"", b"{}", bytes(3_000_000)])
def test_writes_all_bytes(durable: bool, data: bytes, tmp_path: Path) -> None:  # noqa: FBT001 - pytest passes by name
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    write_atomic(path, data, durable=durable)
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mode", "expected"), [(0o666, 0o640), (0o600, 0o600)])
def test_permissions_respect_the_umask(mode: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", b"", mode=mode, durable=False)
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == expected


def test_longest_name_there_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    write_atomic(path, b"x", durable=False)
    assert path.read_bytes() == b"x"


def test_reader_with_the_old_file_open_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomic(path, b"new", durable=False)
        assert reader.read() == b"old"


def test_missing_directory_is_told(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "record"
    with pytest.raises(FileAccessError) as caught:
        write_atomic(path, b"", durable=False)
    assert (caught.value.path, caught.value.errno) == (path, errno.ENOENT)


def test_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a directory"
    path.mkdir()
    with pytest.raises(FileAccessError):
        write_atomic(path, b"", durable=False)
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_bytes=64 * 1024) as disk:
        path = disk / "record"
        path.write_bytes(b"old")
        with pytest.raises(FileAccessError) as caught:
            write_atomic(path, bytes(1024 * 1024), durable=True)
        assert caught.value.errno == errno.ENOSPC
        assert {p.name: p.read_bytes() for p in disk.iterdir()} == {"record": b"old"}


@pytest.mark.parametrize("durable", [False, True])
def test_durable_content_is_synced_before_and_the_name_after_the_rename(
    durable: bool,  # noqa: FBT001 - pytest passes by name
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = record_steps(monkeypatch)
    write_atomic(tmp_path / "record", b"new", durable=durable)
    synced = ["write", "fsync file", "replace", "fsync directory"]
    assert steps == (synced if durable else ["write", "replace"])


def test_sync_of_a_directory_that_is_not_there_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "missing")


def test_import_is_light() -> None:
    script = "import sys; import pdb_cli.storage.atomic; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"tempfile", "shutil", "random", "logging", "subprocess", "pycurl"} & set(loaded)
