"""What a killed rsync left of a file: put where rsync looks for it, with the right mode."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pdb_cli.transfer.rsync_arguments import PARTIAL_DIRECTORY
from pdb_cli.transfer.rsync_leftovers import NameLists, take_over

if TYPE_CHECKING:
    from pathlib import Path

NAME = "ab/1abc.cif.gz"


@pytest.mark.parametrize(
    ("final", "kept", "expected"),
    [(None, None, 0o664), (0o640, None, 0o640), (None, 0o660, 0o660), (0o640, 0o660, 0o640)],
)
def test_what_was_begun_gets_the_mode_of_the_file_it_becomes(
    tmp_path: Path, final: int | None, kept: int | None, expected: int
) -> None:
    lists = NameLists(tmp_path / "lists", "structures-mmcif")
    lists.write(0, [NAME], below="")
    folder = tmp_path / "tree" / "ab"
    (folder / PARTIAL_DIRECTORY).mkdir(parents=True)
    partial = folder / PARTIAL_DIRECTORY / "1abc.cif.gz"
    for path, mode in ((folder / "1abc.cif.gz", final), (partial, kept)):
        if mode is not None:
            path.write_bytes(b"x")
            path.chmod(mode)
    begun = folder / ".1abc.cif.gz.A1b2C3"
    begun.write_bytes(b"more")
    begun.chmod(0o600)
    before = os.umask(0o002)
    try:
        take_over(tmp_path / "tree", lists, wanted={NAME})
    finally:
        os.umask(before)
    assert not begun.exists()
    assert partial.read_bytes() == b"more"
    assert partial.stat().st_mode & 0o7777 == expected
