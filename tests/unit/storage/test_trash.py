"""What goes, goes to the trash of the day, and stays there for a month."""

from __future__ import annotations

import calendar
import errno
import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.move import move_file
from pdb_cli.storage.trash import (
    KEEP_DAYS,
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


def _changed_on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Have the system say of everything that it was last changed on a day."""
    second = float(calendar.timegm(day.timetuple()))
    monkeypatch.setattr("pdb_cli.storage.trash._changed_at_s", lambda _: second)


def test_a_name_and_a_copy_are_on_the_disk_before_the_original_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, place, synced = _file(tmp_path), tmp_path / "a" / "b" / "file", []

    def refuse(source: Any, target: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(source), None, str(target))

    def sync(directory: Path) -> None:
        assert file.exists()
        assert place.exists()
        synced.append(directory)

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr("pdb_cli.storage.move.sync_directory", sync)
    assert move_file(file, place)
    assert set(synced) == {tmp_path / "a" / "b", tmp_path / "a", tmp_path}
    assert not file.exists()


def test_what_was_trashed_with_a_wrong_clock_stays_thirty_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["1970-01-01", "2031-01-01"]
    for name in names:
        (trash_dir(tmp_path) / name / "a").mkdir(parents=True)
    # Put there when the clock said otherwise; the system's time is that of now.
    now = datetime.now(UTC).date()
    assert empty_trash(tmp_path, now) == 0
    assert empty_trash(tmp_path, now + timedelta(days=KEEP_DAYS)) == 0
    assert empty_trash(tmp_path, now + timedelta(days=KEEP_DAYS + 1)) == 1
    (trash_dir(tmp_path) / "1970-01-01").mkdir()
    # The system's time was wrong as well: it counts from now on.
    _changed_on(monkeypatch, date(1970, 1, 1))
    assert empty_trash(tmp_path, now + timedelta(days=KEEP_DAYS + 1)) == 0
    monkeypatch.undo()
    assert sorted(path.name for path in trash_dir(tmp_path).iterdir()) == names


def test_trash_is_emptied_after_thirty_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _changed_on(monkeypatch, date(2026, 3, 1))
    for day in ("2026-10-26", "2026-10-27", "2026-11-25"):
        (trash_dir(tmp_path) / day / "a").mkdir(parents=True)
    (trash_dir(tmp_path) / "mine").mkdir()
    (tmp_path / "outside").mkdir()
    (trash_dir(tmp_path) / "2020-01-01").symlink_to(tmp_path / "outside")
    assert empty_trash(tmp_path, DAY) == 1
    monkeypatch.undo()
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
