"""``--bg``: turn the command just parsed into a job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import click
from click.core import ParameterSource

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.registry import PROGRAM
from pdb_cli.errors import BatchAllocationError, FileAccessError
from pdb_cli.jobs.launch import start_supervisor
from pdb_cli.jobs.paths import JobPaths
from pdb_cli.jobs.spawn import spawn_background, write_input
from pdb_cli.jobs.store import JobStore
from pdb_cli.jobs.survival import Threat, batch_allocation, survival_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.cli.session import Session
    from pdb_cli.jobs.survival import SurvivalWarning

_INPUT_NAME = "input.list"
_OURS = frozenset({"bg", "bg_force"})
"""The parameters that are about the start of the job, not about its work."""


def start_job(
    session: Session, context: click.Context, *, ids: bytes | None, without: frozenset[str]
) -> int:
    """Start the parsed command as a job and tell the user where it is.

    Parameters
    ----------
    session
        This run.
    context
        The command's context; what was given on its command line becomes the job's.
    ids
        What the command read from lists and stdin, one id per line: kept in the job directory
        and given to the job as ``--list``. None if it read nothing.
    without
        Names of parameters the job does not get (those that ``ids`` replaces).

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    BatchAllocationError
        This is a batch allocation, and no ``--force`` was given.
    JobStartError, FileAccessError
        As ``spawn_background``.
    """
    _look_ahead(session, force=context.params["bg_force"])
    supervisor, session.supervisor = session.supervisor, None

    def freeze(paths: JobPaths) -> list[str]:
        """Build the job's arguments, with what was read kept beside its record."""
        frozen = []
        if ids is not None:
            frozen = ["--list", str(write_input(paths, _INPUT_NAME, ids))]
        return [*_arguments(context, without | _OURS, frozen)]

    job = spawn_background(
        JobStore(session.jobs_dir()),
        freeze,
        supervisor=supervisor or start_supervisor(session.environ),
        cwd=_current_directory(),
        user=session.user(),
        command=[item for item in session.argv if item != "--bg"],
        grace_s=session.settings().jobs.grace_s,
    )
    if session.verbosity < 0:
        sys.stdout.write(f"{job.id}\n")
        return ExitCode.DONE
    paths = JobPaths(session.jobs_dir(), job.id)
    # Not every file system has links.
    log = str(paths.log_link if paths.log_link.exists() else paths.stderr)
    if sys.stdout.isatty():
        log = _with_tilde(log)
    sys.stdout.write(f"Job started: {job.id}\nLog: {log}\nUse 'pdb-cli jobs' to check status\n")
    return ExitCode.DONE


def _look_ahead(session: Session, *, force: bool) -> None:
    """Refuse a job that would end with a batch allocation; warn of what else may end it early."""
    scheduler = batch_allocation(session.environ)
    if scheduler is not None and not force:
        raise BatchAllocationError(scheduler)
    for warning in survival_warnings(session.user()):
        session.say(f"{PROGRAM}: {_warning_text(warning)}")


def _warning_text(warning: SurvivalWarning) -> str:
    """Say what may end the job, and what helps."""
    match warning.threat:
        case Threat.SESSION_END:
            return (
                "systemd ends this job when you log out (KillUserProcesses=yes); to keep it: "
                f"'loginctl enable-linger', then 'systemd-run --user --scope {PROGRAM} ...'"
            )
        case Threat.USER_MANAGER_END:
            return "systemd ends this job after your last logout; 'loginctl enable-linger' keeps it"
        case Threat.CPU_LIMIT:
            return (
                f"this session limits each process to {warning.limit_s} s of CPU time "
                "('ulimit -t'): a long job may be killed by it"
            )
        case _:
            assert_never(warning.threat)


def _arguments(context: click.Context, without: frozenset[str], extra: list[str]) -> Iterator[str]:
    """Yield the arguments that give the same parameters again, global ones first."""
    if context.parent is not None:
        # A quiet start is no reason for an empty log.
        yield from _options(context.parent, frozenset({"quiet"}))
    yield str(context.info_name)
    yield from _options(context, without)
    yield from extra
    for parameter in context.command.params:
        if isinstance(parameter, click.Argument) and parameter.name not in without:
            # After --, an id can never be taken for an option.
            yield "--"
            yield from (str(item) for item in context.params[str(parameter.name)])


def _options(context: click.Context, without: frozenset[str]) -> Iterator[str]:
    """Yield the options that were given on the command line."""
    for parameter in context.command.params:
        name = str(parameter.name)
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and isinstance(parameter, click.Option) and name not in without:
            yield from _option(parameter, context.params[name])


def _option(option: click.Option, value: Any) -> Iterator[str]:
    """Yield one option with its value or values."""
    flag = max(option.opts, key=len)
    if option.count:
        yield from [flag] * value
    elif option.is_flag:
        yield flag if value else max(option.secondary_opts, key=len)
    else:
        for item in value if option.multiple else [value]:
            # With =, a value that begins with a dash stays a value.
            yield f"{flag}={item}"


def _current_directory() -> str:
    """Return where we are, if that is still there."""
    try:
        return os.getcwd()  # noqa: PTH109 - a text is what the record holds
    except OSError as error:
        raise FileAccessError.wrap("use", Path(), error) from error


def _with_tilde(path: str) -> str:
    """Write a path below the home directory as people do."""
    home = str(Path.home())
    return "~" + path.removeprefix(home) if path.startswith(home + os.sep) else path
