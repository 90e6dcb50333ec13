"""A collection that was here, and has gone as a whole: its disk is not mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdb_cli.errors import UnsafeTreeError
from pdb_cli.storage.known_roots import KnownRoots


@pytest.fixture
def known(tmp_path: Path) -> KnownRoots:
    return KnownRoots(tmp_path / "cache" / "collections", "here")


@pytest.mark.parametrize(
    "made", [(), (".",), ("lost+found/x",), (".Trash-1000/x",), (".pdb-cli/x",), ("structures/x",)]
)
def test_nothing_where_files_were_is_refused(
    known: KnownRoots, tmp_path: Path, made: tuple[str, ...]
) -> None:
    root = tmp_path / "pdb"
    known.check(root, can_trust=True)
    known.note(root, 1000, anew=False)
    for name in made:
        (root / name).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UnsafeTreeError) as refusal:
        known.check(root, can_trust=True)
    assert "1000 files" in refusal.value.reason
    assert "--trust-list" in refusal.value.reason
    KnownRoots(tmp_path / "cache" / "collections", "elsewhere").check(root, can_trust=True)
    known.check(tmp_path / "other", can_trust=True)


@pytest.mark.parametrize(("noted", "here"), [(10, 1), (100, 10), (250_000, 1000)])
def test_a_part_of_the_files_is_a_collection_and_fewer_are_not(
    known: KnownRoots, tmp_path: Path, noted: int, here: int
) -> None:
    root = tmp_path / "pdb"
    known.note(root, noted, anew=False)
    place = root / "structures" / "ab"
    place.mkdir(parents=True)
    (root / ".pdb-cli").mkdir()
    (root / ".pdb-cli" / "catalogue.sqlite").touch()
    for number in range(here):
        (place / f"{number}.cif.gz").touch()
    known.check(root, can_trust=False)
    (place / "0.cif.gz").unlink()
    with pytest.raises(UnsafeTreeError) as refusal:
        known.check(root, can_trust=False)
    # Whoever can not say --trust-list is told what to remove; that it helps is seen here.
    reason = refusal.value.reason
    assert "--trust-list" not in reason
    Path(reason.partition("for good, remove ")[2]).unlink()
    known.check(root, can_trust=False)


def test_a_run_about_a_part_is_no_smaller_collection(known: KnownRoots, tmp_path: Path) -> None:
    root = tmp_path / "pdb"
    known.note(root, 1000, anew=False)
    known.note(root, 3, anew=False)
    with pytest.raises(UnsafeTreeError):
        known.check(root, can_trust=True)
    known.note(root, 3, anew=True)
    known.check(root, can_trust=True)


def test_notes_are_a_help_and_never_needed(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    known = KnownRoots(tmp_path / "cache", "here")
    known.note(tmp_path / "pdb", 1000, anew=False)
    known.check(tmp_path / "pdb", can_trust=True)
