"""The settings as rows, for showing them: plain values by dotted key, with their origins."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from pdb_cli.archive.mirrors import BUILTIN_MIRRORS, RsyncRoot
from pdb_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from pdb_cli.config.kinds import PlainValue
    from pdb_cli.config.settings import Origin, Settings


class SettingRow(NamedTuple):
    """One setting."""

    key: str
    """Dotted."""
    value: PlainValue
    origin: Origin

    def toml(self) -> str:
        """Return the row as a line that a configuration file may hold."""
        return f"{self.key} = {toml_value(self.value)}"


def list_settings(settings: Settings) -> list[SettingRow]:
    """Return every setting that has a value, in the order of the documentation.

    Parameters
    ----------
    settings
        The settings.

    Examples
    --------
    >>> from pdb_cli.config.load import load_settings
    >>> rows = list_settings(load_settings(environ={"HOME": "/nowhere"}))
    >>> next(row.toml() for row in rows if row.key == "mirror.default")
    'mirror.default = ["rcsb", "pdbj", "wwpdb"]'
    """
    return [
        SettingRow(key, _look_up(settings, key), origin) for key, origin in settings.origins.items()
    ]


def get_value(settings: Settings, key: str) -> PlainValue:
    """Return the value of one setting; also of a built-in mirror's fields.

    Parameters
    ----------
    settings
        The settings.
    key
        Dotted: ``download.parallel``, ``mirrors.rcsb.https``.

    Raises
    ------
    UnknownNameError
        There is no such setting, or it has no value.
    """
    builtin = [f"mirrors.{name}.{leaf}" for name in BUILTIN_MIRRORS for leaf in _MIRROR_FIELDS]
    if key not in settings.origins and key not in builtin:
        raise UnknownNameError("setting", key, tuple(settings.origins))
    return _look_up(settings, key)


def toml_value(value: PlainValue) -> str:
    r"""Return a value as TOML writes it.

    Parameters
    ----------
    value
        The value.

    Examples
    --------
    >>> toml_value(["a", 'b"c']), toml_value(True), toml_value(10.0)
    ('["a", "b\\"c"]', 'true', '10')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    import json  # noqa: PLC0415 - not on the way of other commands

    # JSON's strings and lists of strings are TOML's too, but for DEL, which no setting holds.
    return json.dumps(value, ensure_ascii=False)


_MIRROR_FIELDS = ("https", "rsync", "layout", "bcif")


def _look_up(settings: Settings, key: str) -> PlainValue:
    """Follow a dotted key into the settings."""
    found: object = settings
    for name in key.split("."):
        if found is settings and name == "mirrors":
            found = {**BUILTIN_MIRRORS, **settings.mirrors}
        else:
            found = found[name] if isinstance(found, Mapping) else getattr(found, name)
    return _plain(found)


def _plain(value: object) -> PlainValue:
    """Return a setting's value without the program's own types."""
    match value:
        case None:
            return ""
        case StrEnum() | PurePath() | RsyncRoot():
            return str(value)
        case bool() | int() | float() | str():
            return value
        case tuple():
            return [str(item) for item in value]
        case _:
            raise TypeError(f"no setting is a {type(value).__name__}")
