from __future__ import annotations

import gzip
import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdb_cli.errors import Defect
from pdb_cli.index.model import Level
from pdb_cli.operations.validate.check import Stopped, check_file
from pdb_cli.operations.validate.model import FileStatus
from support.archive_gzip import archive_gzip, inflate, stored_name
from support.collected import collected, overwrite, record_of
from support.real_entries import CLASSIC_ROOT, ENTRY_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pdb_cli.operations.validate.model import Finding

REAL = sorted([*CLASSIC_ROOT.rglob("*.gz"), *ENTRY_ROOT.rglob("*.gz")])
SMALL = [path for path in REAL if path.stat().st_size < 40_000]
HYA = next(path for path in REAL if path.name == "3hya.cif.gz")
KQE = next(path for path in REAL if path.name == "1kqe.cif.gz")
DATA = HYA.read_bytes()
BODY = DATA.index(b"\0", 10) + 1
"""Where the header of the file ends."""
LEVELS = list(Level)


def put(folder: Path, source: Path, data: bytes | None = None) -> Path:
    """Copy a real file into a folder, below the directories that say what it is."""
    root = CLASSIC_ROOT if source.is_relative_to(CLASSIC_ROOT) else ENTRY_ROOT
    path = folder / source.relative_to(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.read_bytes() if data is None else data)
    return path


def look(path: Path, level: Level = Level.CONTENT, *, recorded: bool = False) -> Finding:
    """Look at a file, with a record of what it is now or without one."""
    return check_file(collected(path, record=record_of(path) if recorded else None), level)


@pytest.mark.parametrize("source", REAL, ids=lambda path: path.name)
def test_good_files_are_accused_at_no_level(source: Path, tmp_path: Path) -> None:
    path = put(tmp_path, source)
    for level in LEVELS:
        finding = look(path, level, recorded=True)
        assert (finding.status, finding.level, finding.defect) == (FileStatus.OK, level, None)


def test_v1_without_a_record_nothing_is_ok_that_could_not_be_compared(tmp_path: Path) -> None:
    path = put(tmp_path, HYA)
    reached = {
        level: (finding.status, finding.level)
        for level in LEVELS
        for finding in [look(path, level)]
    }
    assert reached == {
        Level.SIZE: (FileStatus.NO_RECORD, None),
        Level.GZIP: (FileStatus.OK, Level.GZIP),
        Level.CONTENT: (FileStatus.OK, Level.CONTENT),
        Level.HASH: (FileStatus.NO_RECORD, Level.CONTENT),
    }


