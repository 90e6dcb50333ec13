"""What all errors have in common, and the one about files."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class PdbCliError(Exception):
    """Base of every error raised on purpose by pdb-cli."""

    transient: ClassVar[bool] = False
    """Whether trying again may help."""


class FileAccessError(PdbCliError):
    """The operating system refused to do something with a file."""

    def __init__(self, action: str, path: Path, reason: str, errno: int | None = None) -> None:
        super().__init__(action, path, reason, errno)
        self.action = action
        """What was tried, as a verb: ``read``, ``write``, ``create``."""
        self.path = path
        self.reason = reason
        self.errno = errno

    @classmethod
    def wrap(cls, action: str, path: Path, error: OSError) -> FileAccessError:
        """Build one from an ``OSError``, to be raised ``from`` it."""
        return cls(action, path, error.strerror or str(error), error.errno)
