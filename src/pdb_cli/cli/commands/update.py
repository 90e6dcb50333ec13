"""``pdb-cli update``: what is in the collection, brought up to the archive's state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pdb_cli.cli.collection_root import existing_root
from pdb_cli.cli.ids_options import GivenIds, only_ids_options, start_ids_job
from pdb_cli.cli.options import (
    DATA_TYPE,
    FILE_FORMAT,
    background_options_beside_force,
    mirror_option,
    output_option,
    transfers_option,
    wants_background,
)
from pdb_cli.cli.output import OutputMode
from pdb_cli.config.paths import cache_dir
from pdb_cli.errors import InvalidValueError
from pdb_cli.operations.update.model import ObsoleteAction, UpdateRequest
from pdb_cli.storage.destination import check_writable

if TYPE_CHECKING:
    from pdb_cli.cli.ids_input import IdsInput
    from pdb_cli.cli.session import Session

_REPORT_ENDINGS = (".md", ".json")


@click.command()
@only_ids_options
@click.option(
    "-t",
    "--type",
    "data_types",
    multiple=True,
    type=DATA_TYPE,
    help="Only this type of data; repeat it for several [default: all that is here].",
)
@click.option(
    "-f",
    "--format",
    "file_formats",
    multiple=True,
    type=FILE_FORMAT,
    help="Only this format; repeat it for several [default: all that is here].",
)
@mirror_option()
@click.option("-c", "--check", is_flag=True, help="Only say what is not up to date.")
@click.option("--exit-code", is_flag=True, help="With --check: exit 1 when a file is outdated.")
@click.option("--verify", is_flag=True, help="Also read every file here to its end.")
@click.option("--force", is_flag=True, help="Fetch all again, also what is up to date.")
@click.option(
    "--obsolete",
    type=click.Choice([str(item) for item in ObsoleteAction]),
    default=str(ObsoleteAction.REPORT),
    show_default=True,
    help="Leave files of obsolete entries, move them to structures/obsolete, or to the trash.",
)
@click.option("--follow-obsolete", is_flag=True, help="Fetch what supersedes obsolete entries.")
@click.option(
    "--report",
    type=click.Path(),
    metavar="FILE.md|.json",
    help="Write what has changed since the last report on this collection.",
)
@transfers_option("-j")
@click.option("--wait", is_flag=True, help="Wait while somebody else changes the collection.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("-P", "--progress", is_flag=True, help="A line for each file also in a pipe.")
@output_option(OutputMode.TEXT, OutputMode.JSON, OutputMode.CSV, OutputMode.IDS)
@background_options_beside_force
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Bring what is in the collection up to the archive's state.

    A few requests tell what is outdated, obsolete or gone, of IDS or of all entries here; files
    that are outdated are fetched again, in place. New entries are not added.
    """
    session: Session = context.obj
    background = wants_background(context)
    given = GivenIds.of(options)
    _check_flags(context, options, given, background=background)
    session.add_flags(options, {"parallel": "download.parallel", "mirrors": "mirror.default"})
    ids = given.read(session) if given else None
    request = _request(session, ids, options)
    report = _report_path(options)
    changes = not (options["check"] or options["dry_run"])
    if changes:
        check_writable(request.root)
    if background:
        return start_ids_job(session, context, ids, changes=request.root if changes else None)
    from pdb_cli.cli.update_run import UpdateRun  # noqa: PLC0415 - not with --bg

    run = UpdateRun(
        session,
        request,
        mode=options["mode"],
        report_path=report,
        every_line=options["progress"],
    )
    if options["check"] or options["dry_run"]:
        return run.check(exit_code=options["exit_code"], dry=options["dry_run"])
    return run.update(wait=options["wait"])


def _check_flags(
    context: click.Context, options: dict[str, Any], given: GivenIds, *, background: bool
) -> None:
    """Refuse flags that make no sense together."""
    if options["exit_code"] and not options["check"]:
        raise click.UsageError("--exit-code is for --check: add -c", context)
    if background and options["dry_run"]:
        raise click.UsageError("--dry-run only shows the plan; leave out --bg", context)
    if options["report"] is not None and given:
        text = "--report is about the whole collection: leave out the ids"
        raise click.UsageError(text, context)
    if options["report"] is not None and options["dry_run"]:
        text = "--report remembers what it has told, and --dry-run nothing: use --check"
        raise click.UsageError(text, context)


def _request(session: Session, ids: IdsInput | None, options: dict[str, Any]) -> UpdateRequest:
    """Make the request and check all that can be checked before anything starts."""
    settings = session.settings()
    root = existing_root(session)
    state_dir = root / ".pdb-cli"
    # A plan changes nothing, and a collection may be somebody else's.
    place = state_dir if state_dir.is_dir() else root
    is_ours = not options["dry_run"] and os.access(place, os.W_OK)
    return UpdateRequest(
        root=root,
        mirrors=settings.preferred_mirrors(),
        holdings_dir=(state_dir if is_ours else cache_dir(session.environ)) / "holdings",
        data_type_dirs=settings.paths.data_type_dirs,
        entries=None if ids is None else frozenset(ids.entries),
        types=frozenset(options["data_types"]) or None,
        formats=frozenset(options["file_formats"]) or None,
        verify=options["verify"],
        force=options["force"],
        obsolete=ObsoleteAction(options["obsolete"]),
        max_delete=settings.sync.max_delete,
        follow=options["follow_obsolete"],
        connections=settings.download.parallel,
    )


def _report_path(options: dict[str, Any]) -> Path | None:
    """Return the path of the report, once it is known that it can be written."""
    text = options["report"]
    if text is None:
        return None
    path = Path(text)
    if path.suffix.lower() not in _REPORT_ENDINGS:
        raise InvalidValueError("--report", text, "a file whose name ends in .md or .json")
    from pdb_cli.cli.download_files import check_output_file  # noqa: PLC0415 - seldom

    check_output_file(path)
    return path