PAGE = b"<!DOCTYPE html><html>Service unavailable</html>"
FLIPPED = DATA[:9000] + bytes([DATA[9000] ^ 4]) + DATA[9001:]
NAMED: dict[str, tuple[bytes, Defect, Level, Level | None]] = {
    # What is there, its defect, the lowest level that finds it, and the level that it passes.
    "empty": (b"", Defect.EMPTY, Level.SIZE, None),
    "flipped": (FLIPPED, Defect.CORRUPT, Level.GZIP, Level.SIZE),
    "cut": (DATA[:-500], Defect.TRUNCATED, Level.GZIP, Level.SIZE),
    "trailing": (DATA + b"\0", Defect.TRAILING, Level.GZIP, Level.SIZE),
    "two members": (DATA + DATA, Defect.TRAILING, Level.GZIP, Level.SIZE),
    "page": (PAGE, Defect.WRONG_KIND, Level.GZIP, Level.SIZE),
    "text": (inflate(DATA), Defect.NOT_GZIP, Level.GZIP, Level.SIZE),
    "packed page": (gzip.compress(PAGE), Defect.WRONG_KIND, Level.CONTENT, Level.GZIP),
    "other entry": (KQE.read_bytes(), Defect.WRONG_ENTRY, Level.CONTENT, Level.GZIP),
    "cut text": (
        archive_gzip(inflate(DATA)[:20_000], name="3hya.cif"),
        Defect.TRUNCATED,
        Level.CONTENT,
        Level.GZIP,
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_v2_each_defect_has_its_name_from_its_level_on(name: str, tmp_path: Path) -> None:
    data, defect, lowest, reached = NAMED[name]
    path = put(tmp_path, HYA, data)
    for level in LEVELS:
        finding = look(path, level)
        if level < lowest:
            assert finding.is_good
        else:
            told = (finding.status, finding.defect, finding.level)
            assert (level, told) == (level, (FileStatus.DEFECT, defect, reached))


def altered(data: bytes) -> bytes:
    """Return another text of the same length, whole, with the right checksum."""
    text = inflate(data)
    place = text.index(b"ATOM")
    return archive_gzip(text[:place] + b"ATOW" + text[place + 4 :], name=stored_name(data))


@pytest.mark.parametrize("keep_time", [True, False])
def test_altered_content_with_the_right_checksum_is_found_by_the_hash(
    tmp_path: Path, *, keep_time: bool
) -> None:
    path = put(tmp_path, HYA)
    record = record_of(path)
    new = altered(DATA)
    overwrite(path, new, keep_time=keep_time)
    record = record._replace(size_bytes=len(new))
    assert check_file(collected(path, record=record), Level.CONTENT).status is FileStatus.OK
    finding = check_file(collected(path, record=record), Level.HASH)
    assert finding.level is Level.CONTENT
    assert finding.defect == (Defect.WRONG_HASH if keep_time else None)
    assert ("damaged on the disk" in finding.detail) is keep_time
    assert finding.is_replaced is not keep_time


@pytest.mark.parametrize("level", LEVELS)
def test_another_length_than_recorded_is_found_without_reading(
    level: Level, tmp_path: Path
) -> None:
    path = put(tmp_path, HYA)
    record = record_of(path)
    # Whole, and of the right entry: only the record tells.
    overwrite(path, archive_gzip(inflate(DATA) + b"#\n", name="3hya.cif"), keep_time=True)
    finding = check_file(collected(path, record=record), level)
    assert (finding.status, finding.defect) == (FileStatus.DEFECT, Defect.WRONG_SIZE)


@pytest.mark.parametrize("level", LEVELS)
def test_a_sound_file_with_other_length_and_time_than_recorded_was_replaced(
    level: Level, tmp_path: Path
) -> None:
    path = put(tmp_path, HYA)
    known = collected(path, record=record_of(path))
    overwrite(path, archive_gzip(inflate(DATA) + b"#\n", name="3hya.cif"))
    finding = check_file(known, level)
    is_compared = level in {Level.SIZE, Level.HASH}
    assert finding.status is (FileStatus.NO_RECORD if is_compared else FileStatus.OK)
    assert (finding.level, finding.is_replaced) == (Level.CONTENT, True)
    # Nor does that clear one that is not sound, however little was asked for.
    overwrite(path, DATA[:-500])
    assert check_file(known, level).defect is Defect.TRUNCATED


def test_a_file_that_was_only_touched_is_the_recorded_one(tmp_path: Path) -> None:
    path = put(tmp_path, HYA)
    record = record_of(path)
    overwrite(path, DATA)
    for level in LEVELS:
        assert check_file(collected(path, record=record), level).status is FileStatus.OK


def test_a_record_without_a_hash_is_none_to_compare_with(tmp_path: Path) -> None:
    path = put(tmp_path, HYA)
    record = record_of(path)._replace(sha256=None, size_bytes=1)
    assert check_file(collected(path, record=record), Level.SIZE).status is FileStatus.NO_RECORD
    assert check_file(collected(path, record=record), Level.HASH).status is FileStatus.NO_RECORD


def test_what_is_to_be_recorded_is_looked_at_closely_whatever_was_asked(tmp_path: Path) -> None:
    good = put(tmp_path, HYA)
    finding = check_file(collected(good), Level.SIZE, record=True)
    assert (finding.status, finding.level) == (FileStatus.OK, Level.CONTENT)
    assert finding.sha256 == record_of(good).sha256
    bad = put(tmp_path, KQE, DATA)
    assert check_file(collected(bad), Level.SIZE, record=True).defect is Defect.WRONG_ENTRY


def test_what_can_not_be_read_has_a_defect_of_its_own(tmp_path: Path) -> None:
    path = put(tmp_path, HYA)
    known = collected(path)
    path.unlink()
    assert check_file(known, Level.CONTENT).status is FileStatus.GONE
    path.mkdir()
    assert check_file(known, Level.CONTENT).defect is Defect.UNREADABLE
    path.rmdir()
    os.mkfifo(path)
    assert check_file(known, Level.CONTENT).defect is Defect.UNREADABLE


def test_decompressed_files_are_what_they_hold(tmp_path: Path) -> None:
    path = put(tmp_path, HYA, inflate(DATA)).rename(tmp_path / "3hya.cif")
    assert look(path, Level.GZIP).status is FileStatus.NO_RECORD
    assert look(path).status is FileStatus.OK
    overwrite(path, inflate(DATA)[:5000])
    finding = look(path)
    assert (finding.defect, finding.level) == (Defect.TRUNCATED, Level.SIZE)


def test_a_file_that_was_replaced_meanwhile_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, HYA, DATA[:-100])
    known = collected(path)
    real_read = os.read

    def read_and_replace(descriptor: int, count: int) -> bytes:
        """Read; meanwhile somebody gives the name to a good file."""
        data = real_read(descriptor, count)
        new = path.with_name("new")
        new.write_bytes(DATA)
        new.replace(path)
        return data

    monkeypatch.setattr(os, "read", read_and_replace)
    assert check_file(known, Level.CONTENT).status is FileStatus.OK


def test_nobody_waits_for_a_large_file_that_is_of_no_interest_any_more(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        check_file(collected(put(tmp_path, HYA)), Level.CONTENT, stop=stop)


def _flip(data: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[at % len(data)] ^= 1 << bit
    return bytes(changed)


DAMAGES: dict[str, Callable[[bytes, int, int], bytes]] = {
    "flip": _flip,
    "cut": lambda data, at, _: data[: at % len(data)],
    "trail": lambda data, at, bit: data + bytes([bit]) * (1 + at % 70_000),
    "member": lambda data, at, _: data + gzip.compress(data[: at % 100]),
    "hole": lambda data, at, bit: data[: at % len(data)] + data[at % len(data) + 1 + bit :],
}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    source=st.sampled_from(SMALL),
    damage=st.sampled_from(sorted(DAMAGES)),
    at=st.integers(0, 1_000_000),
    bit=st.integers(0, 7),
)
def test_damage_anywhere_is_found_and_the_good_one_never_accused(
    source: Path, damage: str, at: int, bit: int, tmp_path: Path
) -> None:
    data = source.read_bytes()
    path = put(tmp_path, source)
    record = record_of(path)
    bad = DAMAGES[damage](data, at, bit)
    overwrite(path, bad, keep_time=True)
    if bad == data:
        assert check_file(collected(path, record=record), Level.HASH).status is FileStatus.OK
        return
    # With a record, whatever it is.
    finding = check_file(collected(path, record=record), Level.HASH)
    assert finding.status is FileStatus.DEFECT
    # Without one, what gzip can tell: all but bits that change nothing of the text.
    finding = check_file(collected(path), Level.GZIP)
    if finding.is_good:
        assert gzip.decompress(bad) == inflate(data)
    overwrite(path, data, keep_time=True)
    assert check_file(collected(path, record=record), Level.HASH).status is FileStatus.OK


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(one=st.sampled_from(REAL), other=st.sampled_from(REAL))
def test_swapped_files_are_found(one: Path, other: Path, tmp_path: Path) -> None:
    path = put(tmp_path, one, other.read_bytes())
    finding = look(path)
    if one == other or one.name == other.name:
        assert finding.status is FileStatus.OK
    else:
        assert finding.defect in {Defect.WRONG_ENTRY, Defect.WRONG_KIND}
