"""The root of the collection a command looks at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.config.settings import OriginKind
from pdb_cli.errors import InvalidValueError, NoCollectionError

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session

_KEY = "paths.pdb_dir"


def existing_root(session: Session) -> Path:
    """Return the root of the collection, which must be there.

    Parameters
    ----------
    session
        This run.

    Raises
    ------
    NoCollectionError
        None is set up.
    InvalidValueError
        It is no directory; the error names what said so: the flag, the variable, or the file.
    UnsafeTreeError
        It was here, and has gone as a whole.
    """
    settings = session.settings()
    root = settings.paths.pdb_dir
    if root is None:
        raise NoCollectionError
    check_mounted(session, root)
    if not root.is_dir():
        origin = settings.origins[_KEY]
        name = f"{origin.detail}: {_KEY}" if origin.kind is OriginKind.FILE else origin.detail
        expected = "a collection that is there; 'pdb-cli download' or 'pdb-cli sync' makes one"
        raise InvalidValueError(name, str(root), expected)
    return root


def check_mounted(session: Session, root: Path) -> None:
    """See that the collection has not gone as a whole, as with a disk that is not mounted.

    Parameters
    ----------
    session
        This run.
    root
        The collection's.

    Raises
    ------
    UnsafeTreeError
        It has.
    """
    from pdb_cli.cli.collection import known_roots  # noqa: PLC0415 - not for every download

    # As sync noted it: links stay as they are.
    place = Path(os.path.abspath(root))  # noqa: PTH100
    known_roots(session).check(place, can_trust=False)
