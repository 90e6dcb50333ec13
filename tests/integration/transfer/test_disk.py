from __future__ import annotations

import errno
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import FileAccessError
from pdb_cli.events import FileFailed
from pdb_cli.transfer.fetch import FetchStatus, fetch_files
from support.faults import Drip
from support.fetching import OPTIONS, OTHER, RETRY, SMALL, fetch, files_below, item_for, real_paths
from support.small_disk import small_disk

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.transfer.fetch import FetchResult
    from support.fault_server import FaultServer


def test_full_disk_ends_the_run_and_leaves_whole_files_only(
    mirror: FaultServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    published = {path.rpartition("/")[2]: data for path, data in real_paths().items()}
    with small_disk(tmp_path / "disk", size_bytes=128 * 1024) as disk:
        items = [item_for(path, disk, mirror) for path in real_paths()]
        done: list[FetchResult] = []
        run = fetch_files(items, options=OPTIONS, retry=RETRY)
        with pytest.raises(FileAccessError) as caught, closing(run):
            done.extend(run)  # keeps what came before the error
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.action == "write"
        left = files_below(disk)
        assert all(published[name.rpartition("/")[2]] == data for name, data in left.items())
        assert {r.item.name for r in done if r.status is FetchStatus.FETCHED} == set(left)
    assert capfd.readouterr().err == ""
    assert mirror.requests


def test_read_only_disk_ends_the_run(mirror: FaultServer, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_bytes=1024 * 1024) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(FileAccessError) as caught:
            fetch([item_for(SMALL, disk, mirror)])
    assert caught.value.errno == errno.EROFS
    assert mirror.requests == []


def test_full_disk_on_publishing_keeps_the_old_file(mirror: FaultServer, tmp_path: Path) -> None:
    mirror.inject(Drip(pieces=4, pause_s=0.01))
    with small_disk(tmp_path / "disk", size_bytes=16 * 1024) as disk:
        item = item_for(SMALL, disk, mirror)
        item.destination.parent.mkdir(parents=True)
        item.destination.write_bytes(b"old" * 2000)
        with pytest.raises(FileAccessError):
            fetch([item])
        assert files_below(disk) == {item.name: b"old" * 2000}


def test_place_that_can_not_be_used_fails_its_file_alone(
    mirror: FaultServer, tmp_path: Path
) -> None:
    items = [item_for(path, tmp_path, mirror) for path in (SMALL, OTHER)]
    items[0].destination.parent.parent.mkdir(parents=True)
    items[0].destination.parent.write_text("a file where a directory should be")
    results, events = fetch(items)
    by_item = {result.item.name: result for result in results}
    bad, good = by_item[items[0].name], by_item[items[1].name]
    assert good.status is FetchStatus.FETCHED
    assert (bad.status, bad.attempts) == (FetchStatus.FAILED, 0)
    assert isinstance(bad.error, FileAccessError)
    assert bad.error.errno in {errno.EEXIST, errno.ENOTDIR}
    assert [event.name for event in events if isinstance(event, FileFailed)] == [items[0].name]


def test_directory_under_the_final_name_fails_its_file_alone(
    mirror: FaultServer, tmp_path: Path
) -> None:
    item = item_for(SMALL, tmp_path, mirror)
    item.destination.mkdir(parents=True)
    results, _ = fetch([item])
    assert results[0].status is FetchStatus.FAILED
    assert isinstance(results[0].error, FileAccessError)
    assert results[0].error.errno == errno.EISDIR
    assert files_below(tmp_path) == {}
