"""``pdb-cli config``: show, check and change the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.options import output_option
from pdb_cli.cli.output import OutputMode, write_document
from pdb_cli.config.edit import set_value, write_starter
from pdb_cli.config.keys import ANY, KEYS, find_key
from pdb_cli.config.listing import SettingRow, get_value, list_settings
from pdb_cli.config.load import check_file
from pdb_cli.config.paths import config_file
from pdb_cli.jobs.redact import redact

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session


@click.group()
def command() -> None:
    """Show, check and change the settings.

    A KEY is dotted, such as download.parallel or mirrors.lab.https.
    """


@command.command()
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.pass_obj
def init(session: Session, *, force: bool) -> int:
    """Write a commented starter file, and say where."""
    path = _path(session)
    write_starter(path, force=force)
    session.say(f"wrote {path}")
    return ExitCode.DONE


@command.command()
@click.option("--sources", is_flag=True, help="Tell where each value comes from.")
@output_option(OutputMode.TEXT, OutputMode.JSON)
@click.pass_obj
def show(session: Session, *, sources: bool, mode: OutputMode) -> int:
    """Show every setting as it counts in this run."""
    rows = list_settings(session.settings())
    if mode is OutputMode.JSON:
        write_document({row.key: _document(row) if sources else _shown(row) for row in rows})
        return ExitCode.DONE
    lines = [redact(row.toml()) for row in rows]
    width = max(map(len, lines))
    for line, row in zip(lines, rows, strict=True):
        click.echo(f"{line:<{width}}  # {row.origin}" if sources else line)
    return ExitCode.DONE


def _complete_key(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Complete a key's name."""
    names = (key.name for key in KEYS if ANY not in key.path)
    return [name for name in names if name.startswith(incomplete)]


@command.command()
@click.argument("key", shell_complete=_complete_key)
@click.pass_obj
def get(session: Session, key: str) -> int:
    """Print one value, in the form that 'set' takes."""
    value = get_value(session.settings(), key)
    if isinstance(value, bool):
        value = str(value).lower()
    click.echo(",".join(value) if isinstance(value, list) else value)
    return ExitCode.DONE


@command.command("set")
@click.argument("key", shell_complete=_complete_key)
@click.argument("value")
@click.pass_obj
def set_(session: Session, key: str, value: str) -> int:
    """Set one value in the config file; comments and order stay.

    A list is written with commas: pdb-cli config set mirror.default rcsb,pdbj
    """
    path = _path(session)
    set_value(path, key, value, environ=session.environ)
    found = find_key(tuple(key.split(".")))
    mark = "" if found is None or found.has_effect else "; it has no effect yet"
    session.say(f"set {key} in {path}{mark}")
    return ExitCode.DONE


@command.command("path")
@click.pass_obj
def path_(session: Session) -> int:
    """Print the path of the config file, whether or not it exists."""
    click.echo(_path(session))
    return ExitCode.DONE


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def validate(session: Session, file: Path | None) -> int:
    """Check a config file by itself [default: the one in use]."""
    path = file or _path(session)
    check_file(path, environ=session.environ)
    session.say(f"{path}: valid")
    return ExitCode.DONE


def _path(session: Session) -> Path:
    """Return the path of the file that this run uses."""
    return session.config_path or config_file(session.environ)


def _document(row: SettingRow) -> dict[str, object]:
    """Return a setting with its origin, for JSON."""
    return {"value": _shown(row), "source": str(row.origin.kind), "detail": row.origin.detail}


def _shown(row: SettingRow) -> object:
    """Return a value without user names and passwords in it."""
    return redact(row.value) if isinstance(row.value, str) else row.value
