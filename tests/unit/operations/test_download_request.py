"""What a request means: files in order, places on disk, formats chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdb_cli.archive.datatypes import DataType, FileFormat
from pdb_cli.archive.ids import EntryId
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import BUILTIN_MIRRORS, Mirror
from pdb_cli.errors import UnsupportedError
from pdb_cli.operations.download.request import (
    Arrangement,
    Destination,
    DownloadRequest,
    FileKind,
    choose_kinds,
)

S, A = DataType.STRUCTURES, DataType.ASSEMBLIES


def _request(*kinds: FileKind, mirror: Mirror = BUILTIN_MIRRORS["rcsb"]) -> DownloadRequest:
    entries = (EntryId.parse("4hhb"), EntryId.parse("1abc"))
    return DownloadRequest(entries, kinds, Destination(Path("/data")), (mirror,), assembly=2)


def test_files_come_entry_by_entry_and_only_assemblies_are_numbered() -> None:
    request = _request(FileKind(S, FileFormat.MMCIF), FileKind(A, FileFormat.MMCIF))
    found = [(str(file.entry), file.data_type, file.assembly) for file in request.files()]
    assert found == [("4hhb", S, None), ("4hhb", A, 2), ("1abc", S, None), ("1abc", A, 2)]
    assert request.files_total == len(found)


def test_a_destination_is_divided_flat_or_elsewhere() -> None:
    (file,) = list(_request(FileKind(A, FileFormat.MMCIF)).files())[:1]
    divided = "assemblies/mmCIF/divided/hh/4hhb-assembly2.cif.gz"
    assert Destination(Path("/data")).path(file) == Path("/data") / divided
    flat = Destination(Path("/data"), Arrangement.FLAT).path(file)
    assert flat == Path("/data/4hhb-assembly2.cif.gz")
    elsewhere = Destination(Path("/data"), data_type_dirs={A: Path("/big/asm")}).path(file)
    assert elsewhere == Path("/big/asm/mmCIF/divided/hh/4hhb-assembly2.cif.gz")


def test_what_no_mirror_can_serve_is_refused_before_anything_starts() -> None:
    with pytest.raises(UnsupportedError):
        _request(FileKind(A, FileFormat.XML)).check()
    only_rsync = Mirror("lab", None, BUILTIN_MIRRORS["rcsb"].rsync, Layout.CLASSIC)
    with pytest.raises(UnsupportedError, match="lab"):
        _request(FileKind(S, FileFormat.MMCIF), mirror=only_rsync).check()
    _request(FileKind(S, FileFormat.MMCIF)).check()


def test_a_format_that_was_asked_for_is_never_changed() -> None:
    kinds = choose_kinds([S, DataType.BIOUNIT, S], asked=None, preferred=FileFormat.MMCIF)
    assert kinds == (FileKind(S, FileFormat.MMCIF), FileKind(DataType.BIOUNIT, FileFormat.PDB))
    asked = choose_kinds([A], asked=FileFormat.PDB, preferred=FileFormat.MMCIF)
    assert asked == (FileKind(A, FileFormat.PDB),)
