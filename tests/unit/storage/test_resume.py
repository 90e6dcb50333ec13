from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdb_cli.errors import FileAccessError
from pdb_cli.storage.partial import PartialFile
from pdb_cli.storage.resume import ResumePoint, read_resume_point, write_resume_point

if TYPE_CHECKING:
    from pathlib import Path

POINT = ResumePoint("http://mirror/x", '"tag"', "Sun, 06 Nov 1994 08:49:37 GMT", 10)


def opened(destination: Path) -> PartialFile:
    """Open a partial file that nobody else has."""
    part = PartialFile.open(destination)
    assert part is not None
    return part


def put_aside(destination: Path, data: bytes, point: ResumePoint = POINT) -> None:
    """Leave a partial file to be continued."""
    part = opened(destination)
    part.remember(point)
    part.write(data)
    part.put_aside()


def names(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_resume_point(tmp_path / "x", POINT)
    assert read_resume_point(tmp_path / "x") == POINT
    assert read_resume_point(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("etag", "last_modified", "validator"),
    [
        ('"a"', "some time", '"a"'),
        ('W/"a"', "some time", "some time"),
        (None, "some time", "some time"),
        ('W/"a"', None, None),
        (None, None, None),
    ],
)
def test_weak_entity_tag_is_no_validator(
    etag: str | None, last_modified: str | None, validator: str | None
) -> None:
    assert ResumePoint("u", etag, last_modified, 1).validator == validator


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"url": None},
        {"length_bytes": 0},
        {"length_bytes": "10"},
        {"length_bytes": True},
        {"etag": 5},
        {"etag": '"a"\r\nHost: elsewhere'},
        {"etag": None, "last_modified": None},
    ],
)
def test_what_makes_no_sense_is_ignored(change: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "x").write_text(json.dumps({"schema": 1, **POINT._asdict(), **change}))
    assert read_resume_point(tmp_path / "x") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=100))
def test_no_content_is_a_surprise(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert read_resume_point(tmp_path / "x") is None


def test_link_in_place_of_it_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "x").symlink_to("precious")
    assert read_resume_point(tmp_path / "x") is None
    with pytest.raises(FileAccessError):
        write_resume_point(tmp_path / "x", POINT)
    assert (tmp_path / "precious").read_text() == "precious"


def test_part_put_aside_is_continued_and_leaves_nothing_else(tmp_path: Path) -> None:
    final = tmp_path / "file"
    put_aside(final, b"01234")
    assert names(tmp_path) == {".file.part", ".file.part.json"}
    with opened(final) as part:
        assert (part.resume, part.size_bytes, part.read(1, 3)) == (POINT, 5, b"123")
        part.write(b"56789")
        part.publish(mtime_s=None)
    assert final.read_bytes() == b"0123456789"
    assert names(tmp_path) == {"file"}


def test_part_put_aside_can_start_over(tmp_path: Path) -> None:
    put_aside(tmp_path / "file", b"01234")
    with opened(tmp_path / "file") as part:
        part.restart()
        assert (part.resume, part.size_bytes) == (None, 0)
        assert names(tmp_path) == {".file.part"}
        part.write(b"new")
        part.publish(mtime_s=None)
    assert (tmp_path / "file").read_bytes() == b"new"


def test_discarding_removes_both(tmp_path: Path) -> None:
    put_aside(tmp_path / "file", b"01234")
    opened(tmp_path / "file").discard()
    assert names(tmp_path) == set()


def test_part_that_is_whole_leaves_one_byte_to_ask_for(tmp_path: Path) -> None:
    put_aside(tmp_path / "file", b"0123456789")
    with opened(tmp_path / "file") as part:
        assert part.size_bytes == 9


@pytest.mark.parametrize("left", ["no note", "too long", "torn note", "nothing written"])
def test_part_that_can_not_be_continued_is_emptied(left: str, tmp_path: Path) -> None:
    note = tmp_path / ".file.part.json"
    put_aside(tmp_path / "file", b"01234")
    if left == "no note":
        note.unlink()
    elif left == "too long":
        (tmp_path / ".file.part").write_bytes(b"01234567890")
    elif left == "torn note":
        note.write_bytes(note.read_bytes()[:20])
    else:
        (tmp_path / ".file.part").write_bytes(b"")
    with opened(tmp_path / "file") as part:
        assert (part.resume, part.size_bytes) == (None, 0)
        assert names(tmp_path) == {".file.part"}
        part.publish(mtime_s=None)
    assert names(tmp_path) == {"file"}


def test_without_a_validator_or_bytes_nothing_is_kept(tmp_path: Path) -> None:
    put_aside(tmp_path / "file", b"01234", POINT._replace(etag='W/"x"', last_modified=None))
    put_aside(tmp_path / "file", b"")
    assert names(tmp_path) == set()


def test_bytes_of_unknown_origin_are_not_remembered(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as part:
        part.write(b"01234")
        with pytest.raises(ValueError, match="another version"):
            part.remember(POINT)
