"""A collection that was here, and has gone as a whole: its disk is not mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import UnsafeTreeError
from pdb_cli.storage.known_roots import KnownRoots

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def known(tmp_path: Path) -> KnownRoots:
    return KnownRoots(tmp_path / "cache" / "collections", "here")


@pytest.mark.parametrize("made", [(), (".",), ("lost+found",), (".Trash-1000",)])
def test_nothing_where_files_were_is_refused(
    known: KnownRoots, tmp_path: Path, made: tuple[str, ...]
) -> None:
    root = tmp_path / "pdb"
    known.check(root)
    known.note(root, 1000, anew=False)
    for name in made:
        (root / name).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UnsafeTreeError) as refusal:
        known.check(root)
    assert "1000 files" in refusal.value.reason
    assert "--trust-list" in refusal.value.reason
    KnownRoots(tmp_path / "cache" / "collections", "elsewhere").check(root)
    known.check(tmp_path / "other")


@pytest.mark.parametrize("made", [".pdb-cli", "structures"])
def test_what_is_there_is_no_empty_mount_point(
    known: KnownRoots, tmp_path: Path, made: str
) -> None:
    root = tmp_path / "pdb"
    known.note(root, 1000, anew=False)
    (root / made).mkdir(parents=True)
    known.check(root)


def test_a_run_about_a_part_is_no_smaller_collection(known: KnownRoots, tmp_path: Path) -> None:
    root = tmp_path / "pdb"
    known.note(root, 1000, anew=False)
    known.note(root, 3, anew=False)
    with pytest.raises(UnsafeTreeError):
        known.check(root)
    known.note(root, 3, anew=True)
    known.check(root)


def test_notes_are_a_help_and_never_needed(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    known = KnownRoots(tmp_path / "cache", "here")
    known.note(tmp_path / "pdb", 1000, anew=False)
    known.check(tmp_path / "pdb")
