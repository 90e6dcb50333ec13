"""Reading the configuration file: from bytes to keys with values and line numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pdb_cli.config.keys import (
    KeyPath,
    WrongNameError,
    canonical,
    find_key,
    is_section,
    nearest_key,
    nearest_name,
)
from pdb_cli.errors import FileAccessError, SettingsError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BYTE_ORDER_MARK = "\ufeff"


class Assignment(NamedTuple):
    """One key with a value in a file."""

    path: KeyPath
    """With the names as the program uses them."""
    written: KeyPath
    """With the names as they stand in the file."""
    value: object


class ConfigText(NamedTuple):
    """A configuration file's text, parsed."""

    origin: str
    """The file's path, for messages."""
    text: str
    document: dict[str, Any]
    lines: dict[KeyPath, int]
    """From a key as written to its line."""

    def assignments(self) -> Iterator[Assignment]:
        """Yield the keys that have a value, in the order of the file.

        Raises
        ------
        SettingsError
            A key is not known, or is a table where a value belongs or the reverse.
        """
        return self._walk(self.document, ())

    def tables(self, *section: str) -> list[KeyPath]:
        """Return the paths of the tables in a section, empty ones too, as written."""
        table = self.document
        for name in section:
            table = table.get(name, {})
        return [(*section, name) for name in table]

    def canonical(self, path: KeyPath) -> KeyPath:
        """Return a key of this file with the names in it as the program uses them.

        Raises
        ------
        SettingsError
            A name in it is not acceptable.
        """
        try:
            return canonical(path)
        except WrongNameError as error:
            raise self.error(path, error.problem, error.suggestion) from error
        except UnknownNameError as error:
            near = nearest_name(error.name, error.known)
            raise self.error(path, f"no {error.kind} {error.name!r}", near) from error

    def error(self, path: KeyPath, problem: str, suggestion: str | None = None) -> SettingsError:
        """Return the error for a key of this file, with its line."""
        from pdb_cli.config.locate import locate  # noqa: PLC0415 - only for a mistake

        return SettingsError(
            self.origin, locate(self.lines, path), ".".join(path), problem, suggestion
        )

    def _walk(self, table: dict[str, Any], prefix: KeyPath) -> Iterator[Assignment]:
        """Yield the assignments in a table and the tables below it."""
        for name, value in table.items():
            path = (*prefix, name)
            if find_key(path) is not None:
                yield Assignment(self.canonical(path), path, value)
            elif not is_section(path):
                raise self.error(path, "unknown key", nearest_key(path))
            elif not isinstance(value, dict):
                raise self.error(path, "expected a table, not a value")
            else:
                self.canonical(path)
                yield from self._walk(value, path)


def read_config_text(path: Path) -> str | None:
    """Read a configuration file without changing its line ends; a byte order mark goes.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str or None
        The text; None when there is no such file.

    Raises
    ------
    FileAccessError
        It can not be read.
    SettingsError
        It is not UTF-8 text.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        # The second: HOME=/dev/null, as service accounts have it.
        return None
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error
    try:
        return data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(str(path), line, None, "not UTF-8 text") from error


def parse_config(text: str, origin: str) -> ConfigText:
    """Parse the text of a configuration file.

    Parameters
    ----------
    text
        The text.
    origin
        Where it is from, for messages.

    Raises
    ------
    SettingsError
        It is not TOML; with the line where it stops to be.
    """
    import tomllib

    from pdb_cli.config.locate import key_lines  # noqa: PLC0415 - only when there is a file

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message, line = _where(str(error), text)
        raise SettingsError(origin, line, None, f"not TOML: {message}") from error
    return ConfigText(origin, text, document, key_lines(text))


def _where(message: str, text: str) -> tuple[str, int]:
    """Split "what (at line 3, column 1)"."""
    match = re.fullmatch(r"(.*) \(at (?:line ([0-9]+), column [0-9]+|end of document)\)", message)
    if match is None:
        return message, 1
    return match[1], int(match[2]) if match[2] else text.count("\n") + 1
