"""``pdb-cli download``: entries into the collection, or into a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pdb_cli.archive.datatypes import NUMBERED_TYPES, DataType, FileFormat
from pdb_cli.cli.collection_root import check_mounted
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.ids_options import GivenIds, ids_options, start_ids_job
from pdb_cli.cli.options import (
    DATA_TYPE,
    FILE_FORMAT,
    AssemblyParameter,
    background_options,
    mirror_option,
    output_option,
    retry_option,
    transfers_option,
    wants_background,
)
from pdb_cli.cli.output import OutputMode
from pdb_cli.config.paths import cache_dir
from pdb_cli.errors import InvalidValueError
from pdb_cli.operations.download.request import (
    Arrangement,
    Destination,
    DownloadRequest,
    ExistingFile,
    FileKind,
    ObsoletePolicy,
    Packing,
    choose_kinds,
)
from pdb_cli.storage.destination import check_writable

if TYPE_CHECKING:
    from pdb_cli.cli.ids_input import IdsInput
    from pdb_cli.cli.session import Session
    from pdb_cli.config.settings import Settings

_HINT = (
    "no collection is set up: files go into the current directory "
    "('pdb-cli config set paths.pdb_dir DIR' or PDB_DIR makes one)"
)
_TYPES_HELP = (
    "structures (default), assemblies, biounit, structure-factors, nmr-chemical-shifts, "
    "nmr-restraints, nmr-data, validation, obsolete or ihm; repeat it for several."
)
_FORMATS_HELP = (
    "mmcif (default), pdb, xml or bcif; of NMR data nmr-star, nef or mr (restraints as deposited); "
    "of validation also pdf, png or svg."
)
_SETTINGS = {
    "parallel": "download.parallel",
    "retry": "download.retry",
    "limit_rate": "download.limit_rate",
    "fallback": "download.fallback",
    "file_format": "download.format",
    "mirrors": "mirror.default",
}


@click.command()
@ids_options
@click.option("-t", "--type", "data_types", multiple=True, type=DATA_TYPE, help=_TYPES_HELP)
@click.option("-f", "--format", "file_format", type=FILE_FORMAT, help=_FORMATS_HELP)
@click.option(
    "-a",
    "--assembly",
    type=AssemblyParameter(),
    metavar="N|all",
    help="Number of the assembly or biounit [default: 1]; all is every one there is.",
)
@click.option("--fallback/--no-fallback", default=None, help="mmCIF where no PDB file exists.")
@click.option(
    "--obsolete",
    type=click.Choice([str(item) for item in ObsoletePolicy]),
    default=str(ObsoletePolicy.REPORT),
    show_default=True,
    help="Name the successors of a superseded entry, or fetch them in its place.",
)
@click.option(
    "-d",
    "--dest",
    type=click.Path(),
    metavar="DIR",
    help="Into DIR, flat, instead of the collection.",
)
@click.option(
    "--layout",
    "arrangement",
    type=click.Choice([str(item) for item in Arrangement]),
    help="As in the archive, or all in one directory.",
)
@click.option(
    "--decompress/--no-decompress",
    default=False,
    help="Keep 4hhb.cif instead of 4hhb.cif.gz; not in a collection.",
)
@click.option("--overwrite", is_flag=True, help="Fetch again what is there and valid.")
@mirror_option()
@transfers_option("-p")
@retry_option
@click.option(
    "--limit-rate",
    metavar="RATE",
    help="Bytes per second over all transfers, such as 500K or 2M (units of 1024).",
)
@click.option(
    "--failed-out",
    type=click.Path(),
    metavar="FILE",
    help="At the end, write the ids that lack something and why; another run takes it with -l.",
)
@click.option(
    "--report",
    type=click.Path(),
    metavar="FILE.jsonl",
    help="Write one JSON object per file as results come; what FILE had before is dropped.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be done.")
@output_option(OutputMode.TEXT, OutputMode.JSON, OutputMode.IDS)
@background_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Fetch entries, verified, in parallel; what is there and valid is skipped.

    IDS are classic (4hhb) or extended (pdb_00004hhb). Running the same command again goes on
    where it was.
    """
    session: Session = context.obj
    background = wants_background(context)
    if background and options["dry_run"]:
        raise click.UsageError("--dry-run only shows the plan; leave out --bg", context)
    session.add_flags(options, _SETTINGS)
    ids = GivenIds.of(options).read(session)
    request = _request(session, ids, options)
    files = _output_files(options, request.destination)
    if background:
        return start_ids_job(session, context, ids)
    from pdb_cli.cli.download_run import run, show_plan  # noqa: PLC0415 - not with --bg

    if options["dry_run"]:
        show_plan(session, request, mode=options["mode"])
        return ExitCode.DONE
    return run(
        session,
        request,
        mode=options["mode"],
        report_path=files["report"],
        failed_path=files["failed_out"],
    )


