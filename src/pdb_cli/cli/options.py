"""Options and parameter types that several commands share."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from pdb_cli.archive.datatypes import DataType, FileFormat, parse_data_type, parse_format
from pdb_cli.cli.output import OutputMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem


class NameParameter(click.ParamType[Any]):
    """A name of the archive, given by any of its aliases.

    Parameters
    ----------
    name
        What the help calls it.
    parse
        Finds what a text means; raises ``UnknownNameError``.
    names
        What the shell completes.
    """

    def __init__(self, name: str, parse: Callable[[str], Any], names: Iterable[str]) -> None:
        self.name = name
        self._parse = parse
        self._names = names

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002 - click's signature
    ) -> Any:
        """Return what a text means."""
        return self._parse(value)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the names."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

        return [CompletionItem(name) for name in self._names if name.startswith(incomplete)]


class AssemblyParameter(click.ParamType[Any]):
    """The number of an assembly, from 1, or ``all``."""

    name = "assembly"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or ``all``."""
        if str(value).strip().lower() == "all":
            return "all"
        return click.IntRange(1).convert(value, param, ctx)


class SecondsParameter(click.FloatRange):
    """A number of seconds, not negative and finite."""

    def __init__(self) -> None:
        super().__init__(min=0.0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        seconds = float(super().convert(value, param, ctx))
        if not isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


SECONDS = SecondsParameter()
DATA_TYPE = NameParameter("TYPE", parse_data_type, DataType)
FILE_FORMAT = NameParameter("FORMAT", parse_format, FileFormat)


def complete_job(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[str]:
    """Complete a job's id from the index."""
    from pdb_cli.cli.session import Session  # noqa: PLC0415 - only while completing
    from pdb_cli.jobs.store import JobStore  # noqa: PLC0415 - only while completing

    session = ctx.find_object(Session)
    if session is None:
        return []
    ids = [*sorted(JobStore(session.jobs_dir()).job_ids()), "last"]
    return [job_id for job_id in ids if job_id.startswith(incomplete)]


def complete_mirror(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[str]:
    """Complete a mirror's name."""
    from pdb_cli.archive.mirrors import BUILTIN_MIRRORS  # noqa: PLC0415 - only while completing
    from pdb_cli.cli.session import Session  # noqa: PLC0415 - only while completing

    session = ctx.find_object(Session)
    own = session.settings().mirrors if session is not None else {}
    return [name for name in dict.fromkeys([*own, *BUILTIN_MIRRORS]) if name.startswith(incomplete)]


def split_names(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names of a repeatable option, also those with commas between them, each once."""
    names = (name.strip() for name in ",".join(value).split(","))
    found = tuple(dict.fromkeys(name for name in names if name))
    if value and not found:
        raise click.BadParameter("a name is expected", ctx, param)
    return found


def in_order(
    *options: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds several options to a command.

    Parameters
    ----------
    options
        What adds each; help shows them in this order.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        """Add them; click shows first what was added last."""
        for option in reversed(options):
            command = option(command)
        return command

    return add


def output_option(*modes: OutputMode) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``-o/--output`` with the modes a command can produce.

    Parameters
    ----------
    modes
        The modes, the default first.
    """
    return click.option(
        "-o",
        "--output",
        "mode",
        type=click.Choice([str(mode) for mode in modes]),
        default=str(modes[0]),
        show_default=True,
        callback=lambda ctx, param, value: OutputMode(value),  # noqa: ARG005 - click's signature
        help="How data is written to stdout.",
    )


def mirror_option(
    text: str = "Mirror; repeat it to name the next to try.",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``-m/--mirror``.

    Parameters
    ----------
    text
        Its help.
    """
    return click.option(
        "-m",
        "--mirror",
        "mirrors",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_mirror,
        callback=split_names,
        help=text,
    )


def transfers_option(short: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--parallel``, the number of transfers.

    Parameters
    ----------
    short
        Its other name.
    """
    return click.option(
        short,
        "--parallel",
        type=click.IntRange(1, 256),
        metavar="N",
        help="Transfers at once, over all mirrors [default: 16].",
    )


def retry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--retry``."""
    return click.option(
        "--retry",
        type=click.IntRange(0, 100),
        metavar="N",
        help="More tries after the first, per mirror [default: 5].",
    )(command)


def background_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--bg`` and the options beside it."""
    return _background_options("--bg-force", "--force")(command)


def background_options_beside_force(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--bg`` and the options beside it to a command whose ``--force`` is its own."""
    return _background_options("--bg-force")(command)


def _background_options(*force: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options; ``force`` are the names of the one that forces a start."""
    return in_order(
        click.option(
            "--bg", is_flag=True, help="Run as a background job; 'pdb-cli jobs' lists them."
        ),
        click.option("--label", metavar="TEXT", help="With --bg: a name for the job."),
        click.option(
            "--after",
            metavar="JOB[:any]",
            shell_complete=complete_job,
            help="With --bg: start when JOB has completed; with :any, when it has ended at all.",
        ),
        click.option(
            "--notify",
            metavar="TARGET",
            help="With --bg: a command or an Apprise URL, told when the job has ended.",
        ),
        click.option(
            *force,
            "bg_force",
            is_flag=True,
            help="With --bg: also inside a batch allocation, whose end ends the job.",
        ),
    )


def force_name(context: click.Context) -> str:
    """Return what the option is called that starts a job although it may not live long.

    Parameters
    ----------
    context
        The command's.
    """
    return next(item.opts[-1] for item in context.command.params if item.name == "bg_force")


def wants_background(context: click.Context) -> bool:
    """Tell whether the command is to run as a job.

    Parameters
    ----------
    context
        The command's.

    Raises
    ------
    click.UsageError
        An option that only makes sense with ``--bg`` stands alone.
    """
    if context.params["bg"]:
        return True
    for name in ("label", "after", "notify"):
        if context.params[name] is not None:
            raise click.UsageError(f"--{name} is for background jobs: add --bg", context)
    if context.params["bg_force"]:
        name = force_name(context)
        raise click.UsageError(f"{name} is for background jobs: add --bg", context)
    return False
