"""The parser and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pdb_cli._version import __version__
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.registry import (
    ALIASES,
    COMMANDS,
    COMPLETION_VARIABLE,
    MODULES,
    PROGRAM,
    top_level_help,
)
from pdb_cli.cli.session import ColorMode, Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.shell_completion import CompletionItem

    from pdb_cli.jobs.launch import WaitingSupervisor

_SIGNAL_BASE = 128
_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a write to standard output meets; Python names no file then."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived: unwind, leave nothing half done, exit with 128 and its number.

    Parameters
    ----------
    number
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class CommandTable(click.Group):
    """The top level: commands come from the registry and are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        module = MODULES.get(ALIASES.get(cmd_name, cmd_name))
        if module is None:
            return None
        command = import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is not a click command")
        return command

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        """Return the same text as the path without click."""
        return top_level_help()

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table; no command is imported for it."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

        names = [
            CompletionItem(row.name, help=row.summary)
            for row in COMMANDS
            if row.name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one is near."""
        if args and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            near = get_close_matches(args[0], [*MODULES, *ALIASES], n=1)
            hint = f"did you mean {near[0]}?" if near else f"'{PROGRAM} --help' lists them"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--pdb-dir", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--config", "config_path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-v", "--verbose", count=True)
@click.option("-q", "--quiet", is_flag=True)
@click.option("--color", type=click.Choice([str(mode) for mode in ColorMode]), default="auto")
@click.version_option(__version__, "-V", "--version", message=f"{PROGRAM} %(version)s")
@click.pass_obj
def application(
    session: Session,
    pdb_dir: Path | None,
    config_path: Path | None,
    *,
    verbose: int,
    quiet: bool,
    color: str,
) -> None:
    """Keep a local collection of Protein Data Bank files."""
    session.verbosity = -1 if quiet else verbose
    session.color = ColorMode(color)
    session.config_path = config_path
    if pdb_dir is not None:
        session.flags["paths.pdb_dir"] = pdb_dir


def run(
    argv: list[str], environ: Mapping[str, str], *, supervisor: WaitingSupervisor | None = None
) -> int:
    """Parse and run one command line; every error ends here as one line and an exit code.

    Parameters
    ----------
    argv
        The arguments after the program's name.
    environ
        The environment.
    supervisor
        A supervisor started ahead, for ``--bg``; sent home if it is not used.

    Returns
    -------
    int
        The exit code.
    """
    session = Session(argv=tuple(argv), environ=environ)
    session.supervisor = supervisor
    with _termination():
        try:
            if COMPLETION_VARIABLE in environ:
                application.main(args=argv, prog_name=PROGRAM, obj=session)
            # Not application.main(): it makes an exit of a broken pipe and hides interrupts.
            with application.make_context(PROGRAM, list(argv), obj=session) as context:
                code = application.invoke(context)
        except click.exceptions.Exit as done:
            return done.exit_code
        except KeyboardInterrupt:
            session.complain(f"{PROGRAM}: interrupted; run the same command again to go on")
            return ExitCode.INTERRUPTED
        except Terminated as end:
            with contextlib.suppress(OSError):  # the terminal may be what has gone
                session.complain(f"{PROGRAM}: terminated; run the same command again to go on")
            return _SIGNAL_BASE + end.number
        except OSError as error:
            if error.filename is None and error.errno in _OUTPUT_ERRORS:
                raise  # standard output: main.py knows
            return _report(session, error)
        except Exception as error:  # noqa: BLE001 - the one error exit; what is unknown is shown too
            return _report(session, error)
        finally:
            if session.supervisor is not None:
                session.supervisor.dismiss()
    return code if isinstance(code, int) else ExitCode.DONE


def _report(session: Session, error: Exception) -> int:
    """Turn an error into its line (and, with -v, its traceback)."""
    from pdb_cli.cli.errors import describe  # noqa: PLC0415 - only when something went wrong

    message = describe(error)
    if session.verbosity > 0:
        import traceback  # noqa: PLC0415 - only with -v

        sys.stderr.write("".join(traceback.format_exception(error)))
    for line in message.lines:
        session.complain(line)
    return message.exit_code


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Turn signals into an exception, so that everything is cleaned up on the way out."""

    def stop(number: int, _: object) -> None:
        raise Terminated(number)

    # What the caller had ignored (nohup) stays ignored. SIGBREAK is how Windows asks for an end.
    numbers = [
        number
        for number in signal.Signals
        if number.name in {"SIGTERM", "SIGHUP", "SIGBREAK"}
        and signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
