"""A collection on the disk: its root, and the types of data that are kept elsewhere."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.storage.state_dir import STATE_DIR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pdb_cli.archive.datatypes import DataType


class Collection(NamedTuple):
    """Where the files of a collection are.

    Paths of files are written relative to the root, with ``/``, as ``collection_path`` gives them,
    also for a type that is kept elsewhere: only :meth:`locate` knows the difference.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pdb_cli.archive.datatypes import DataType
    >>> here = Collection(Path("/data/pdb"), {DataType.ASSEMBLIES: Path("/big")})
    >>> here.locate("assemblies/mmCIF/divided/ab/1abc-assembly1.cif.gz", DataType.ASSEMBLIES)
    PosixPath('/big/mmCIF/divided/ab/1abc-assembly1.cif.gz')
    """

    root: Path
    """``$PDB_DIR``."""
    data_type_dirs: Mapping[DataType, Path] = MappingProxyType({})
    """Types that live elsewhere: the directory stands for the first part of their paths."""

    @property
    def state_dir(self) -> Path:
        """Where pdb-cli keeps what it knows of the collection; it need not exist."""
        return self.root / STATE_DIR

    def locate(self, path: str, data_type: DataType) -> Path:
        """Return where a file is on the disk.

        Parameters
        ----------
        path
            Relative to the collection, with ``/``.
        data_type
            What it holds.
        """
        elsewhere = self.data_type_dirs.get(data_type)
        return self.root / path if elsewhere is None else elsewhere / path.partition("/")[2]
