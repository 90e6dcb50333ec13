"""One value that one source gives for one setting: checked, or refused in that source's words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.config.keys import Key, KeyPath, nearest_name
from pdb_cli.config.kinds import REFUSALS, RetiredEndpointError
from pdb_cli.config.paths import home_dir
from pdb_cli.config.settings import Origin, OriginKind
from pdb_cli.errors import InvalidValueError, SettingsError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.config.toml_file import ConfigText
    from pdb_cli.errors import PdbCliError

_LONGEST_SHOWN = 40


class Given(NamedTuple):
    """A value that one source gives for one key."""

    path: KeyPath
    """With the names as the program uses them."""
    key: Key
    """The row of the table."""
    raw: object
    """The value as it came."""
    origin: Origin
    file: ConfigText | None = None
    """The file, when it comes from one."""
    written: KeyPath = ()
    """The key as it stands in the file."""

    def value(self, environ: Mapping[str, str]) -> Any:
        """Return the value as the program uses it.

        Parameters
        ----------
        environ
            Where ``~`` is.

        Raises
        ------
        SettingsError
            It is not acceptable and comes from a file or the environment.
        InvalidValueError, UnknownNameError
            It is not acceptable and comes from a flag.
        """
        try:
            value = self.key.kind.read(self.raw)
            return self._expanded(value, environ) if isinstance(value, Path) else value
        except REFUSALS as error:
            raise self.refusal(error) from error

    def refusal(self, error: Exception) -> PdbCliError:
        """Return the error that tells a user what is wrong with the value, and where it stands.

        Parameters
        ----------
        error
            One of ``kinds.REFUSALS``.
        """
        expected = self.key.kind.expected
        problem, suggestion = f"expected {expected}, not {_shown(self.raw)}", None
        if isinstance(error, RetiredEndpointError):
            problem = str(error)
        elif isinstance(error, UnknownNameError):
            problem = f"no {error.kind} {error.name!r}"
            suggestion = nearest_name(error.name, error.known)
        if self.file is not None:
            return self.file.error(self.written, problem, suggestion)
        if self.origin.kind is OriginKind.ENVIRONMENT:
            origin = f"environment variable {self.origin.detail}"
            return SettingsError(origin, None, ".".join(self.path), problem, suggestion)
        if isinstance(error, UnknownNameError):
            return UnknownNameError(error.kind, error.name, error.known)
        if isinstance(error, RetiredEndpointError):
            return SettingsError(self.origin.detail, None, None, problem)
        return InvalidValueError(self.origin.detail, _masked(str(self.raw)), expected)

    def _expanded(self, path: Path, environ: Mapping[str, str]) -> Path:
        """Expand ``~``; a path in a file must not depend on where the command is run."""
        first = path.parts[0] if path.parts else ""
        if first == "~":
            path = home_dir(environ).joinpath(*path.parts[1:])
        elif first.startswith("~"):
            try:
                path = path.expanduser()
            except RuntimeError as error:
                raise ValueError(str(path)) from error
        if self.file is not None and not path.is_absolute():
            raise ValueError(str(path))
        return path


def _masked(text: str) -> str:
    """Take user names and passwords out, whatever wrong they have done to the URL."""
    return re.sub(r"(?s)://.*@", "://***@", text)


def _shown(value: object) -> str:
    """Return a value as the file would have it, cut to a readable length."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    text = _masked(repr(value))
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
