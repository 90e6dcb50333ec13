"""Run a validation in the foreground: rows to stdout, events to the reporter, a summary."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Self

from pdb_cli.cli.errors import describe, reason_of
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import OutputMode, human_size, human_time_taken
from pdb_cli.cli.progress import make_reporter
from pdb_cli.cli.row_stream import Column, RowStream
from pdb_cli.config.network import choose_http_options
from pdb_cli.errors import CollectionBusyError, FileAccessError
from pdb_cli.index.catalogue import open_catalogue
from pdb_cli.operations.validate.records import NewRecords
from pdb_cli.operations.validate.run import (
    FileStatus,
    Level,
    Repair,
    ValidateRequest,
    ValidationResult,
    run_validate,
)
from pdb_cli.storage.collection import Collection
from pdb_cli.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.archive.ids import EntryId
    from pdb_cli.cli.ids_input import IdsInput
    from pdb_cli.cli.session import Session
    from pdb_cli.index.catalogue import Catalogue
    from pdb_cli.operations.validate.run import Finding

_COLUMNS = {
    "id": Column("ENTRY", len("ENTRY")),
    "type": Column("TYPE", len("structures")),
    "format": Column("FORMAT", len("FORMAT")),
    "level": Column("LEVEL", len("content")),
    "status": Column("STATUS", len("no record")),
    "defect": Column("DEFECT", len("trailing-bytes")),
    "path": Column("PATH"),
    "detail": Column("DETAIL"),
}
_HIDDEN = frozenset({FileStatus.GONE, FileStatus.SKIPPED})
_MOST_NAMED = 20
"""Ids or files named on stderr; more of them are counted."""
_FLUSH_EVERY_S = 0.5


def run(
    session: Session,
    root: Path,
    ids: IdsInput | None,
    *,
    since_s: float | None,
    options: dict[str, Any],
) -> int:
    """Look at files, and say how it went.

    Parameters
    ----------
    session
        This run.
    root
        The collection's.
    ids
        The entries to look at; None for all.
    since_s
        Files that passed the level in the last so many seconds are skipped; None for all.
    options
        Those of the command.

    Returns
    -------
    int
        0 if there are no defects, or none any more; 3 if some remain, or if there are no files of
        some of the ids, or a directory could not be read, or records could not be kept; 1 if there
        are none of any.

    Raises
    ------
    CollectionBusyError
        With ``--fix``: somebody else is changing the collection.
    FileAccessError
        The process has no descriptors or no memory left.
    """
    settings = session.settings()
    collection = Collection(root, settings.paths.data_type_dirs)
    request = ValidateRequest(
        Level[options["level"].upper()],
        types=frozenset(options["data_types"]) or None,
        formats=frozenset(options["formats"]) or None,
        entries=None if ids is None else frozenset(ids.entries),
        since_s=None if since_s is None else time.time() - since_s,
        records=options["record"],
        workers=options["workers"] or _processors(),
    )
    repair = None
    if options["fix"]:
        repair = Repair(
            settings.preferred_mirrors(),
            choose_http_options(settings, session.environ),
            RetryPolicy(retries=settings.download.retry),
        )
    result = ValidationResult()
    absent = set() if ids is None else set(ids.entries)
    started_s = time.monotonic()
    stopped: FileAccessError | CollectionBusyError | None = None
    with ExitStack() as stack:
        observe = stack.enter_context(make_reporter(session, always=options["progress"]))
        if repair is not None:
            from pdb_cli.cli.collection import hold  # noqa: PLC0415 - only to fix

            lock = stack.enter_context(hold(session, root, wait=options["wait"], observe=observe))
            repair = repair._replace(guard=lock.check)
        catalogue = stack.enter_context(open_catalogue(collection, observe=observe))
        unreadable = catalogue.refresh().unreadable
        for directory, reason in unreadable:
            session.complain(f"{directory}: {reason}; what is in it was not looked at")
        records = NewRecords(catalogue)
        rows = stack.enter_context(_Rows(options["mode"], errors_only=options["errors_only"]))
        findings = run_validate(collection, catalogue, request, repair=repair, observe=observe)
        try:
            with closing(findings):
                for finding in findings:
                    result.add(finding)
                    records.add(finding)
                    absent.discard(finding.collected.file.entry)
                    rows.add(finding)
        except (FileAccessError, CollectionBusyError) as error:
            if repair is None:
                raise
            stopped = error
        finally:
            records.settle()
            session.say(_summary(result, request, records, time.monotonic() - started_s))
        _say_what_was_left_out(session, catalogue, everything=ids is None)
    lost = records.made - records.kept
    if lost:
        session.complain(
            f"{lost} of {records.made} records could not be kept: the catalogue in "
            f"{collection.state_dir} can not be written"
        )
    if stopped is not None:
        session.complain(describe(stopped).lines[0])
        return ExitCode.PARTIAL if result.files else ExitCode.FAILED
    code = _exit_code(session, result, ids, absent)
    return ExitCode.PARTIAL if (unreadable or lost) and code is ExitCode.DONE else code


class _Rows:
    """Findings on stdout, as they come."""

    def __init__(self, mode: OutputMode, *, errors_only: bool) -> None:
        self._mode = mode
        self._errors_only = errors_only
        self._stream = RowStream(mode, columns=_COLUMNS, fields=_FIELDS)
        self._seen: set[EntryId] = set()
        self._flushed_s = 0.0

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.__exit__(*exception)

    def add(self, finding: Finding) -> None:
        """Write one finding, if it is wanted."""
        is_bad = finding.status is FileStatus.DEFECT
        if self._mode is OutputMode.IDS:
            entry = finding.collected.file.entry
            if not is_bad or entry in self._seen:
                return
            self._seen.add(entry)
        elif finding.status in _HIDDEN or (
            self._errors_only and not is_bad and finding.status is not FileStatus.FIXED
        ):
            return
        self._stream.write(finding_row(finding))
        # Good ones come by the thousand in a second.
        now_s = time.monotonic()
        if is_bad or now_s - self._flushed_s > _FLUSH_EVERY_S:
            self._flushed_s = now_s
            self._stream.flush()


_FIELDS = (
    "id", "type", "format", "assembly", "path", "level", "status", "defect", "detail", "bytes",
    "sha256",
)  # fmt: skip


def finding_row(finding: Finding) -> dict[str, Any]:
    """Return what is said about one file, as data.

    Parameters
    ----------
    finding
        What a look at it came to.
    """
    file = finding.collected.file
    detail = finding.detail
    if finding.error is not None:
        detail = f"{detail}; not fetched again: {reason_of(finding.error)}"
    return {
        "id": str(file.entry),
        "type": str(file.data_type),
        "format": str(file.file_format),
        "assembly": file.assembly,
        "path": str(finding.collected.path),
        "level": None if finding.level is None else finding.level.name.lower(),
        "status": str(finding.status),
        "defect": None if finding.defect is None else str(finding.defect),
        "detail": detail or None,
        "bytes": finding.size_bytes,
        "sha256": finding.sha256,
    }


def _processors() -> int:
    """Return how many processors this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _summary(
    result: ValidationResult, request: ValidateRequest, records: NewRecords, duration_s: float
) -> str:
    """Sum up in one line."""
    counts = result.counts
    parts = [f"{counts[FileStatus.OK]} ok"]
    for status, text in (
        (FileStatus.NO_RECORD, "no record"),
        (FileStatus.FIXED, "fixed"),
        (FileStatus.DEFECT, "with defects"),
        (FileStatus.SKIPPED, "verified lately"),
        (FileStatus.GONE, "gone meanwhile"),
    ):
        if counts[status]:
            parts.append(f"{counts[status]} {text}")
    text = f"{', '.join(parts)} (level {request.level.name.lower()})"
    if request.records:
        text += f"; {records.kept} records made"
    if result.from_before:
        text += f"; {result.from_before} of them looked at before"
    if result.looked_at_bytes and request.level > Level.SIZE:
        rate = human_size(result.looked_at_bytes / max(duration_s, 1e-6))
        took = human_time_taken(duration_s)
        text += f"; {human_size(result.looked_at_bytes)} in {took} ({rate}/s)"
    if counts[FileStatus.DEFECT]:
        text += "; '--fix' fetches bad files again" if not counts[FileStatus.FIXED] else ""
    return text


def _say_what_was_left_out(session: Session, catalogue: Catalogue, *, everything: bool) -> None:
    """Count the files whose names are not the archive's; name them with ``-v``."""
    if not everything:
        return
    count = 0
    for other in catalogue.other_files():
        count += 1
        if session.verbosity > 0:
            session.say(f"not a file of the archive: {other.path}")
    if count:
        hint = "" if session.verbosity > 0 else " (-v names them)"
        noun = "file" if count == 1 else "files"
        session.say(f"{count} {noun} with other names than the archive's, not looked at{hint}")


def _exit_code(
    session: Session, result: ValidationResult, ids: IdsInput | None, absent: set[EntryId]
) -> ExitCode:
    """Say which entries have no file here; return what the exit code says."""
    if absent and ids is not None:
        named = [str(entry) for entry in ids.entries if entry in absent]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        session.complain(
            f"no such file in the collection: {', '.join(named[:_MOST_NAMED])}{more}; "
            f"'pdb-cli download' fetches them"
        )
        if len(absent) == len(set(ids.entries)):
            return ExitCode.FAILED
        return ExitCode.PARTIAL
    return ExitCode.PARTIAL if result.bad else ExitCode.DONE
