"""``--bg``: turn the command just parsed into a job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import click
from click.core import ParameterSource

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.options import force_name
from pdb_cli.cli.registry import PROGRAM
from pdb_cli.errors import BatchAllocationError, FileAccessError
from pdb_cli.jobs.launch import start_supervisor
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.options import Handling, JobOptions
from pdb_cli.jobs.paths import JobPaths
from pdb_cli.jobs.spawn import command_line, spawn_background, write_input
from pdb_cli.jobs.store import JobStore
from pdb_cli.jobs.survival import Threat, batch_allocation, survival_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pdb_cli.cli.session import Session
    from pdb_cli.jobs.launch import WaitingSupervisor
    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.survival import SurvivalWarning

_INPUT_NAME = "input.list"
_FOR_THE_JOB = frozenset({"bg", "label", "after", "notify", "bg_force"})
"""Parameters that the job's command does not get."""
_FLAGS = frozenset({"bg", "bg_force"})
_WITH_VALUE = frozenset({"--label", "--after", "--notify"})
_WITH_VALUE_GIVEN = tuple(f"{option}=" for option in _WITH_VALUE)


def start_job(
    session: Session,
    context: click.Context,
    *,
    ids: bytes | None,
    without: frozenset[str],
    list_option: str = "--list",
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
        and given to the job. None if it read nothing.
    without
        Names of parameters the job does not get (those that ``ids`` replaces).
    list_option
        The option that takes the file with these ids.

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
    InvalidValueError, UnknownJobError, AmbiguousJobError
        ``--after`` names no job.
    UnsupportedError
        ``--notify`` is a URL, and apprise is not installed.
    """
    params = context.params
    settings = session.settings().jobs
    look_ahead(session, force=params["bg_force"], option=force_name(context))
    store = JobStore(session.jobs_dir())
    options = JobOptions(
        grace_s=settings.grace_s, label=params["label"], after=_after(params["after"], store)
    )
    handling = make_handling(session, params["notify"])
    cwd = _current_directory()

    def freeze(paths: JobPaths) -> list[str]:
        """Build the job's arguments, with what was read kept beside its record."""
        frozen = []
        if ids is not None:
            frozen = [list_option, str(write_input(paths, _INPUT_NAME, ids))]
        return [*_arguments(context, without | _FOR_THE_JOB, frozen)]

    job = spawn_background(
        store,
        freeze,
        supervisor=take_supervisor(session),
        cwd=cwd,
        user=session.user(),
        command=command_line(_without_job_options(session.argv, context)),
        options=options,
        handling=handling,
    )
    announce(session, job)
    return ExitCode.DONE


def take_supervisor(session: Session) -> WaitingSupervisor:
    """Return the supervisor that was started ahead, or a new one.

    Parameters
    ----------
    session
        This run.

    Raises
    ------
    JobStartError
        The system could not start a process.
    """
    supervisor, session.supervisor = session.supervisor, None
    if supervisor is None:
        supervisor = start_supervisor(session.environ)
    if not supervisor.outlives_caller:
        session.say(f"{PROGRAM}: this job ends with what started it, which keeps its processes")
    return supervisor


def make_handling(session: Session, notify: str | None) -> Handling:
    """Return what a supervisor is told, from an option and the settings.

    Parameters
    ----------
    session
        This run.
    notify
        The option; None for the setting.

    Raises
    ------
    UnsupportedError
        It is a URL, and apprise is not installed.
    """
    settings = session.settings().jobs
    target = settings.notify if notify is None else notify
    if target:
        from pdb_cli.jobs.notify import check_target  # noqa: PLC0415 - seldom needed

        check_target(target)
    return Handling(notify=target, log_max_bytes=settings.log_max_mb * 1_000_000)


def announce(session: Session, job: Job) -> None:
    """Say on stdout that a job was started, and where its log is; with ``-q`` only its id.

    Parameters
    ----------
    session
        This run.
    job
        The job.
    """
    if session.verbosity < 0:
        sys.stdout.write(f"{job.id}\n")
        return
    paths = JobPaths(session.jobs_dir(), job.id)
    # Not every file system has links.
    log = str(paths.log_link if paths.log_link.exists() else paths.stderr)
    if sys.stdout.isatty():
        log = _with_tilde(log)
    sys.stdout.write(f"{_what_happened(job)}\nLog: {log}\nUse 'pdb-cli jobs' to check status\n")


def _what_happened(job: Job) -> str:
    """Say that a job was started, or what it waits for."""
    if job.status is not JobStatus.QUEUED or job.after is None:
        return f"Job started: {job.id}"
    other, _, condition = job.after.partition(":")
    return f"Job queued: {job.id}, after {other} has {'ended' if condition else 'completed'}"


def _after(text: str | None, store: JobStore) -> str | None:
    """Find the job to wait for."""
    if text is None:
        return None
    from pdb_cli.jobs.after import parse_after  # noqa: PLC0415 - seldom needed

    return str(parse_after(text, store))


def _without_job_options(argv: Sequence[str], context: click.Context) -> Iterator[str]:
    """Leave out what is about the job rather than the command; it has places of its own."""
    # A command may have a --force that is not about the job.
    flags = {name for item in context.command.params if item.name in _FLAGS for name in item.opts}
    items = iter(argv)
    for item in items:
        if item in _WITH_VALUE:
            next(items, None)
        elif item not in flags and not item.startswith(_WITH_VALUE_GIVEN):
            yield item


def look_ahead(session: Session, *, force: bool, option: str = "--force") -> None:
    """Refuse a job that would end with a batch allocation; warn of what else may end it early.

    Parameters
    ----------
    session
        This run.
    force
        Whether a batch allocation is no reason to refuse.
    option
        What a user calls that.

    Raises
    ------
    BatchAllocationError
        This is one.
    """
    scheduler = batch_allocation(session.environ)
    if scheduler is not None and not force:
        raise BatchAllocationError(scheduler, option)
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
            words = [str(item) for item in context.params[str(parameter.name)]]
            # After --, an id can never be taken for an option.
            yield from ["--", *words] if words else ()


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
