"""``pdb-cli jobs``: list, look at, follow, cancel and clean background jobs."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import click

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.job_table import show_jobs
from pdb_cli.cli.options import complete_job, output_option
from pdb_cli.cli.output import OutputMode
from pdb_cli.errors import InvalidValueError, JobRecordError, JobStateError
from pdb_cli.jobs.follow import Stream
from pdb_cli.jobs.listing import JobFilter
from pdb_cli.jobs.model import JobStatus
from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from pdb_cli.cli.session import Session

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
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
@output_option(OutputMode.TEXT, OutputMode.JSON)
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
            return ExitCode.FAILED if end.value.exit_code is None else end.value.exit_code
        except KeyboardInterrupt:
            session.say(f"\nstopped following; {job_id} goes on")
            return ExitCode.INTERRUPTED
        _show(chunk.data)


@command.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...", shell_complete=complete_job)
@click.pass_obj
def cancel(session: Session, jobs: tuple[str, ...]) -> int:
    """Cancel jobs: end the whole process tree of each, then say how it ended."""
    from pdb_cli.cli.errors import describe  # noqa: PLC0415 - only for this subcommand
    from pdb_cli.jobs.cancel import cancel_job  # noqa: PLC0415 - only for this subcommand

    store = JobStore(session.jobs_dir())
    code = ExitCode.DONE
    for job_id in [store.resolve(reference) for reference in jobs]:
        try:
            ended = cancel_job(store, job_id, user=session.user())
        except JobStateError as error:
            # The others are to be cancelled all the same.
            session.complain(describe(error).lines[0])
            code = ExitCode.FAILED
            continue
        session.say(f"{job_id}: {ended.reason or ended.status}")
        if ended.status is not JobStatus.CANCELLED:
            code = ExitCode.FAILED
    return code


@command.command()
@click.option(
    "--older-than",
    metavar="DURATION",
    default="7d",
    show_default=True,
    help="Only jobs that ended longer ago: 30s, 5m, 2h, 7d, 1w.",
)
@click.pass_obj
def clean(session: Session, older_than: str) -> int:
    """Remove the records of jobs that ended; running jobs are never touched."""
    from pdb_cli.jobs.clean import clean_jobs  # noqa: PLC0415 - only for this subcommand

    result = clean_jobs(
        JobStore(session.jobs_dir()),
        older_than_s=parse_duration(older_than),
        now_s=time.time(),
    )
    noun = "job" if len(result.removed) == 1 else "jobs"
    session.say(f"removed {len(result.removed)} {noun} that ended more than {older_than} ago")
    if result.unreadable:
        raise JobRecordError(
            ", ".join(result.unreadable), "left where it is; remove it by hand if it is not yours"
        )
    return ExitCode.DONE


@command.command()
@click.pass_obj
def watch(session: Session) -> int:
    """Show running jobs live, with a progress bar each; q or Ctrl-C leaves, the jobs go on."""
    from pdb_cli.cli.job_watch import watch_jobs  # noqa: PLC0415 - only for this subcommand

    return watch_jobs(session)


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Parameters
    ----------
    text
        A whole number and a unit: s, m, h, d or w.

    Raises
    ------
    InvalidValueError
        Anything else.

    Examples
    --------
    >>> parse_duration("7d"), parse_duration("0s")
    (604800.0, 0.0)
    """
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    if match is None:
        raise InvalidValueError("--older-than", text, "a duration such as 30s, 5m, 2h, 7d or 1w")
    return float(int(match[1]) * _UNITS_S[match[2]])


def _show(data: bytes) -> None:
    """Write log bytes to stdout as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
