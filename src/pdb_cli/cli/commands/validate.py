"""``pdb-cli validate``: see whether the files that are here are what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdb_cli.cli.collection_root import existing_root
from pdb_cli.cli.durations import parse_duration
from pdb_cli.cli.ids_options import GivenIds, only_ids_options, start_ids_job
from pdb_cli.cli.options import (
    DATA_TYPE,
    FILE_FORMAT,
    background_options,
    mirror_option,
    output_option,
    wants_background,
)
from pdb_cli.cli.output import OutputMode

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session

_LEVELS = ("size", "gzip", "content", "hash")


@click.command()
@only_ids_options
@click.option(
    "-t", "--type", "data_types", multiple=True, type=DATA_TYPE, help="Only this type of data."
)
@click.option(
    "-f", "--format", "formats", multiple=True, type=FILE_FORMAT, help="Only this format."
)
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="content",
    show_default=True,
    help="How closely to look; each level includes those before it.",
)
@click.option("--fix", is_flag=True, help="Fetch bad files again; each stays until then.")
@mirror_option("With --fix: mirror; repeat it to name the next to try.")
@click.option("--wait", is_flag=True, help="With --fix: wait while another command has the files.")
@click.option("--record", is_flag=True, help="Make records for good files that have none.")
@click.option("--errors-only", is_flag=True, help="Only list files with defects.")
@click.option(
    "--since",
    metavar="DURATION",
    help="Skip files that passed this level since, such as 30d or 12h.",
)
@click.option(
    "-j",
    "--parallel",
    "workers",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Files looked at at once [default: one per processor].",
)
@click.option("-P", "--progress", is_flag=True, help="Show progress also without a terminal.")
@output_option(OutputMode.TEXT, OutputMode.JSON, OutputMode.CSV, OutputMode.IDS)
@background_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Look at the files of the collection: all, or those of IDS.

    The level size compares lengths with what was recorded; gzip inflates every file to its end;
    content also sees whether it is of the right kind and entry, and complete; hash compares it
    with the SHA-256 that was recorded when it arrived. Running the same command again goes on
    where it was stopped.
    """
    session: Session = context.obj
    background = wants_background(context)
    for name in ("mirrors", "wait"):
        if options[name] and not options["fix"]:
            flag = "-m" if name == "mirrors" else "--wait"
            raise click.UsageError(f"{flag} is for what is fetched again: add --fix", context)
    session.add_flags(options, {"mirrors": "mirror.default"})
    settings = session.settings()
    since_s = None
    if options["since"] is not None:
        since_s = parse_duration(options["since"], name="--since")
    root = existing_root(session)
    given = GivenIds.of(options)
    ids = given.read(session) if given else None
    if options["fix"]:
        from pdb_cli.storage.destination import check_writable  # noqa: PLC0415 - only to fix

        for place in dict.fromkeys((root, *settings.paths.data_type_dirs.values())):
            check_writable(place)
    if background:
        return start_ids_job(session, context, ids, changes=root if options["fix"] else None)
    from pdb_cli.cli.validate_run import run  # noqa: PLC0415 - not with --bg

    return run(session, root, ids, since_s=since_s, options=options)
