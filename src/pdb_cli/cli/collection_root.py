"""The root of the collection a command looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.config.settings import OriginKind
from pdb_cli.errors import InvalidValueError, NoCollectionError

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.config.settings import Settings

_KEY = "paths.pdb_dir"


def existing_root(settings: Settings) -> Path:
    """Return the root of the collection, which must be there.

    Parameters
    ----------
    settings
        Those of this run.

    Raises
    ------
    NoCollectionError
        None is set up.
    InvalidValueError
        It is no directory; the error names what said so: the flag, the variable, or the file.
    """
    root = settings.paths.pdb_dir
    if root is None:
        raise NoCollectionError
    if not root.is_dir():
        origin = settings.origins[_KEY]
        name = f"{origin.detail}: {_KEY}" if origin.kind is OriginKind.FILE else origin.detail
        expected = "a collection that is there; 'pdb-cli download' or 'pdb-cli sync' makes one"
        raise InvalidValueError(name, str(root), expected)
    return root
