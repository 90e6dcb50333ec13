"""The command reference, from the parser."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click
from markdown_text import block, definition, escape

from pdb_cli.cli.app import application
from pdb_cli.cli.registry import COMMANDS, GLOBAL_OPTIONS, PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator


def global_options() -> Iterator[str]:
    """Yield the options that stand before the command."""
    for row in GLOBAL_OPTIONS:
        yield from definition(f"`{row.usage}`", escape(row.summary))


def commands() -> Iterator[str]:
    """Yield every command of the table, groups with all that is in them."""
    top = click.Context(application, info_name=PROGRAM, **application.context_settings)
    for row in COMMANDS:
        command = application.get_command(top, row.name)
        if command is None:
            raise LookupError(f"the table names a command that is not there: {row.name}")
        yield from _command(command, row.name, parent=top, aliases=row.aliases, depth=2)


def _command(
    command: click.Command,
    name: str,
    *,
    parent: click.Context,
    aliases: tuple[str, ...] = (),
    depth: int,
) -> Iterator[str]:
    """Yield one command, then those below it."""
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{'#' * depth} {context.command_path}"
    yield ""
    yield from block([command.get_usage(context).removeprefix("Usage: ")])
    if aliases:
        yield f"Also: {', '.join(f'`{PROGRAM} {alias}`' for alias in aliases)}."
        yield ""
    yield from _help_text(command.help or "")
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield from definition(f"`{record[0]}`", escape(record[1]))
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            if child is not None:
                yield from _command(child, child_name, parent=context, depth=depth + 1)


def _help_text(text: str) -> Iterator[str]:
    """Yield a help text; paragraphs that click leaves alone (backspace) are literal."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield from block(paragraph.removeprefix("\b").strip("\n").split("\n"))
        else:
            yield escape(" ".join(paragraph.split()))
            yield ""
