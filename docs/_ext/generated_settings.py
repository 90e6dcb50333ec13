"""The settings, from the table of keys, with a mark for those that do nothing yet."""

from __future__ import annotations

import ast
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from markdown_text import definition, escape

import pdb_cli
from pdb_cli.cli.app import application
from pdb_cli.cli.registry import MODULES
from pdb_cli.config.keys import ANY, KEYS
from pdb_cli.config.listing import list_settings, toml_value
from pdb_cli.config.load import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.config.keys import Key, KeyPath

_PACKAGE: Final = Path(pdb_cli.__file__).parent

_READ_THROUGH: Final[dict[KeyPath, str]] = {
    ("mirrors", ANY, "https"): "url",
    ("mirrors", ANY, "rsync"): "rsync",
    ("mirrors", ANY, "layout"): "url",
    ("mirrors", ANY, "bcif"): "url",
}
"""Keys that the program does not read by their own name, and the attribute that does it."""


def sections() -> Iterator[str]:
    """Yield every section with its keys."""
    section = ""
    for key in KEYS:
        if _section(key) != section:
            section = _section(key)
            yield f"## `[{section}]`"
            yield ""
        yield from definition(f"`{key.path[-1]}`".replace(ANY, "TYPE"), *_paragraphs(key))


def keys_without_effect() -> Iterator[str]:
    """Yield the list of keys that are read and checked and change nothing yet."""
    for section in dict.fromkeys(_section(key) for key in KEYS):
        keys = [key for key in KEYS if _section(key) == section]
        idle = [key for key in keys if not has_effect(key.path)]
        if idle and len(idle) == len(keys):
            yield f"- `[{section}]`: all keys"
        elif idle:
            names = ", ".join(f"`{key.path[-1]}`" for key in idle)
            yield f"- `[{section}]`: {names}"
    yield ""


def has_effect(path: KeyPath, package: Path = _PACKAGE) -> bool:
    """Tell whether any module reads a setting in order to do something.

    A module reads ``download.parallel`` when it has the attribute ``.parallel`` somewhere and the
    attribute ``.download`` too. That is a rule of thumb; the tests compare it with what is known.

    Parameters
    ----------
    path
        The key, as in ``pdb_cli.config.keys``.
    package
        The directory of the package.
    """
    through = _READ_THROUGH.get(path)
    wanted = {through} if through else {name for name in path if name != ANY}
    return any(wanted <= attributes for attributes in _attributes_by_module(package))


def _paragraphs(key: Key) -> Iterator[str]:
    """Yield what there is to say about one key."""
    mark = "" if has_effect(key.path) else "**No effect yet.** "
    yield mark + escape(key.summary)
    facts = [f"Value: {escape(key.kind.expected)}."]
    if key.name in _defaults():
        facts.append(f"Default: `{_defaults()[key.name]}`.")
    if key.variable is not None:
        facts.append(f"Environment: `{key.variable}`.")
    if key.flag is not None and key.flag in _flags(key.path[0]):
        facts.append(f"Option: `{key.flag}`.")
    yield " ".join(facts)


def _section(key: Key) -> str:
    """Return the TOML table a key stands in."""
    *tables, _ = key.path
    return ".".join("NAME" if name == ANY else name for name in tables)


@cache
def _defaults() -> dict[str, str]:
    """Return the defaults as TOML has them; keys below names that users choose have none."""
    settings = load_settings(environ={"HOME": os.devnull})
    return {row.key: toml_value(row.value) for row in list_settings(settings)}


@cache
def _flags(section: str) -> frozenset[str]:
    """Return the options of the command a section belongs to; of all for general sections."""
    top = click.Context(application)
    known: set[str] = set()
    commands: list[click.Command] = [application] if section in {"paths", "mirror"} else []
    for name in MODULES:
        command = application.get_command(top, name)
        if command is not None and (name == section or section in {"paths", "mirror"}):
            commands.append(command)
    for command in commands:
        for parameter in command.params:
            known.update([*parameter.opts, *parameter.secondary_opts])
    return frozenset(known)


@cache
def _attributes_by_module(package: Path) -> tuple[frozenset[str], ...]:
    """Return the attribute names that each module uses, those left out that only hold knowledge."""
    modules = [path for path in sorted(package.rglob("*.py")) if path.parent.name != "archive"]
    return tuple(
        frozenset(
            node.attr
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
        )
        for path in modules
    )
