"""Files of a collection as ``validate`` is given them."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from pdb_cli.archive.identify import identify
from pdb_cli.index.model import CatalogueFile, Level, Record
from pdb_cli.operations.validate.model import CollectedFile

if TYPE_CHECKING:
    from pathlib import Path

RECORDED_AT_S = 1_790_000_000.0


def collected(path: Path, *, record: Record | None = None) -> CollectedFile:
    """Return a file as the catalogue tells of it."""
    known = identify(path)
    if known is None:
        raise AssertionError(f"{path} is not a file of the archive")
    file, layout = known
    status = path.stat()
    return CollectedFile(
        CatalogueFile(
            path.name,
            file.entry.extended,
            file.data_type,
            file.file_format,
            file.assembly,
            layout,
            status.st_size,
            status.st_mtime_ns,
        ),
        path,
        record,
    )


def record_of(path: Path) -> Record:
    """Return the record of a file as it is now."""
    status = path.stat()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Record(
        path.name,
        status.st_size,
        status.st_mtime_ns,
        Level.CONTENT,
        RECORDED_AT_S,
        sha256=digest,
        ctime_ns=status.st_ctime_ns,
    )


def overwrite(path: Path, data: bytes, *, keep_time: bool = False) -> None:
    """Write to a file in place; ``keep_time`` as a failing disk does it, else a second later."""
    status = path.stat()
    path.write_bytes(data)
    later_ns = status.st_mtime_ns + (0 if keep_time else 1_000_000_000)
    os.utime(path, ns=(status.st_atime_ns, later_ns))
