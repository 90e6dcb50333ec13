"""The holdings files of an archive, written exactly as they are published.

Source: ``pub/pdb/holdings`` of the wwPDB archive; the shapes are those that its own loaders read.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pdb_cli.archive.datatypes import DataType, FileFormat
from support.archive_gzip import archive_gzip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pdb_cli.archive.layouts import ArchiveFile

CONTENT_TYPES: Mapping[tuple[DataType, FileFormat], str] = {
    (DataType.STRUCTURES, FileFormat.MMCIF): "mmcif",
    (DataType.STRUCTURES, FileFormat.PDB): "pdb",
    (DataType.STRUCTURES, FileFormat.XML): "pdbml",
    (DataType.ASSEMBLIES, FileFormat.MMCIF): "assembly_mmcif",
    (DataType.BIOUNIT, FileFormat.PDB): "assembly_pdb",
    (DataType.STRUCTURE_FACTORS, FileFormat.MMCIF): "structure_factors",
    (DataType.VALIDATION, FileFormat.MMCIF): "validation_report",
    (DataType.VALIDATION, FileFormat.XML): "validation_report",
    (DataType.OBSOLETE, FileFormat.MMCIF): "mmcif",
    (DataType.OBSOLETE, FileFormat.PDB): "pdb",
    (DataType.OBSOLETE, FileFormat.XML): "pdbml",
}


def content_types(paths: Mapping[ArchiveFile, str]) -> dict[str, list[str]]:
    """Group the paths of one entry by content type, as ``current_file_holdings`` does."""
    grouped: dict[str, list[str]] = {}
    for file, path in paths.items():
        grouped.setdefault(CONTENT_TYPES[file.data_type, file.file_format], []).append(path)
    return grouped


def write_holdings(folder: Path, name: str, content: Mapping[str, Any], *, mtime_s: float) -> None:
    """Replace ``NAME.json.gz``: four blanks of indent, blanks around the colon, keys in order."""
    text = json.dumps(dict(sorted(content.items())), indent=4, separators=(",", " : ")) + "\n"
    path = folder / f"{name}.json.gz"
    new = path.with_name(f".{path.name}.new")
    folder.mkdir(parents=True, exist_ok=True)
    new.write_bytes(archive_gzip(text.encode(), name=f"{name}.json", mtime_s=int(mtime_s)))
    os.utime(new, (mtime_s, mtime_s))
    new.replace(path)
