"""``pdb-cli jobs watch``: the list of jobs on the whole terminal, alive."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import click

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.watch_screen import draw
from pdb_cli.cli.watch_terminal import WatchTerminal
from pdb_cli.jobs.listing import JobFilter, list_jobs
from pdb_cli.jobs.model import FINAL_STATUSES, JobStatus, utc_text
from pdb_cli.jobs.progress import read_progress
from pdb_cli.jobs.store import JobStore

if TYPE_CHECKING:
    from rich.console import Console

    from pdb_cli.cli.session import Session
    from pdb_cli.jobs.listing import JobRow

_EVERY_S = 0.5
_AT_LEAST_IDLE = 10.0
"""How many times longer than looking and drawing took to wait: with thousands of jobs it takes."""
_ENDED_BEFORE_S = 300.0
"""How long ago a job may have ended, when the watch begins, to be shown."""
_SIGNAL_BASE = 128
_ENDED_BY = frozenset({signal.SIGTERM, signal.SIGHUP})
"""Signals that end the program for somebody else; all others are ways to leave."""


def watch_jobs(session: Session) -> int:
    """Show the jobs until ``q``, Ctrl-C or a signal; whatever happens, put the terminal back.

    Parameters
    ----------
    session
        This run.

    Returns
    -------
    int
        0, or 128 and the number of the signal that ended it.

    Raises
    ------
    click.UsageError
        Standard output is no terminal that can be drawn on.
    FileAccessError
        The jobs directory can not be read.
    """
    if not sys.stdout.isatty() or session.environ.get("TERM") in {None, "", "dumb", "unknown"}:
        raise click.UsageError(
            "jobs watch needs a terminal to draw on; "
            "'pdb-cli jobs' lists jobs once, 'pdb-cli jobs log --follow JOB' follows one"
        )
    try:
        number = _watch(session)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        # The terminal was closed: what there still is to write is for nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.HUNG_UP
    return _SIGNAL_BASE + number if number in _ENDED_BY else ExitCode.DONE


def _watch(session: Session) -> signal.Signals:
    """Show the jobs; return the signal that ended it, after saying what goes on."""
    store = JobStore(session.jobs_dir())
    with WatchTerminal() as terminal:
        from rich.console import Console  # heavy, and the signals are ours already

        console = Console(
            force_terminal=True,
            no_color=not session.uses_color(),
            markup=False,
            emoji=False,
            highlight=False,
        )
        ended_after = utc_text(time.time() - _ENDED_BEFORE_S)
        while True:
            number = _show(store, console, terminal, ended_after=ended_after)
            if number is not signal.SIGTSTP:
                break
            terminal.suspend()
        running = [row for row in _look(store, ended_after) if row.status == JobStatus.RUNNING]
        session.say(f"stopped watching{_what_goes_on(running)}")
    return number


def _show(
    store: JobStore, console: Console, terminal: WatchTerminal, *, ended_after: str
) -> signal.Signals:
    """Draw until a signal arrives that is about more than the size of the terminal."""
    from rich.live import Live

    with (
        terminal.keys(),
        Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live,
    ):
        while True:
            began_s = time.monotonic()
            rows = _look(store, ended_after)
            size = console.size
            live.update(draw(rows, time.time(), width=size.width, height=size.height), refresh=True)
            took_s = time.monotonic() - began_s
            number = terminal.wait(max(_EVERY_S, _AT_LEAST_IDLE * took_s))
            if number is not None and number is not signal.SIGWINCH:
                return number


def _look(store: JobStore, ended_after: str) -> list[JobRow]:
    """Return the jobs to show: those that run, those that wait, those that have ended."""
    rows = list_jobs(store, which=JobFilter.RECENT, now_s=time.time())
    running = [row for row in rows if row.status == JobStatus.RUNNING]
    queued = [row for row in rows if row.status == JobStatus.QUEUED]
    ended = [
        row._replace(progress=read_progress(store.paths(row.id).progress))
        for row in rows
        if row.status in FINAL_STATUSES and (row.finished_at or "") >= ended_after
    ]
    ended.sort(key=lambda row: row.finished_at or "", reverse=True)
    return [*running, *queued, *ended]


def _what_goes_on(running: list[JobRow]) -> str:
    """Say that leaving ended nothing."""
    if not running:
        return ""
    if len(running) == 1:
        return f"; {running[0].id} goes on"
    return f"; {len(running)} jobs go on"
