"""Partial files without a note: found, locked, described afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.storage.leftover import Leftover
from pdb_cli.storage.partial import PartialFile
from pdb_cli.storage.resume import ResumePoint

if TYPE_CHECKING:
    from pathlib import Path

POINT = ResumePoint("http://lab/1abc.cif.gz", None, "Sun, 06 Nov 1994 08:49:37 GMT", 5)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / ".1abc.cif.gz.part").write_bytes(b"bytes")
    return tmp_path / "1abc.cif.gz"


def test_the_next_try_goes_on_with_what_was_noted(place: Path) -> None:
    leftover = Leftover.find(place)
    assert leftover is not None
    with leftover:
        assert (leftover.size_bytes, leftover.end(3)) == (5, b"tes")
        assert PartialFile.open(place) is None, "it is not locked"
        leftover.note(POINT)
    assert Leftover.find(place) is None, "it has a note"
    part = PartialFile.open(place)
    assert part is not None
    with part:
        # All but one byte: the mirror is asked for that, and says whether it has still this file.
        assert (part.resume, part.size_bytes) == (POINT, 4)


def test_what_is_not_noted_is_left_as_it_is(place: Path) -> None:
    leftover = Leftover.find(place)
    assert leftover is not None
    leftover.close()
    leftover.close()
    assert [path.name for path in place.parent.iterdir()] == [".1abc.cif.gz.part"]


def test_one_that_somebody_writes_is_not_touched(place: Path) -> None:
    part = PartialFile.open(place)
    assert part is not None
    with part:
        assert Leftover.find(place) is None


@pytest.mark.parametrize("kind", ["nothing", "link", "pipe", "directory"])
def test_other_things_under_that_name_are_none(place: Path, kind: str) -> None:
    path = place.with_name(f".{place.name}.part")
    path.unlink()
    if kind == "link":
        place.with_name("other").write_bytes(b"other")
        path.symlink_to("other")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    assert Leftover.find(place) is None
