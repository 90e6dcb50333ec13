"""``pdb-cli jobs``: list, look at and follow background jobs; the other verbs are added here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.job_records import exit_code_of
from pdb_cli.cli.job_table import show_jobs
from pdb_cli.cli.job_verbs import cancel, clean, restart, wait
from pdb_cli.cli.options import complete_job, output_option
from pdb_cli.cli.output import OutputMode
from pdb_cli.errors import InvalidValueError
from pdb_cli.jobs.follow import Stream
from pdb_cli.jobs.listing import JobFilter
from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session

_DEFAULT_LINES = 40


@click.group(invoke_without_command=True)
@click.option(
    "-a", "--all", "which", flag_value=JobFilter.ALL, default=JobFilter.RECENT, help="All jobs."
)
@click.option("--running", "which", flag_value=JobFilter.RUNNING, help="Only running jobs.")
@output_option(OutputMode.TEXT, OutputMode.JSON, OutputMode.IDS)
@click.pass_context
def command(context: click.Context, which: JobFilter, mode: OutputMode) -> int:
    """List and manage background jobs.

    Without a subcommand: what is running, and what ended in the last 24 hours.
    JOB is an id, the beginning of one, or 'last'.
    """
    if context.invoked_subcommand is None:
        session: Session = context.obj
        show_jobs(session.jobs_dir(), which=JobFilter(which), mode=mode)
    return ExitCode.DONE


@command.command()
@click.argument("job", shell_complete=complete_job)
@output_option(OutputMode.TEXT, OutputMode.JSON, OutputMode.IDS)
@click.pass_obj
def status(session: Session, job: str, mode: OutputMode) -> int:
    """Show everything about one job."""
    from pdb_cli.cli.job_status import show_status  # noqa: PLC0415 - only for this subcommand

    store = JobStore(session.jobs_dir())
    show_status(store, store.resolve(job), mode=mode)
    return ExitCode.DONE


@command.command()
@click.argument("job", shell_complete=complete_job)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends; exit with its code.")
@click.option(
    "-n", "lines", metavar="LINES", type=click.IntRange(0), help="Last lines [default: 40]."
)
@click.option("--full", is_flag=True, help="The whole log.")
@click.option("--stdout", "only", flag_value="stdout", help="Only what went to stdout.")
@click.option("--stderr", "only", flag_value="stderr", help="Only the log itself.")
@click.pass_obj
def log(
    session: Session, job: str, *, follow: bool, lines: int | None, full: bool, only: str | None
) -> int:
    """Show the log of a job; --follow shows it as it grows."""
    from pdb_cli.jobs.follow import follow_log, read_log  # noqa: PLC0415 - only for this subcommand

    if full and lines is not None:
        raise InvalidValueError("-n", str(lines), "no --full beside it")
    store = JobStore(session.jobs_dir())
    job_id = store.resolve(job)
    streams = [Stream(only)] if only else [Stream.STDERR, Stream.STDOUT]
    # Data is for programs, which want all of it.
    last_lines = None if full or only == Stream.STDOUT else _DEFAULT_LINES
    last_lines = last_lines if lines is None else lines
    if not follow:
        for chunk in read_log(store, job_id, streams=streams, last_lines=last_lines):
            _show(chunk.data)
        return ExitCode.DONE
    following = follow_log(store, job_id, streams=streams, last_lines=last_lines)
    while True:
        try:
            chunk = next(following)
        except StopIteration as end:
            session.say(f"{job_id} {end.value.status}")
            return exit_code_of(end.value)
        except KeyboardInterrupt:
            session.say(f"\nstopped following; {job_id} goes on")
            return ExitCode.INTERRUPTED
        _show(chunk.data)


@command.command()
@click.pass_obj
def watch(session: Session) -> int:
    """Show running jobs live, with progress bars.

    q or Ctrl-C leaves; the jobs go on.
    """
    if sys.platform == "win32":
        raise click.UsageError("'jobs watch' does not run on Windows yet; use 'pdb-cli jobs'")
    from pdb_cli.cli.job_watch import watch_jobs  # noqa: PLC0415 - only for this subcommand

    return watch_jobs(session)


for _verb in (wait, cancel, restart, clean):
    command.add_command(_verb)


def _show(data: bytes) -> None:
    """Write log bytes to stdout as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
