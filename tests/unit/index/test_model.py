"""When a record or a look vouches for a file, and when it condemns it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import Defect
from pdb_cli.index.model import Check, Level, Record
from pdb_cli.index.verified import merged_check

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_text("text")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    return file


def _check(file: Path, *, defect: Defect | None = None) -> Check:
    status = file.stat()
    facts = status.st_size, status.st_mtime_ns
    return Check("a", *facts, Level.GZIP, 5.0, status.st_ctime_ns, defect)


def _record(file: Path) -> Record:
    status = file.stat()
    facts = status.st_size, status.st_mtime_ns
    return Record("a", *facts, Level.CONTENT, 5.0, ctime_ns=status.st_ctime_ns)


def _change_in_secret(file: Path) -> None:
    """Change a file as nobody sees it by size and time."""
    before_ns = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == before_ns:
        file.write_text("TEXT")
        os.utime(file, (1_000_000_000, 1_000_000_000))


def test_nothing_vouches_for_a_file_that_was_touched(file: Path) -> None:
    check, record = _check(file), _record(file)
    assert check.vouches_for(file.stat())
    assert record.vouches_for(file.stat())
    _change_in_secret(file)
    assert not check.vouches_for(file.stat())
    assert not record.vouches_for(file.stat())
    assert record.fits(file.stat().st_size, file.stat().st_mtime_ns), "the same version"
    assert not record._replace(ctime_ns=None).vouches_for(file.stat())


def test_bad_bytes_stay_bad_and_what_could_not_be_read_is_tried_again(file: Path) -> None:
    bad = _check(file, defect=Defect.WRONG_HASH)
    unreadable = _check(file, defect=Defect.UNREADABLE)
    for check in (bad, unreadable):
        assert not check.vouches_for(file.stat())
        assert check.condemns(file.stat(), None)
        assert check.condemns(file.stat(), _record(file)), "the record was made before"
    _change_in_secret(file)
    assert bad.condemns(file.stat(), None)
    assert not unreadable.condemns(file.stat(), None)
    assert not bad.condemns(file.stat(), _record(file)), "that is a file that has come since"
    file.write_text("longer")
    assert not bad.condemns(file.stat(), None)
    assert not _check(file).condemns(file.stat(), None)


def test_a_weaker_look_does_not_absolve(file: Path) -> None:
    bad, good = _check(file, defect=Defect.CORRUPT), _check(file)
    assert merged_check(bad, good) == good
    assert merged_check(bad, good._replace(level=Level.SIZE)) == bad
    assert merged_check(good, bad) == bad
    other = good._replace(level=Level.SIZE, mtime_ns=7)
    assert merged_check(bad, other) == other, "it is another file"
