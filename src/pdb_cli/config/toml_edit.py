"""Setting one value in the text of a TOML file with the rest as it was.

New lines go where a person would put them: below the comment that shows the key's default, or in
a new table at the end. All other cases are tomlkit's. Whatever is tried, the result is parsed and
must differ in that one value only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pdb_cli.config.keys import KeyPath, WrongNameError, canonical
from pdb_cli.config.listing import toml_value
from pdb_cli.config.toml_file import ConfigText, parse_config
from pdb_cli.errors import SettingsError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.config.kinds import PlainValue


def with_value(config: ConfigText, path: KeyPath, value: PlainValue) -> str:
    """Return the text of a file with one value set.

    Parameters
    ----------
    config
        The file.
    path
        The key, with the names in it as the program uses them.
    value
        The value.

    Raises
    ------
    SettingsError
        The file has a value where the key needs a table, or is laid out in some other way that
        leaves no place for the key.
    """
    written = _as_written(config, path)
    expected = _with(config.document, written, value)
    for attempt in (_below_comment, _in_new_table, _by_tomlkit):
        after = attempt(config, written, value)
        if after is not None and _document(after) == expected:
            return after
    problem = "the file is laid out so that this key can not be set here; edit it by hand"
    raise config.error(written, problem)


def _below_comment(config: ConfigText, path: KeyPath, value: PlainValue) -> str | None:
    """Put a new key below the comment ``# key = ...`` of its table, if there is one."""
    *table, name = path
    line = config.lines.get(tuple(table))
    if line is None or path in config.lines:
        return None
    lines = re.findall(r"[^\n]*\n|[^\n]+", config.text)
    for index in range(line, len(lines)):
        if re.match(r"[ \t]*(#[ \t]*)?\[", lines[index]):
            return None
        if re.match(rf"[ \t]*#[ \t]*{re.escape(name)}[ \t]*=", lines[index]):
            lines[index] = lines[index].rstrip("\r\n") + _line_end(config)
            lines.insert(index + 1, _assignment(config, name, value))
            return "".join(lines)
    return None


def _in_new_table(config: ConfigText, path: KeyPath, value: PlainValue) -> str | None:
    """Add a table at the end when the key's table is not there yet."""
    *table, name = path
    if tuple(table) in config.lines:
        return None
    end = _line_end(config)
    text = config.text
    if text:
        text = text.rstrip("\r\n") + end + end
    return f"{text}[{'.'.join(table)}]{end}{_assignment(config, name, value)}"


def _by_tomlkit(config: ConfigText, path: KeyPath, value: PlainValue) -> str:
    """Let tomlkit replace the value, or add it where it sees fit."""
    import tomlkit

    document = tomlkit.parse(config.text)
    table: Any = document
    for name in path[:-1]:
        if name not in table:
            table[name] = tomlkit.table()
        table = table[name]
    table[path[-1]] = value
    return tomlkit.dumps(document)


def _assignment(config: ConfigText, name: str, value: PlainValue) -> str:
    """Return the line that sets a key."""
    return f"{name} = {toml_value(value)}{_line_end(config)}"


def _line_end(config: ConfigText) -> str:
    """Return how lines of the file end."""
    return "\r\n" if "\r\n" in config.text else "\n"


def _document(text: str) -> dict[str, Any] | None:
    """Parse an attempt; None when it is not TOML."""
    try:
        return parse_config(text, "").document
    except SettingsError:
        return None


def _as_written(config: ConfigText, path: KeyPath) -> KeyPath:
    """Return a key as the file spells it: the names in it may be aliases or in capitals."""
    written: KeyPath = ()
    table: object = config.document
    for depth, name in enumerate(path, start=1):
        if not isinstance(table, dict):
            raise config.error(written, "expected a table, not a value")
        spelled = (other for other in table if _means((*written, other), path[:depth]))
        written = (*written, next(spelled, name))
        table = table.get(written[-1], {})
    return written


def _means(written: KeyPath, path: KeyPath) -> bool:
    """Tell whether a key of the file is the given one."""
    try:
        return canonical(written) == path
    except (WrongNameError, UnknownNameError):
        return False


def _with(table: Mapping[str, Any], path: KeyPath, value: object) -> dict[str, Any]:
    """Return nested tables with one value changed."""
    name, *rest = path
    new = _with(table.get(name, {}), tuple(rest), value) if rest else value
    return {**table, name: new}
