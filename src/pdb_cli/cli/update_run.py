"""Run ``update`` in the foreground: events to the reporter, rows to stdout, a summary."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.cli.collection import hold
from pdb_cli.cli.errors import describe
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import OutputMode, human_size, write_rows
from pdb_cli.cli.progress import LineReporter, make_reporter
from pdb_cli.cli.update_report import write_report
from pdb_cli.cli.update_rows import ALL_COLUMNS, COLUMNS, update_row
from pdb_cli.config.network import choose_http_options
from pdb_cli.errors import CollectionBusyError, FileAccessError, HoldingsError, TransferError
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.update.check import CollectionCheck
from pdb_cli.operations.update.model import (
    WANTED_STATES,
    FileState,
    ObsoleteAction,
    UpdatedFile,
    UpdateResult,
)
from pdb_cli.operations.update.obsolete import successors_of
from pdb_cli.operations.update.run import is_wanted, run_update
from pdb_cli.storage.collection import Collection
from pdb_cli.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.cli.progress import Reporter
    from pdb_cli.cli.session import Session
    from pdb_cli.errors import PdbCliError
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.update.model import JudgedFile, UpdateRequest

_MOST_IDS_SHOWN = 5
_STOPS = (FileAccessError, CollectionBusyError, TransferError, HoldingsError)
"""What ends a run, or keeps its report from being written, after other files are settled."""
_DONE = frozenset({UpdateResult.UPDATED, UpdateResult.FOLLOWED})


class UpdateRun:
    """One run of the command.

    Parameters
    ----------
    session
        This run.
    request
        What is asked for.
    mode
        How rows are written.
    report_path
        Where the report on changes goes, if one is wanted.
    every_line
        Whether to tell of every file also where nobody watches.
    """

    def __init__(
        self,
        session: Session,
        request: UpdateRequest,
        *,
        mode: OutputMode,
        report_path: Path | None,
        every_line: bool,
    ) -> None:
        self._session = session
        self._request = request
        self._mode = mode
        self._report_path = report_path
        self._every_line = every_line
        self._collection = Collection(request.root, request.data_type_dirs)
        self._options = choose_http_options(session.settings(), session.environ)
        self._retry = RetryPolicy(retries=session.settings().download.retry)
        self._updated: list[UpdatedFile] = []
        self._states: Counter[FileState] = Counter()
        self._results: Counter[UpdateResult] = Counter()
        self._received_bytes = 0

    def check(self, *, exit_code: bool, dry: bool) -> int:
        """Say what is not up to date; change no file.

        Parameters
        ----------
        exit_code
            Whether an outdated file makes the exit code 1.
        dry
            Whether to keep no trace of having looked, and to list only what would be done.

        Returns
        -------
        int
            0, or 3 if some files could not be settled, or were asked for and are not here.
        """
        with self._reporter() as show, self._catalogue(show, writable=not dry) as catalogue:
            check = self._new_check(catalogue, show)
            with closing(check.judge(with_current=self._shows_current)) as judged_files:
                for judged in judged_files:
                    self._states[judged.state] += 1
                    if not dry or self._would_change(judged):
                        self._updated.append(UpdatedFile(judged))
            if self._request.follow:
                obsolete = [
                    one.judged for one in self._updated if one.judged.state is FileState.OBSOLETE
                ]
                known = [one.judged for one in self._updated]
                successors = successors_of(obsolete, self._collection, without=known)
                self._updated += map(UpdatedFile, successors)
            self._report(check, catalogue)
        self._write_rows(done=False)
        self._session.say(self._summary(check, done=False))
        if exit_code and any(self._states[state] for state in WANTED_STATES):
            return ExitCode.FAILED
        return self._code(check)

    def update(self, *, wait: bool) -> int:
        """Bring the collection up to date, and say how it went.

        Parameters
        ----------
        wait
            Whether to wait for who else changes the collection.

        Returns
        -------
        int
            0 if everything is up to date now, 3 if something failed, 1 if nothing else is here.
        """
        stopped: PdbCliError | None = None
        with self._reporter() as show:
            lock = hold(self._session, self._request.root, wait=wait, observe=show)
            with lock, self._catalogue(show) as catalogue:
                check = self._new_check(catalogue, show)
                try:
                    updates = run_update(
                        self._request,
                        check,
                        self._collection,
                        catalogue,
                        options=self._options,
                        retry=self._retry,
                        observe=show,
                        guard=lock.check,
                    )
                    with closing(updates):
                        for updated in updates:
                            self._add(updated)
                    self._report(check, catalogue)
                except _STOPS as error:
                    if not self._updated:
                        raise
                    stopped = error
                finally:
                    # What was done is told however the run ended, an interrupt included.
                    self._write_rows(done=True)
                    self._session.say(self._summary(check, done=True))
        if stopped is not None:
            self._session.complain(describe(stopped).lines[0])
            return ExitCode.PARTIAL
        return self._code(check)

    def _would_change(self, judged: JudgedFile) -> bool:
        """Tell whether an update would do something about a file."""
        if judged.state is FileState.OBSOLETE:
            return self._request.follow or self._request.obsolete is not ObsoleteAction.REPORT
        return is_wanted(judged, self._request)

    @property
    def _shows_current(self) -> bool:
        """Whether rows of files that are up to date are wanted."""
        return self._session.verbosity > 0 or self._request.force

    def _reporter(self) -> Reporter:
        """Return who shows events."""
        session = self._session
        if self._every_line and session.job_dir() is None and not session.draws():
            return LineReporter(session, every_file=True)
        return make_reporter(session)

    def _catalogue(self, show: Reporter, *, writable: bool = True) -> Catalogue:
        """Open what is known of the collection."""
        return open_catalogue(self._collection, writable=writable, observe=show)

    def _new_check(self, catalogue: Catalogue, show: Reporter) -> CollectionCheck:
        """Return a comparison that has not begun."""
        return CollectionCheck(
            self._request,
            self._collection,
            catalogue,
            options=self._options,
            retry=self._retry,
            observe=show,
        )

    def _add(self, updated: UpdatedFile) -> None:
        """Count what was done."""
        self._updated.append(updated)
        self._states[updated.judged.state] += 1
        if updated.result is not None:
            self._results[updated.result] += 1
        self._received_bytes += updated.size_bytes

    def _report(self, check: CollectionCheck, catalogue: Catalogue) -> None:
        """Write the report on changes, if one is wanted."""
        if self._report_path is not None:
            write_report(self._report_path, check, catalogue, self._updated, self._states)

    def _write_rows(self, *, done: bool) -> None:
        """Write rows to stdout: in text only if there are any."""
        shown = self._updated
        if self._mode is OutputMode.IDS:
            shown = [
                one
                for one in shown
                if one.result in _DONE
                or (one.result is None and is_wanted(one.judged, self._request))
            ]
        rows = [update_row(one, self._mode) for one in shown]
        if self._mode is OutputMode.TEXT and not rows:
            return
        columns = dict.fromkeys(ALL_COLUMNS, "")
        if self._mode is OutputMode.TEXT:
            # Who only looked has no results.
            columns = {key: COLUMNS[key] for key in COLUMNS if done or key != "result"}
        write_rows(rows, mode=self._mode, columns=columns)

    def _code(self, check: CollectionCheck) -> ExitCode:
        """Say with the exit code whether all could be done."""
        for entry in check.absent[:_MOST_IDS_SHOWN]:
            text = f"{entry} is not in the collection; 'pdb-cli download {entry}' adds it"
            self._session.complain(text)
        bad = self._results[UpdateResult.FAILED] + self._results[UpdateResult.NOT_FOUND]
        unknown = check.unsettled + check.unreadable + len(check.absent)
        if not bad and not unknown:
            return ExitCode.DONE
        good = check.up_to_date + sum(self._states.values()) - bad - check.unsettled
        return ExitCode.PARTIAL if good else ExitCode.FAILED

    def _summary(self, check: CollectionCheck, *, done: bool) -> str:
        """Sum up in one line; what was dealt with is told by what was done about it."""
        counts = {words: self._results[result] for result, words in _WORDS.items()}
        untried = sum(one.is_untried for one in self._updated)
        counts[_WORDS[UpdateResult.FAILED]] -= untried
        counts["not tried"] = untried
        parts = [f"{count} {words}" for words, count in counts.items() if count]
        parts.append(f"{check.up_to_date} up to date")
        states = Counter(self._states)
        if done:
            states = Counter(one.judged.state for one in self._updated if _is_left(one))
        states[FileState.UP_TO_DATE] = 0
        parts += [f"{states[state]} {state}" for state in FileState if states[state]]
        if len(check.absent) > _MOST_IDS_SHOWN:
            parts.append(f"{len(check.absent)} not in the collection")
        text = ", ".join(parts)
        return text + (f"; {human_size(self._received_bytes)}" if self._received_bytes else "")


def _is_left(updated: UpdatedFile) -> bool:
    """Tell whether a file still is what it was."""
    return updated.result in {None, UpdateResult.KEPT}


_WORDS = {
    UpdateResult.UPDATED: "updated",
    UpdateResult.FOLLOWED: "fetched as successors",
    UpdateResult.MOVED: "moved to the obsolete entries",
    UpdateResult.TRASHED: "moved to the trash",
    UpdateResult.NOT_FOUND: "not found",
    UpdateResult.FAILED: "failed",
}
