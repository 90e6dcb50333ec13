"""``pdb-cli index``: what the catalogue of the collection knows, and to make it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdb_cli.cli.collection_root import existing_root
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.options import output_option
from pdb_cli.cli.output import OutputMode, write_document
from pdb_cli.events import Note
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.storage.collection import Collection

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session
    from pdb_cli.events import Event
    from pdb_cli.index.catalogue import Catalogue, Refreshed


@click.group(invoke_without_command=True)
@output_option(OutputMode.TEXT, OutputMode.JSON)
@click.pass_context
def command(context: click.Context, *, mode: OutputMode) -> int:
    """Show what the catalogue of the collection knows, or make it anew.

    The catalogue is in .pdb-cli/ below the collection's root. It saves reading the tree and the
    files again; nothing in it is needed.
    """
    if context.invoked_subcommand is not None:
        return ExitCode.DONE
    session: Session = context.obj
    with _open(session) as catalogue:
        refreshed = catalogue.refresh()
        row = _row(catalogue, refreshed)
    if mode is OutputMode.JSON:
        write_document(row)
    else:
        other = f" ({row['other']} with other names than the archive's)" if row["other"] else ""
        click.echo(
            f"{row['files']} files{other} in {row['directories']} directories, "
            f"{row['records']} with a record of verification, {row['gone']} gone"
        )
    return _finish(session, refreshed)


@command.command()
@click.pass_obj
def rebuild(session: Session) -> int:
    """Make the catalogue anew from the tree.

    Records that can be read are kept. Never needed, unless files were changed in place, or the
    catalogue is of a newer version.
    """
    with _open(session) as catalogue:
        refreshed = catalogue.rebuild()
        records = sum(1 for _ in catalogue.all_records())
    if refreshed.saved:
        session.say(f"catalogue made anew: {refreshed.files} files, {records} records kept")
    return _finish(session, refreshed) if refreshed.saved else ExitCode.FAILED


def _open(session: Session) -> Catalogue:
    """Open the catalogue of the user's collection."""
    settings = session.settings()
    root = existing_root(session)

    def observe(event: Event) -> None:
        if isinstance(event, Note):
            session.complain(event.text)

    return open_catalogue(Collection(root, settings.paths.data_type_dirs), observe=observe)


def _row(catalogue: Catalogue, refreshed: Refreshed) -> dict[str, Any]:
    """Return what there is to be said."""
    return {
        "files": refreshed.files,
        "other": sum(1 for _ in catalogue.other_files()),
        "directories": refreshed.directories,
        "directories_read": refreshed.directories_read,
        "records": sum(1 for _ in catalogue.all_records()),
        "gone": sum(1 for _ in catalogue.gone()),
        "unreadable": [path for path, _ in refreshed.unreadable],
        "saved": refreshed.saved,
    }


def _finish(session: Session, refreshed: Refreshed) -> int:
    """Say what could not be read."""
    for path, reason in refreshed.unreadable:
        session.complain(f"can not read {path}: {reason}; what is in it is not known")
    return ExitCode.PARTIAL if refreshed.unreadable else ExitCode.DONE
