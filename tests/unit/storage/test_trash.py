"""What goes, goes to the trash of the day, and stays there for a month."""

from __future__ import annotations

import errno
import os
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.trash import (
    empty_trash,
    move_to_trash,
    remove_empty_directories,
    trash_dir,
)

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 11, 26)
NAME = "structures/divided/mmCIF/ab/1abc.cif.gz"


def _file(collection: Path, text: str = "data") -> Path:
    path = collection / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_file_keeps_its_path_and_time(tmp_path: Path) -> None:
    file = _file(tmp_path)
    os.utime(file, (1, 1))
    place = move_to_trash(tmp_path, file, NAME, DAY)
    assert place == tmp_path / ".pdb-cli" / "trash" / "2026-11-26" / NAME
    assert (place.read_text(), place.stat().st_mtime, file.exists()) == ("data", 1, False)


def test_nothing_in_the_trash_is_written_over(tmp_path: Path) -> None:
    places = [move_to_trash(tmp_path, _file(tmp_path, text), NAME, DAY) for text in "abc"]
    assert [place.read_text() for place in places] == ["a", "b", "c"]


def test_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "precious")
    assert move_to_trash(tmp_path, link, "link", DAY).is_symlink()
    assert (tmp_path / "precious").read_text() == "x"


def test_other_file_system_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Any, target: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(source), None, str(target))

    monkeypatch.setattr(os, "rename", refuse)
    file = _file(tmp_path)
    place = move_to_trash(tmp_path, file, NAME, DAY)
    assert (place.read_text(), file.exists()) == ("data", False)
    assert [path.name for path in place.parent.iterdir()] == ["1abc.cif.gz"]


def test_file_that_can_not_be_moved_stays(tmp_path: Path) -> None:
    (tmp_path / ".pdb-cli").write_text("in the way")
    file = _file(tmp_path)
    with pytest.raises(FileAccessError):
        move_to_trash(tmp_path, file, NAME, DAY)
    assert file.read_text() == "data"


def test_trash_is_emptied_after_thirty_days(tmp_path: Path) -> None:
    for day in ("2026-10-26", "2026-10-27", "2026-11-25"):
        (trash_dir(tmp_path) / day / "a").mkdir(parents=True)
    (trash_dir(tmp_path) / "mine").mkdir()
    (tmp_path / "outside").mkdir()
    (trash_dir(tmp_path) / "2020-01-01").symlink_to(tmp_path / "outside")
    assert empty_trash(tmp_path, DAY) == 1
    left = sorted(path.name for path in trash_dir(tmp_path).iterdir())
    assert left == ["2020-01-01", "2026-10-27", "2026-11-25", "mine"]
    assert (tmp_path / "outside").is_dir()


def test_empty_directories_go_up_to_the_top(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a" / "b").mkdir(parents=True)
    remove_empty_directories(top, top / "a" / "b")
    assert list(top.iterdir()) == []
    (tmp_path / "other").mkdir()
    remove_empty_directories(top, tmp_path / "other")
    assert (tmp_path / "other").is_dir()
