"""``pdb-cli jobs wait``, ``cancel``, ``restart`` and ``clean``: the verbs that change something."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.job_records import as_row, end_line, exit_code_of, write_records
from pdb_cli.cli.options import SECONDS, complete_job, output_option
from pdb_cli.cli.output import OutputMode, printable, write_rows
from pdb_cli.errors import InvalidValueError, JobRecordError
from pdb_cli.jobs.model import LONGEST_GRACE_S, Job, JobStatus
from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdb_cli.cli.session import Session
    from pdb_cli.jobs.clean import CleanPlan

_CLEAN_COLUMNS = {"id": "JOB", "status": "STATUS", "finished": "FINISHED", "command": "COMMAND"}

_jobs_argument = click.argument(
    "jobs", nargs=-1, required=True, metavar="JOB...", shell_complete=complete_job
)
_output = output_option(OutputMode.TEXT, OutputMode.JSON, OutputMode.IDS)


@click.command()
@_jobs_argument
@click.option("--any", "first", is_flag=True, help="Only until the first of them ends.")
@click.option(
    "--timeout",
    "timeout_s",
    type=SECONDS,
    metavar="S",
    help="Give up after so many seconds; exit code 124 then.",
)
@_output
@click.pass_obj
def wait(
    session: Session,
    jobs: tuple[str, ...],
    *,
    first: bool,
    timeout_s: float | None,
    mode: OutputMode,
) -> int:
    """Wait until jobs have ended, and exit as they did.

    The exit code is 0 if all completed, else that of the first in the order given that did not;
    with --any that of the job that ended first. Interrupting the wait leaves the jobs alone.
    """
    from pdb_cli.jobs.wait import wait_for_jobs  # noqa: PLC0415 - only for this subcommand

    store = JobStore(session.jobs_dir())
    job_ids = _resolve(store, jobs)
    ended: dict[str, Job] = {}
    try:
        for job in wait_for_jobs(store, job_ids, timeout_s=timeout_s):
            ended[job.id] = job
            if mode is OutputMode.TEXT:
                session.say(end_line(job))
            if first:
                break
    except KeyboardInterrupt:
        going_on = [job_id for job_id in job_ids if job_id not in ended]
        session.say(f"\nstopped waiting; still to end: {', '.join(going_on)} (jobs go on)")
        return ExitCode.INTERRUPTED
    finally:
        in_order = [ended[job_id] for job_id in job_ids if job_id in ended]
        write_records(in_order, mode=mode)
    return next((code for job in in_order if (code := exit_code_of(job))), ExitCode.DONE)


@click.command()
@_jobs_argument
@click.option("--reason", metavar="TEXT", help="Why; kept in the job's record.")
@click.option(
    "--grace",
    "grace_s",
    type=SECONDS,
    metavar="S",
    help="Seconds until what has not ended is killed [default: as set when the job started].",
)
@click.option("--force", is_flag=True, help="Kill at once, and the supervisor if it does not act.")
@_output
@click.pass_obj
def cancel(
    session: Session,
    jobs: tuple[str, ...],
    *,
    reason: str | None,
    grace_s: float | None,
    force: bool,
    mode: OutputMode,
) -> int:
    """End jobs and whatever they have started.

    The whole process tree of each is ended, then it is said how.
    """
    from pdb_cli.cli.errors import describe  # noqa: PLC0415 - only for this subcommand
    from pdb_cli.jobs.cancel import cancel_jobs  # noqa: PLC0415 - only for this subcommand

    if grace_s is not None and force:
        raise InvalidValueError("--grace", f"{grace_s:g}", "no --force beside it")
    if grace_s is not None and grace_s > LONGEST_GRACE_S:
        raise InvalidValueError("--grace", f"{grace_s:g}", f"at most {LONGEST_GRACE_S} s")
    store = JobStore(session.jobs_dir())
    outcomes = cancel_jobs(
        store,
        _resolve(store, jobs),
        user=session.user(),
        reason=reason or None,
        grace_s=grace_s,
        force=force,
    )
    code, ended = ExitCode.DONE, []
    for outcome in outcomes:
        if not isinstance(outcome, Job):
            session.complain(describe(outcome).lines[0])
            code = ExitCode.FAILED
            continue
        ended.append(outcome)
        if mode is OutputMode.TEXT:
            session.say(f"{outcome.id}: {printable(outcome.reason or outcome.status)}")
        if outcome.status is not JobStatus.CANCELLED:
            code = ExitCode.FAILED
    write_records(ended, mode=mode)
    return code


@click.command()
@click.argument("job", shell_complete=complete_job)
@click.option(
    "--notify",
    metavar="TARGET",
    help="A command or an Apprise URL, told when the new job has ended; '' for nobody "
    "[default: as before].",
)
@click.option(
    "--force", is_flag=True, help="Also inside a batch allocation, whose end ends the job."
)
@_output
@click.pass_obj
def restart(
    session: Session, job: str, *, notify: str | None, force: bool, mode: OutputMode
) -> int:
    """Run the arguments of a job that has ended again, as a new job.

    What it had finished is not done twice, unless it was told to do all again. Directory, lists
    and label are those of the old job; the environment is today's.
    """
    from pdb_cli.cli import background  # noqa: PLC0415 - only for this subcommand
    from pdb_cli.jobs.restart import (  # noqa: PLC0415 - as above
        find_restartable,
        remembered_target,
        restart_job,
    )

    store = JobStore(session.jobs_dir())
    old = find_restartable(store, store.resolve(job))
    background.look_ahead(session, force=force)
    target = remembered_target(old) if notify is None else notify
    if target is None:
        session.say(f"whoever was told before ({old.notify}) is not: no record keeps secrets")
    new = restart_job(
        store,
        old,
        handling=background.make_handling(session, target),
        supervisor=background.take_supervisor(session),
        user=session.user(),
        grace_s=session.settings().jobs.grace_s,
    )
    if mode is OutputMode.TEXT:
        background.announce(session, new)
    write_records([new], mode=mode)
    return ExitCode.DONE


@click.command()
@click.option(
    "--older-than",
    metavar="DURATION",
    default="7d",
    show_default=True,
    help="Only jobs that ended longer ago: 30s, 5m, 2h, 7d, 1w.",
)
@click.option("--failed", is_flag=True, help="Only jobs that failed.")
@click.option(
    "--keep", type=click.IntRange(0), default=0, metavar="N", help="Not the N that ended last."
)
@click.option("-n", "--dry-run", is_flag=True, help="Only list what would be removed.")
@_output
@click.pass_obj
def clean(
    session: Session,
    older_than: str,
    *,
    failed: bool,
    keep: int,
    dry_run: bool,
    mode: OutputMode,
) -> int:
    """Remove the records of jobs that ended.

    Live jobs are never touched. A record goes only if every condition holds: it ended longer ago
    than --older-than, it failed (with --failed), and it is not among the N that ended last (with
    --keep).
    """
    from pdb_cli.cli.durations import parse_duration  # noqa: PLC0415 - only for this subcommand
    from pdb_cli.jobs.clean import plan_clean, remove_planned  # noqa: PLC0415 - as above

    store = JobStore(session.jobs_dir())
    plan = plan_clean(
        store,
        older_than_s=parse_duration(older_than, name="--older-than"),
        now_s=time.time(),
        status=JobStatus.FAILED if failed else None,
        keep=keep,
    )
    gone = {*(job.id for job in plan.jobs), *plan.never_started}
    if not dry_run:
        gone = set(remove_planned(store, plan).removed)
    _show_cleaned(plan, gone, mode=mode, dry_run=dry_run)
    if mode is OutputMode.TEXT:
        noun = f"{'failed ' if failed else ''}{'job' if len(gone) == 1 else 'jobs'}"
        spared = f", but for the {keep} that ended last" if keep else ""
        session.say(
            f"{'would remove' if dry_run else 'removed'} {len(gone)} {noun} "
            f"that ended more than {older_than} ago{spared}"
        )
    if plan.unreadable:
        raise JobRecordError(
            ", ".join(plan.unreadable),
            f"left in {store.jobs_dir}; remove it there by hand if nobody needs it",
        )
    return ExitCode.DONE


def _resolve(store: JobStore, references: Sequence[str]) -> list[str]:
    """Return the ids that are meant, each once; a wrong one is an error before anything is done."""
    return list(dict.fromkeys([store.resolve(reference) for reference in references]))


def _show_cleaned(plan: CleanPlan, gone: set[str], *, mode: OutputMode, dry_run: bool) -> None:
    """Write what was removed for programs, what would be removed also for people."""
    from pdb_cli.cli.job_table import local_time, posix_time  # noqa: PLC0415 - only for this one
    from pdb_cli.jobs.index import shortened  # noqa: PLC0415 - as above

    rows = [as_row(job) for job in plan.jobs if job.id in gone]
    rows += [
        {"id": job_id, "status": "never started"} for job_id in plan.never_started if job_id in gone
    ]
    if mode is OutputMode.TEXT:
        if not dry_run or not rows:
            return
        for row in rows:
            row["finished"] = local_time(posix_time(row.get("finished_at")))
            row["command"] = shortened(row.get("command", ""))
    write_rows(rows, mode=mode, columns=_CLEAN_COLUMNS)
