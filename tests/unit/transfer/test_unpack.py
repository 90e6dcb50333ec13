"""The text takes the final name in one step, and only if the disk gives back what had arrived."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import Defect, FileAccessError, VerificationError
from pdb_cli.storage.partial import PartialFile
from pdb_cli.transfer.unpack import unpack
from pdb_cli.transfer.verifier import VerifiedFile
from support.archive_gzip import archive_gzip

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"data_1ABC\n#\n" + b"".join(b"_item.n %d\n" % number for number in range(60_000))
PACKED = archive_gzip(TEXT, name="1abc.cif")
VERIFIED = VerifiedFile(size_bytes=len(PACKED), text_bytes=len(TEXT), crc32=0, sha256="of PACKED")


def _part(folder: Path, data: bytes = PACKED) -> PartialFile:
    part = PartialFile.open(folder / "1abc.cif")
    assert part is not None
    part.restart()
    part.write(data)
    return part


def test_the_text_is_published_with_its_time_and_figures(tmp_path: Path) -> None:
    found = unpack(_part(tmp_path), VERIFIED, mtime_s=1_000_000_000.0)
    (path,) = tmp_path.iterdir()
    assert path.name == "1abc.cif"
    assert path.read_bytes() == TEXT
    assert path.stat().st_mtime == 1_000_000_000
    assert (found.size_bytes, found.packed_bytes) == (len(TEXT), len(PACKED))
    assert found.sha256 == hashlib.sha256(TEXT).hexdigest()


@pytest.mark.parametrize(
    "data",
    [PACKED[:-20], PACKED[:-8] + bytes(8), archive_gzip(TEXT[:-1], name="1abc.cif")],
    ids=["cut short", "wrong checksum", "another text"],
)
def test_what_changed_on_the_disk_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "1abc.cif").write_bytes(b"good")
    part = _part(tmp_path, data)
    with pytest.raises(VerificationError) as raised:
        unpack(part, VERIFIED, mtime_s=None)
    assert raised.value.defect is Defect.CORRUPT
    part.discard()
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == b"good"


def test_a_text_that_a_dead_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".1abc.cif.part.text").write_bytes(TEXT + b"more")
    unpack(_part(tmp_path), VERIFIED, mtime_s=None)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("1abc.cif", TEXT)]


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    part = _part(tmp_path)
    (tmp_path / "1abc.cif").mkdir()
    with pytest.raises(FileAccessError) as raised:
        unpack(part, VERIFIED, mtime_s=None)
    assert raised.value.path == tmp_path / "1abc.cif"
    part.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["1abc.cif"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from pdb_cli.storage.partial import PartialFile
from pdb_cli.storage.resume import ResumePoint
from pdb_cli.transfer.unpack import unpack
from pdb_cli.transfer.verifier import VerifiedFile
folder, packed, text_bytes = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3])
step, left = sys.argv[4], int(sys.argv[5])
part = PartialFile.open(folder / "1abc.cif")
part.remember(ResumePoint("http://a/b", '"tag"', None, len(packed)))
part.write(packed)
real = getattr(os, step)
def deadly(*arguments, **options):
    global left
    left -= 1
    real(*arguments, **options)
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(os, step, deadly)
unpack(part, VerifiedFile(len(packed), text_bytes), mtime_s=None)
"""


@pytest.mark.parametrize(
    ("step", "number"), [("unlink", 1), ("replace", 1), ("fsync", 1), ("replace", 2)]
)
def test_a_kill_leaves_no_final_name_or_nothing_beside_it(
    tmp_path: Path, step: str, number: int
) -> None:
    packed, folder = tmp_path / "packed", tmp_path / "collection"
    packed.write_bytes(PACKED)
    folder.mkdir()
    arguments = str(folder), str(packed), str(len(TEXT)), step, str(number)
    done = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    if not (folder / "1abc.cif").exists():
        unpack(_part(folder), VERIFIED, mtime_s=None)
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("1abc.cif", TEXT)]
