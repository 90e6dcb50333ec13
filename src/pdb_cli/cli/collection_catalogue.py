"""The catalogue of the user's own collection, for commands that put files there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pdb_cli.events import ignore_event
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.download.request import Arrangement
from pdb_cli.storage.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.cli.session import Session
    from pdb_cli.events import Observer
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.download.request import Destination


@contextmanager
def open_for(
    session: Session,
    destination: Destination,
    *,
    writable: bool,
    observe: Observer = ignore_event,
) -> Iterator[Catalogue | None]:
    """Open the catalogue if files go into the collection; a directory of their own has none.

    Parameters
    ----------
    session
        This run.
    destination
        Where files go.
    writable, observe
        As of :func:`pdb_cli.index.catalogue.open_catalogue`.

    Yields
    ------
    Catalogue or None
        Saved and closed at the end.
    """
    is_own = destination.root == session.settings().paths.pdb_dir
    if not is_own or destination.arrangement is not Arrangement.DIVIDED:
        yield None
        return
    collection = Collection(destination.root, destination.data_type_dirs)
    with open_catalogue(collection, writable=writable, observe=observe) as catalogue:
        yield catalogue
