"""What was asked for can not be understood."""

from __future__ import annotations

from typing import NamedTuple

from pdb_cli.errors.base import PdbCliError


class UsageError(PdbCliError):
    """What was asked for can not be understood; nothing was started."""


class InvalidId(NamedTuple):
    """A text that is not an entry id, and where it stood."""

    text: str
    """The text as given."""
    source: str
    """Where it came from: ``arguments``, ``stdin`` or the path of a list."""
    line: int | None
    """Line number in the source, from 1; None for arguments."""


class InvalidIdsError(UsageError):
    """Some of the given ids are not PDB ids; all of them are reported at once."""

    def __init__(self, invalid: tuple[InvalidId, ...]) -> None:
        super().__init__(invalid)
        self.invalid = invalid


class EmptyListError(UsageError):
    """No id was given at all."""

    def __init__(self, source: str | None) -> None:
        super().__init__(source)
        self.source = source
        """The list that held no id; None when neither arguments nor lists were given."""


class UnknownNameError(UsageError):
    """A name is not one of the known ones (mirror, data type, format, layout, setting)."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(kind, name, known)
        self.kind = kind
        self.name = name
        self.known = known


class UnsupportedError(UsageError):
    """A combination that the archive does not offer, such as assemblies as PDBML."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(subject, reason)
        self.subject = subject
        self.reason = reason


class InvalidValueError(UsageError):
    """The value of an option or argument is not acceptable."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected


class SettingsError(UsageError):
    """A setting is unknown or has a wrong value."""

    def __init__(
        self,
        origin: str,
        line: int | None,
        key: str | None,
        problem: str,
        suggestion: str | None = None,
    ) -> None:
        super().__init__(origin, line, key, problem, suggestion)
        self.origin = origin
        """The configuration file's path, or ``environment variable NAME``."""
        self.line = line
        self.key = key
        """Dotted key, such as ``download.parallel``; None when the file is not TOML."""
        self.problem = problem
        self.suggestion = suggestion
        """The nearest known key, if one is near."""


class BatchAllocationError(UsageError):
    """A background job would live inside a batch allocation, and end with it."""

    def __init__(self, scheduler: str, option: str = "--force") -> None:
        super().__init__(scheduler, option)
        self.scheduler = scheduler
        """Whose allocation it is, such as ``Slurm``."""
        self.option = option
        """What starts it all the same."""


class NoCollectionError(UsageError):
    """The command works on a collection, and none is set up."""