def _output_files(options: dict[str, Any], place: Destination) -> dict[str, Path | None]:
    """Return the paths of the files to write, once it is known that they can be written."""
    names = ("report", "failed_out")
    paths = {name: None if options[name] is None else Path(options[name]) for name in names}
    for name, path in paths.items():
        if path is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if options[name] in {"", "-"}:
            raise InvalidValueError(flag, options[name], "a file; standard output is for data")
        if name == "report" and any(_is_same(options[name], other) for other in options["lists"]):
            raise InvalidValueError(flag, options[name], "another file than that of -l")
        if _is_data_file(path, place):
            expected = "another file: its name is one of a file of the archive"
            raise InvalidValueError(flag, options[name], expected)
        if not options["dry_run"]:
            from pdb_cli.cli.download_files import check_output_file  # noqa: PLC0415 - seldom

            check_output_file(path)
    if None not in paths.values() and _is_same(options["report"], options["failed_out"]):
        raise InvalidValueError("--failed-out", options["failed_out"], "another file than --report")
    return paths


def _is_data_file(path: Path, place: Destination) -> bool:
    """Tell whether a path is, or might become, one of the files that are fetched."""
    from pdb_cli.archive.identify import identify  # noqa: PLC0415 - seldom

    # A link is written through, so the name it leads to counts as much as its own.
    real = Path(os.path.realpath(path))
    # Some file systems do not tell capitals from small letters.
    if any(identify(name.lower()) is not None for name in (path.name, real.name)):
        return True
    if real.suffix.lower() != ".gz":
        return False
    kinds = (FileKind(data_type, FileFormat.MMCIF) for data_type in DataType)
    return any(real.is_relative_to(os.path.realpath(root)) for root in place.roots(kinds))


def _is_same(path: str, other: str) -> bool:
    """Tell whether two paths lead to one file, which need not exist."""
    return os.path.realpath(path) == os.path.realpath(other)


def _request(session: Session, ids: IdsInput, options: dict[str, Any]) -> DownloadRequest:
    """Make the request and check all that can be checked before anything starts."""
    settings = session.settings()
    request = DownloadRequest(
        entries=ids.entries,
        kinds=choose_kinds(
            options["data_types"] or (DataType.STRUCTURES,),
            asked=options["file_format"],
            preferred=settings.download.format,
        ),
        destination=_destination(session, settings, options),
        mirrors=settings.preferred_mirrors(),
        assembly=None if options["assembly"] == "all" else options["assembly"] or 1,
        existing=ExistingFile.REPLACE if options["overwrite"] else ExistingFile.SKIP,
        fallback=settings.download.fallback,
        obsolete=ObsoletePolicy(options["obsolete"]),
    )
    root = request.destination.root
    if root == settings.paths.pdb_dir:
        check_mounted(session, root)
    # A plan changes nothing in the collection, not even what it knows of the archive.
    in_collection = root == settings.paths.pdb_dir and not options["dry_run"]
    state_dir = root / ".pdb-cli" if in_collection else None
    holdings_dir = (state_dir or cache_dir(session.environ)) / "holdings"
    request = request._replace(holdings_dir=holdings_dir)
    numbered = any(kind.data_type in NUMBERED_TYPES for kind in request.kinds)
    if options["assembly"] is not None and not numbered:
        raise InvalidValueError("-a", str(options["assembly"]), "-t assemblies or biounit with it")
    request.check()
    if not options["dry_run"]:
        for root in request.destination.roots(request.kinds):
            check_writable(root)
    return request


def _destination(session: Session, settings: Settings, options: dict[str, Any]) -> Destination:
    """Choose where files go: ``-d``, else the collection, else here with a hint."""
    root, arrangement = settings.paths.pdb_dir, Arrangement.DIVIDED
    if options["dest"] == "":
        raise InvalidValueError("-d", "", "a directory")
    if options["dest"] is not None:
        root, arrangement = Path(options["dest"]), Arrangement.FLAT
    elif root is None:
        root, arrangement = Path(), Arrangement.FLAT
        session.say(_HINT)
    if options["arrangement"] is not None:
        arrangement = Arrangement(options["arrangement"])
    packing = Packing.PLAIN if options["decompress"] else Packing.ARCHIVE
    return Destination(root, arrangement, settings.paths.data_type_dirs, packing)
