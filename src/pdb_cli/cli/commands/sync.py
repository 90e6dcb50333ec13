"""``pdb-cli sync``: keep directories of the archive as a mirror has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.sync_targets import BUILTIN_TARGETS
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.options import (
    SECONDS,
    background_options,
    mirror_option,
    output_option,
    retry_option,
    split_names,
    wants_background,
)
from pdb_cli.cli.output import OutputMode

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from pdb_cli.cli.session import Session

_FORMATS = {"mmcif": "mmcif", "cif": "mmcif", "pdb": "pdb", "both": "both"}


class _Rate(click.IntRange):
    """A rate; click says what it expects by this name."""

    name = "number of KB/s, such as 1024"


def _complete_words(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[CompletionItem]:
    """Complete the target, which is the first word."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

    from pdb_cli.cli.session import Session  # noqa: PLC0415 - only while completing

    session = ctx.find_object(Session)
    own = session.settings().sync.targets if session is not None else {}
    names = dict.fromkeys([*own, *BUILTIN_TARGETS])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _complete_types(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[str]:
    """Complete the types of the target that was named."""
    words = ctx.params.get("words") or ()
    table = BUILTIN_TARGETS.get(words[0]) if words else None
    own = () if table is None or table.rows is None else (row.type_name for row in table.rows)
    names = [*own] or [str(data_type) for data_type in DataType]
    return [name for name in names if name.startswith(incomplete)]


@click.command()
@click.argument("words", nargs=-1, metavar="[TARGET] [PREFIX]...", shell_complete=_complete_words)
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    shell_complete=_complete_types,
    callback=split_names,
    help="Type of data, or of pdbj or pdbe; repeat it for several [default: sync.types].",
)
@click.option(
    "-f",
    "--format",
    "file_format",
    type=click.Choice(list(_FORMATS), case_sensitive=False),
    callback=lambda ctx, param, value: value and _FORMATS[value],  # noqa: ARG005 - click's signature
    help="Format of structures [default: mmcif].",
)
@click.option(
    "-l",
    "--layout",
    "arrangement",
    type=click.Choice(["divided", "all"]),
    default="divided",
    show_default=True,
    help="The directories by hash, or those with all files (links resolved).",
)
@mirror_option()
@click.option(
    "-d", "--dest", type=click.Path(), metavar="DIR", help="Another root than the collection's."
)
@click.option(
    "--ids", "ids_file", type=click.Path(), metavar="FILE", help="Only these entries; - is stdin."
)
@click.option(
    "--transport",
    type=click.Choice(["auto", "rsync", "https"]),
    help="How to reach a mirror [default: auto, rsync where it works].",
)
@click.option(
    "--delete/--no-delete",
    default=None,
    help="Remove what the mirror does not have; it goes to the trash for 30 days.",
)
@click.option(
    "--max-delete",
    metavar="N|P%",
    help="Stop when more files would go: a number, or percent of the local ones [default: 5%].",
)
@click.option("--no-trash", is_flag=True, help="With --delete: remove for good.")
@click.option(
    "--trust-list", is_flag=True, help="Believe a list that is shorter or older than the last one."
)
@click.option(
    "-p",
    "--parallel",
    type=click.IntRange(1, 100),
    metavar="N",
    help="At once [default: 1 by rsync, download.parallel over https].",
)
@click.option(
    "--bwlimit",
    type=_Rate(1),
    metavar="KB/s",
    help="Most to receive per second, over all transfers, in units of 1024 bytes.",
)
@retry_option
@click.option(
    "--retry-delay",
    type=SECONDS,
    metavar="S",
    help="Seconds between tries [default: 1, 2, 4 ... 30].",
)
@click.option(
    "--subpath", metavar="PATH", help="With pdbj and pdbe: only this below the type's directory."
)
@click.option("--wait", is_flag=True, help="Wait for another writer of the collection.")
@click.option(
    "-n", "--dry-run", "--plan", "dry_run", is_flag=True, help="Only show what would be done."
)
@click.option(
    "-P", "--progress", "progress", is_flag=True, help="Show progress also without a terminal."
)
@click.option("--last", is_flag=True, help="Show what the last run did, and nothing else.")
@click.option(
    "--print-timer",
    is_flag=True,
    help="Print systemd units and a cron line that run this command every week.",
)
@output_option(OutputMode.TEXT, OutputMode.JSON)
@background_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Keep directories of the archive as a mirror has them.

    TARGET is wwpdb (default), structures, assemblies, pdbj, pdbe, or a [sync.targets.NAME] of the
    configuration. PREFIX is the beginning of ids (1ab, pdb_00001a): only those entries are kept in
    sync. Running the same command again goes on where it was.
    """
    session: Session = context.obj
    from pdb_cli.cli import sync_request  # noqa: PLC0415 - seldom more than one command runs

    background = wants_background(context)
    shows = [flag for flag in ("dry_run", "last", "print_timer") if options[flag]]
    if background and shows:
        flag = shows[0].replace("_", "-")
        raise click.UsageError(f"--{flag} only shows something; leave out --bg", context)
    if len(shows) > 1:
        flags = " and ".join(f"--{flag.replace('_', '-')}" for flag in shows)
        raise click.UsageError(f"{flags} show different things; use one of them", context)
    if options["last"]:
        from pdb_cli.cli.sync_last import show_last  # noqa: PLC0415 - only with --last

        return show_last(session, options)
    if options["print_timer"]:
        from pdb_cli.cli.sync_timer import check_repeatable  # noqa: PLC0415 - only with it

        # Before the list is read, and waited for.
        check_repeatable(options["ids_file"])
    asked = sync_request.read(session, options)
    if options["print_timer"]:
        from pdb_cli.cli.sync_timer import print_timer  # noqa: PLC0415 - only with --print-timer

        print_timer(session, asked.request, (options["dest"], options["ids_file"]))
        return ExitCode.DONE
    from pdb_cli.cli.collection import check_free, known_roots  # noqa: PLC0415 - as above

    if not options["trust_list"]:
        known_roots(session).check(asked.request.collection, can_trust=True)
    if background:
        from pdb_cli.cli.sync_ways import check_program  # noqa: PLC0415 - as above

        check_program(session, asked)
        from pdb_cli.cli.background import start_job  # noqa: PLC0415 - only with --bg

        if not (options["wait"] or options["after"]):
            check_free(asked.request.collection)
        return start_job(
            session,
            context,
            ids=asked.frozen_ids,
            without=frozenset({"ids_file"}),
            list_option="--ids",
        )
    from pdb_cli.cli.sync_run import run, show_plan  # noqa: PLC0415 - not with --bg

    start = show_plan if options["dry_run"] else run
    return start(session, asked, mode=options["mode"], progress=options["progress"])
