"""Run ``sync`` in the foreground: events to the reporter, a plan or a result to stdout."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pdb_cli.cli.collection import hold, known_roots, typed_command
from pdb_cli.cli.errors import describe, reason_of
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import (
    OutputMode,
    human_size,
    human_time_taken,
    json_text,
    printable,
    text_table,
    write_document,
)
from pdb_cli.cli.progress import make_reporter
from pdb_cli.cli.registry import PROGRAM
from pdb_cli.cli.suspension import suspends_whole
from pdb_cli.cli.sync_ways import make_factories
from pdb_cli.errors import DeleteLimitError, FileAccessError, ListDoubtError, PdbCliError
from pdb_cli.jobs.identity import this_place
from pdb_cli.jobs.model import utc_now
from pdb_cli.operations.collection_plan import PLAN_SCHEMA, change_row, group_row
from pdb_cli.operations.sync.absent import absent_entries
from pdb_cli.operations.sync.condemned import FOUND_BAD
from pdb_cli.operations.sync.record import RUN_SCHEMA, append_run, result_row
from pdb_cli.operations.sync.result import SyncResult
from pdb_cli.operations.sync.run import SyncRun

if TYPE_CHECKING:
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.cli.session import Session
    from pdb_cli.cli.sync_request import Asked
    from pdb_cli.operations.collection_plan import CollectionPlan, Tally
    from pdb_cli.operations.sync.result import TreeResult

_SIGNAL_BASE = 128
_WIDTH_OF_SIZE = 8
_WIDTH_OF_REASON = len(FOUND_BAD)
_MOST_NAMED = 10


def show_plan(session: Session, asked: Asked, *, mode: OutputMode, progress: bool) -> int:
    """Write what a run would do to stdout; change nothing.

    Parameters
    ----------
    session
        This run.
    asked
        What is wanted.
    mode
        ``json`` writes one document with every change.
    progress
        Whether progress is wanted also without a terminal.

    Returns
    -------
    int
        0, or 3 when some trees could not be planned or only in part, 1 when none could at all.

    Raises
    ------
    DeleteLimitError, NoSpaceError
        A run would stop before it begins; the plan is written all the same.
    """
    with make_reporter(session, always=progress) as observe:
        run = SyncRun(asked.request, make_factories(session, asked), observe=observe)
        plan = run.plan()
    if mode is OutputMode.JSON:
        _write_json(plan, asked.request.target)
    else:
        _write_text(plan)
        # The sums come last also where both streams go to one pipe.
        sys.stdout.flush()
        for line in _sums(plan):
            session.say(line)
    # Who is told that too much would go wants to see what.
    run.check_plan()
    return _tell_errors(session, asked, run.result, planned_only=True)


def run(session: Session, asked: Asked, *, mode: OutputMode, progress: bool) -> int:
    """Bring the collection up to date, and say how it went.

    Parameters
    ----------
    session
        This run.
    asked
        What is wanted.
    mode
        ``json`` writes the result as one document.
    progress
        Whether progress is wanted also without a terminal.

    Returns
    -------
    int
        0 if all is as the mirror has it, 3 if a part is, 1 if nothing is.

    Raises
    ------
    PdbCliError
        Nothing could be done: the collection is somebody's, no mirror answers, a list can not be
        believed, the disk is full.
    """
    record = _Record(session, asked)
    with (
        make_reporter(session, always=progress) as observe,
        hold(session, asked.request.collection, wait=asked.wait, observe=observe) as lock,
        suspends_whole(lock.check),
    ):
        record.begin()
        run = SyncRun(asked.request, make_factories(session, asked), observe=observe)
        try:
            run.carry_out(lock)
        except BaseException as error:
            code = _code_of(error)
            did_something = run.result.transferred.files or run.result.removed.files
            if did_something and code == ExitCode.FAILED and isinstance(error, PdbCliError):
                code = ExitCode.PARTIAL
            record.write(run.result, code=code, reason=_reason_of(error))
            if did_something:
                session.say(record.summary(run.result))
            if code != ExitCode.PARTIAL:
                raise
            session.complain(f"{PROGRAM}: {_reason_of(error)}")
            return code
        code = _exit_code(asked, run.result)
        content = record.write(run.result, code=code, reason=_first_error(run.result))
    session.say(record.summary(run.result))
    if mode is OutputMode.JSON:
        write_document(content)
    return _tell_errors(session, asked, run.result, planned_only=False)


def exit_code(result: SyncResult) -> ExitCode:
    """Say with the exit code what the summary says in words.

    Parameters
    ----------
    result
        What came of a run.
    """
    if result.is_well:
        return ExitCode.DONE
    return ExitCode.PARTIAL if result.did_something else ExitCode.FAILED


class _Record:
    """The record of this run in the collection.

    Parameters
    ----------
    session
        This run.
    asked
        What is wanted.
    """

    def __init__(self, session: Session, asked: Asked) -> None:
        self._session = session
        self._asked = asked
        self._started_at = utc_now()
        self._started_s = time.monotonic()

    def begin(self) -> None:
        """Write that it has begun, for ``--last`` after a power failure; the end is told anyway."""
        unknown = dict.fromkeys(("finished_at", "exit_code", "reason", *result_row(SyncResult())))
        with suppress(FileAccessError):
            append_run(self._asked.request.collection, {**self._head(), **unknown, "trees": []})

    def _head(self) -> dict[str, Any]:
        """Return what is known from the beginning."""
        job_dir = self._session.job_dir()
        return {
            "target": self._asked.request.target,
            "command": typed_command(self._session),
            "host": this_place().host,
            "pid": os.getpid(),
            "job": None if job_dir is None else job_dir.name,
            "started_at": self._started_at,
        }

    def write(self, result: SyncResult, *, code: int, reason: str | None) -> dict[str, Any]:
        """Write it, and return what --last will show; a full disk must not hide how it went."""
        content = {
            **self._head(),
            "finished_at": utc_now(),
            "exit_code": int(code),
            "reason": reason,
            **result_row(result),
        }
        request = self._asked.request
        # What is kept elsewhere says nothing about the root.
        files = sum(
            tree.files_here
            for tree in result.trees.values()
            if tree.tree.root.is_relative_to(request.collection)
        )
        known_roots(self._session).note(request.collection, files, anew=request.trust_list)
        try:
            append_run(request.collection, content)
        except FileAccessError as error:
            self._session.complain(f"{PROGRAM}: --last will not show this run: {reason_of(error)}")
        return {"schema": RUN_SCHEMA, **content, "state": "ended"}

    def summary(self, result: SyncResult) -> str:
        """Sum up in one line."""
        took_s = time.monotonic() - self._started_s
        kept = sum(tree.kept_files for tree in result.trees.values())
        parts = [f"{result.transferred.files} transferred", f"{kept} up to date"]
        vanished = sum(tree.vanished for tree in result.trees.values())
        for number, what in (
            (result.removed.files, "removed"),
            (vanished, "not on the mirror"),
            (result.failed_files, "failed"),
        ):
            if number:
                parts.append(f"{number} {what}")
        text = ", ".join(parts)
        if result.transferred.size_bytes:
            size_bytes = result.transferred.size_bytes
            took = human_time_taken(took_s)
            text += f"; {human_size(size_bytes)} in {took}"
        return text


def _tell_errors(session: Session, asked: Asked, result: SyncResult, *, planned_only: bool) -> int:
    """Say what is not done, a line per tree; return the exit code."""
    wrong = [tree for tree in result.trees.values() if not tree.is_well]
    for tree in wrong:
        if tree.reason is not None:
            session.complain(f"{PROGRAM}: {_error_text(tree)}")
    if _has_nothing(asked, result):
        session.complain(f"{PROGRAM}: the mirror has no such files of these entries")
        return ExitCode.FAILED
    if absent := _absent(asked, result):
        more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
        names = ", ".join(map(str, absent[:_MOST_NAMED]))
        session.complain(f"{PROGRAM}: the mirror has no such files of {names}{more}")
    if planned_only and wrong:
        nothing = all(tree.plan is None for tree in result.trees.values())
        return ExitCode.FAILED if nothing else ExitCode.PARTIAL
    return _exit_code(asked, result)


def _exit_code(asked: Asked, result: SyncResult) -> ExitCode:
    """Return the exit code, entries that do not exist considered."""
    if _has_nothing(asked, result):
        return ExitCode.FAILED
    code = exit_code(result)
    return ExitCode.PARTIAL if code is ExitCode.DONE and _absent(asked, result) else code


def _absent(asked: Asked, result: SyncResult) -> tuple[EntryId, ...]:
    """Return the entries that were asked for by their ids and that nobody has."""
    if not asked.request.selection.entries:
        return ()
    planned = [(tree.tree, tree.plan) for tree in result.trees.values() if tree.plan is not None]
    if len(planned) < len(result.trees):
        return ()  # what was not listed may have them
    return absent_entries(asked.request.selection, planned)


def _first_error(result: SyncResult) -> str | None:
    """Return why the run did not do all, if it did not."""
    errors = [tree for tree in result.trees.values() if tree.reason is not None]
    if not errors:
        return None
    return _error_text(errors[0])


def _has_nothing(asked: Asked, result: SyncResult) -> bool:
    """Tell whether all went well, and not a file of the entries is on the mirror or here."""
    if asked.request.selection.is_all or not result.is_well:
        return False
    plans = [tree.plan for tree in result.trees.values()]
    return not any(plan is None or plan.listing.files or plan.local_files for plan in plans)


def _error_text(tree: TreeResult) -> str:
    """Return why a tree is not done, with its name."""
    error = tree.reason
    if error is None:
        return ""
    text = reason_of(error)
    if error is tree.incomplete:
        text += "; only what is listed is synced, nothing is deleted"
    if tree.transferred.files:
        # A plan that was made anew, after files had come.
        text = text.replace("nothing was changed", "nothing more was changed")
    named = isinstance(error, ListDoubtError | DeleteLimitError)
    return text if named else f"{tree.tree.name}: {text}"


def _code_of(error: BaseException) -> int:
    """Return the exit code that an exception will end in."""
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    number = getattr(error, "number", None)
    if not isinstance(error, Exception) and isinstance(number, int):
        return _SIGNAL_BASE + number
    return describe(error).exit_code


def _reason_of(error: BaseException) -> str:
    """Return why a run ended early."""
    if isinstance(error, PdbCliError | OSError):
        return reason_of(error)
    return "interrupted" if not isinstance(error, Exception) else repr(error)


def _write_text(plan: CollectionPlan) -> None:
    """Write every change in a line: what happens, how large, why, to which file."""
    for change in plan.changes:
        size = "" if change.size_bytes is None else human_size(change.size_bytes)
        sys.stdout.write(
            f"{change.action:<7}  {size:>{_WIDTH_OF_SIZE}}  {change.reason:<{_WIDTH_OF_REASON}}  "
            f"{printable(change.path)}\n"
        )


def _sums(plan: CollectionPlan) -> list[str]:
    """Return the sums of each group as a table."""
    columns = {
        "name": "",
        "new": "NEW",
        "changed": "CHANGED",
        "delete": "DELETE",
        "kept": "KEPT",
        "from": "FROM",
    }
    rows: list[dict[str, Any]] = [
        {
            "name": group.name,
            "new": _tally_text(group.new),
            "changed": _tally_text(group.changed),
            "delete": _tally_text(group.deleted),
            "kept": _tally_text(group.kept),
            "from": f"{group.listing.mirror} by {group.listing.transport}",
        }
        for group in plan.groups
    ]
    lines = text_table(rows, columns)
    if any(group.new.unsized or group.changed.unsized for group in plan.groups):
        lines = [*lines, "size unknown where none is shown: the lists that https reads have none"]
    return lines


def _tally_text(tally: Tally) -> str:
    """Return a number of files and their bytes."""
    if not tally.files:
        return "0"
    if tally.unsized == tally.files:
        return str(tally.files)
    more = "more than " if tally.unsized else ""
    return f"{tally.files} ({more}{human_size(tally.size_bytes)})"


def _write_json(plan: CollectionPlan, target: str) -> None:
    """Write the plan as one document, change by change: there may be millions."""
    head = {
        "schema": PLAN_SCHEMA,
        "target": target,
        "groups": [group_row(group) for group in plan.groups],
    }
    sys.stdout.write(json_text(head)[:-1] + ', "changes": [')
    separator = "\n"
    for change in plan.changes:
        sys.stdout.write(separator + json_text(change_row(change)))
        separator = ",\n"
    sys.stdout.write("]}\n" if separator == "\n" else "\n]}\n")
