"""Keep a local collection of Protein Data Bank files, correct and current.

The names below are the public API; each is imported from its module when first used, so that
``import pdb_cli`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli._version import __version__

if TYPE_CHECKING:
    from pdb_cli.archive.ids import EntryId

_HOME = {
    "EntryId": "pdb_cli.archive.ids",
}

__all__ = ["EntryId", "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a public name is used

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
