from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.storage.quarantine import Quarantine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "structures" / "ab" / "1abc.cif.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bad")
    return path


def test_a_bad_file_keeps_its_name_and_has_another_until_it_is_released(
    bad: Path, tmp_path: Path
) -> None:
    quarantine = Quarantine(tmp_path)
    name = quarantine.add(bad)
    assert name == quarantine.directory / "structures" / "ab" / "1abc.cif.gz"
    assert name.samefile(bad)
    new = bad.with_name("new")
    new.write_bytes(b"good")
    new.replace(bad)
    assert (name.read_bytes(), bad.read_bytes()) == (b"bad", b"good")
    quarantine.release(name)
    assert not quarantine.directory.exists()
    assert bad.read_bytes() == b"good"


def test_a_name_left_by_an_earlier_process_is_in_nobodys_way(bad: Path, tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.add(bad)
    bad.unlink()
    bad.write_bytes(b"bad again")
    name = quarantine.add(bad)
    assert name is not None
    assert name.read_bytes() == b"bad again"


def test_what_was_left_is_cleared_away_and_nothing_is_lost(bad: Path, tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    other = bad.with_name("1abd.cif.gz")
    other.write_bytes(b"only here")
    quarantine.add(bad)
    left = quarantine.add(other)
    assert left is not None
    other.unlink()
    quarantine.clear()
    assert (bad.read_bytes(), bad.stat().st_nlink) == (b"bad", 1)
    # Somebody removed it: it does not come back, but it is not lost.
    assert not other.exists()
    assert left.read_bytes() == b"only here"
    other.write_bytes(b"again")
    quarantine.clear()
    assert not quarantine.directory.exists()


def test_without_hard_links_there_is_no_second_name(
    bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert Quarantine(tmp_path).add(bad) is None
    assert bad.read_bytes() == b"bad"


def test_of_a_link_it_is_the_file_that_is_kept(bad: Path, tmp_path: Path) -> None:
    link = bad.with_name("link.cif.gz")
    link.symlink_to(bad)
    name = Quarantine(tmp_path).add(link)
    assert name is not None
    assert not name.is_symlink()
    assert name.samefile(bad)
