from __future__ import annotations

import errno
import fcntl
import os
import threading
from typing import TYPE_CHECKING

import pytest

from pdb_cli.cli.errors import describe
from pdb_cli.errors import FileAccessError
from pdb_cli.storage.partial import PartialFile
from support.fault_steps import record_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def opened(destination: Path) -> PartialFile:
    """Open a partial file that nobody else has."""
    part = PartialFile.open(destination)
    assert part is not None
    return part


def test_published_file_has_its_bytes_and_time(tmp_path: Path) -> None:
    final = tmp_path / "1abc.cif.gz"
    with opened(final) as part:
        assert part.path == tmp_path / ".1abc.cif.gz.part"
        part.write(b"one ")
        part.write(b"two")
        assert not final.exists()
        part.publish(mtime_s=1_600_000_000.25)
    assert part.size_bytes == 7
    assert final.read_bytes() == b"one two"
    assert final.stat().st_mtime == 1_600_000_000.25
    assert list(tmp_path.iterdir()) == [final]


def test_without_a_time_it_is_that_of_writing(tmp_path: Path) -> None:
    (tmp_path / "now").touch()
    with opened(tmp_path / "file") as part:
        part.publish(mtime_s=None)
    age_s = (tmp_path / "file").stat().st_mtime - (tmp_path / "now").stat().st_mtime
    assert abs(age_s) < 5


def test_leaving_the_context_discards(tmp_path: Path) -> None:
    final = tmp_path / "file"
    final.write_bytes(b"old")
    with opened(final) as part:
        part.write(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_second_writer_is_turned_away_until_the_first_is_done(tmp_path: Path) -> None:
    final = tmp_path / "file"
    with opened(final) as first:
        assert PartialFile.open(final) is None
        first.write(b"first")
        assert PartialFile.open(final) is None
        first.publish(mtime_s=None)
    with opened(final) as second:
        assert final.read_bytes() == b"first"
        second.write(b"second")
        second.publish(mtime_s=None)
    assert final.read_bytes() == b"second"


def test_what_a_dead_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".file.part").write_bytes(b"the first half of something longer")
    with opened(tmp_path / "file") as part:
        part.write(b"all")
        part.publish(mtime_s=None)
    assert (tmp_path / "file").read_bytes() == b"all"


def test_discard_leaves_alone_what_somebody_else_made_of_the_name(tmp_path: Path) -> None:
    part = opened(tmp_path / "file")
    part.path.unlink()
    part.path.write_bytes(b"of somebody else")
    part.discard()
    part.discard()
    assert (tmp_path / ".file.part").read_bytes() == b"of somebody else"


def test_finished_file_takes_no_more(tmp_path: Path) -> None:
    part = opened(tmp_path / "file")
    part.publish(mtime_s=None)
    with pytest.raises(ValueError, match="published or discarded"):
        part.write(b"more")
    with pytest.raises(ValueError, match="published or discarded"):
        part.publish(mtime_s=None)


def test_symbolic_link_under_the_partial_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".file.part").symlink_to("precious")
    with pytest.raises(FileAccessError) as caught:
        PartialFile.open(tmp_path / "file")
    assert caught.value.errno == errno.ELOOP
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, os.mkdir, lambda path: path.symlink_to("missing")],
    ids=["fifo", "directory", "link"],
)
def test_m2_what_is_in_the_way_is_named_with_what_to_do(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / ".file.part")
    with pytest.raises(FileAccessError) as caught:
        PartialFile.open(tmp_path / "file")
    (line,) = describe(caught.value).lines
    assert f"{tmp_path}/.file.part: it is no regular file; remove it and run" in line
    assert [path.name for path in tmp_path.iterdir()] == [".file.part"]


@pytest.mark.parametrize("flag", [os.O_NOFOLLOW, 0])
def test_symbolic_link_does_not_make_opening_endless(
    flag: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not every system has O_NOFOLLOW on every file system; without it the names never agree.
    monkeypatch.setattr(os, "O_NOFOLLOW", flag)
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".file.part").symlink_to("precious")
    if flag:
        with pytest.raises(FileAccessError):
            PartialFile.open(tmp_path / "file")
    else:
        assert PartialFile.open(tmp_path / "file") is None
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_bytes_are_on_the_disk_before_they_get_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = record_steps(monkeypatch)
    with opened(tmp_path / "file") as part:
        part.write(b"all")
        part.publish(mtime_s=None)
    assert steps == ["write", "fsync file", "replace"]


def test_interrupted_discard_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    part = opened(tmp_path / "file")
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", interrupt)
        with pytest.raises(KeyboardInterrupt):
            part.discard()
    part.discard()
    assert list(tmp_path.iterdir()) == []


def test_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError) as caught:
        PartialFile.open(tmp_path / "missing" / "file")
    assert caught.value.errno == errno.ENOENT


def test_failed_publication_can_be_discarded(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with opened(tmp_path / "file") as part, pytest.raises(FileAccessError):
        part.publish(mtime_s=None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_gets_unique_names(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with opened(tmp_path / "file") as first, opened(tmp_path / "file") as second:
        assert first.path != second.path
        first.write(b"first")
        second.write(b"second")
        first.publish(mtime_s=None)
        second.publish(mtime_s=None)
    assert (tmp_path / "file").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_many_writers_never_mix(tmp_path: Path) -> None:
    final = tmp_path / "file"
    published: list[int] = []

    def write(number: int) -> None:
        for _ in range(30):
            part = PartialFile.open(final)
            if part is None:
                continue
            with part:
                for _ in range(20):
                    part.write(bytes([number]) * 100)
                part.publish(mtime_s=None)
                published.append(number)
            assert len(set(final.read_bytes())) == 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published
    assert len(final.read_bytes()) == 2000
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_partial_file_that_nobody_took_over_leaves_nothing(tmp_path: Path) -> None:
    part = PartialFile.open(tmp_path / "1abc.cif.gz")
    assert part is not None
    part.write(b"x")
    # As when an interrupt arrives before anybody could keep it.
    del part
    assert list(tmp_path.iterdir()) == []
