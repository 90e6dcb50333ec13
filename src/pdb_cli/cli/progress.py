"""What a person or a job sees of an operation's events.

On a terminal a bar; in a job ``progress.json`` and a line per file and try in the log; in a pipe
nothing but what failed for good, and with ``-v`` a line per file and try.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self, assert_never

from pdb_cli.cli.job_progress import progress_line
from pdb_cli.cli.output import human_size, printable
from pdb_cli.cli.tally import Tally
from pdb_cli.errors import FileAccessError
from pdb_cli.events import (
    AttemptFailed,
    BytesReceived,
    EntrySettled,
    Event,
    FileFailed,
    FilePresent,
    FilePublished,
    FileRemoved,
    FilesChecked,
    MoreFilesFailed,
    Note,
    PhaseBegan,
    PlanMade,
)
from pdb_cli.jobs.progress import write_progress

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rich.progress import Progress

    from pdb_cli.cli.session import Session

_SNAPSHOT_EVERY_S = 0.5
_PULSE_EVERY_S = 5.0


class Reporter(Protocol):
    """Something that shows events; a context manager, closed when the operation ends."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def __call__(self, event: Event) -> None:
        """Show one event."""
        ...


def make_reporter(session: Session, *, always: bool = False) -> Reporter:
    """Return the reporter that fits where this run's messages go.

    Parameters
    ----------
    session
        This run.
    always
        Whether progress is wanted also where no bar can be drawn.
    """
    job_dir = session.job_dir()
    if job_dir is not None:
        return JobReporter(session, job_dir / "progress.json")
    if session.draws():
        return BarReporter(session)
    return PulseReporter(session) if always else LineReporter(session)


class LineReporter:
    """Lines on stderr: failures always, files and tries with ``-v`` or when asked for."""

    def __init__(self, session: Session, *, every_file: bool = False) -> None:
        self._session = session
        self._every_file = every_file or session.verbosity > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing open."""

    def __call__(self, event: Event) -> None:
        """Write the line of an event, if it has one."""
        line = line_of(event, every_file=self._every_file)
        if line and isinstance(event, FileFailed | MoreFilesFailed):
            self._session.complain(line)
        elif line:
            self._session.say(line)


class PulseReporter(LineReporter):
    """Where no bar can be drawn: a line with the sums every few seconds, quiet or not."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tally = Tally()
        self._written_s = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Count, and now and then write a line."""
        self._tally.add(event)
        super().__call__(event)
        if time.monotonic() - self._written_s >= _PULSE_EVERY_S:
            self._written_s = time.monotonic()
            snapshot = self._tally.snapshot()
            self._session.complain(f"{snapshot.phase}: {progress_line(snapshot, time.time())}")


class JobReporter(LineReporter):
    """In a job: a line per file in the log, and a snapshot of the sums.

    It is written when a phase begins, else at most twice a second, and once more at the end.
    """

    def __init__(self, session: Session, snapshot: Path) -> None:
        super().__init__(session, every_file=True)
        self._path = snapshot
        self._tally = Tally()
        self._written_s = float("-inf")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last snapshot exact; its phase says ``done``, or during which it stopped."""
        if kind is None:
            self._tally.add(PhaseBegan("done"))
        self._write()

    def __call__(self, event: Event) -> None:
        """Count, log, and now and then write a snapshot."""
        self._tally.add(event)
        super().__call__(event)
        due = time.monotonic() - self._written_s >= _SNAPSHOT_EVERY_S
        if due or isinstance(event, PhaseBegan):
            self._write()

    def _write(self) -> None:
        self._written_s = time.monotonic()
        try:
            write_progress(self._path, self._tally.snapshot())
        except FileAccessError:
            # A full disk or a removed job directory must not stop the work itself.
            return


class BarReporter:
    """A bar on the terminal: files, bytes, rate, time left."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tally = Tally()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        from rich import progress
        from rich.console import Console

        colour = None if self._session.uses_color() else False
        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[received]}"),
            progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=Console(stderr=True, no_color=not colour if colour is False else None),
            transient=True,
            # Rows on the same terminal go above the bar. Data for a pipe or a file must stay there:
            # rich would print it where the bar is.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task("", total=None, received="")
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away; the summary stays."""
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Move the bar; lines go above it."""
        self._tally.add(event)
        if self._progress is None:
            return
        snapshot = self._tally.snapshot()
        self._progress.update(
            self._task,
            description=snapshot.phase,
            total=snapshot.files_total,
            completed=snapshot.files_settled,
            received=f"{human_size(snapshot.bytes_received)}, "
            f"{human_size(snapshot.rate_bytes_s)}/s",
        )
        line = line_of(event, every_file=self._session.verbosity > 0)
        if line:
            self._progress.console.print(line, markup=False, highlight=False)


def line_of(event: Event, *, every_file: bool) -> str | None:
    """Return the line an event is worth, if any.

    Parameters
    ----------
    event
        What happened.
    every_file
        Whether files that went well, and tries that will be made again, are worth a line.

    Examples
    --------
    >>> line_of(FilePublished("structures/divided/mmCIF/hh/4hhb.cif.gz", 156_000), every_file=True)
    'downloaded structures/divided/mmCIF/hh/4hhb.cif.gz (156 kB)'
    """
    line = _line_of(event, every_file=every_file)
    # Reasons are words of servers, and names of their files.
    return None if line is None else printable(line)


def _line_of(event: Event, *, every_file: bool) -> str | None:
    """Return the line, as it was told."""
    match event:
        case FilePublished():
            line = f"downloaded {event.name} ({human_size(event.size_bytes)})"
        case FilePresent():
            line = f"up to date {event.name}"
        case FileRemoved():
            line = f"removed {event.name}"
        case PlanMade():
            line = f"files wanted: {event.files_total}"
        case AttemptFailed():
            again = f"next try in {event.delay_s:.1f} s: {event.next_url}"
            line = f"{event.name}: {event.reason}; {again}"
            every_file = every_file or event.holds_up
        case FileFailed():
            return f"{event.name}: {event.reason}"
        case MoreFilesFailed():
            return f"... and {event.count} more files"
        case Note():
            return event.text
        case BytesReceived() | EntrySettled() | FilesChecked() | PhaseBegan():
            return None
        case _:
            assert_never(event)
    return line if every_file else None
