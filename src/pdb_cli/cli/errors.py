"""From an error's type and fields to what a user reads: one line, with the next step.

The only place where errors become text. ``describe`` knows every public error; anything else is a
bug in pdb-cli and says so.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, assert_never

import click

from pdb_cli import errors as e
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.output import printable
from pdb_cli.cli.registry import GLOBAL_OPTIONS, PROGRAM
from pdb_cli.jobs.model import WAIT_FOR
from pdb_cli.jobs.store import RESERVE_ACTION
from pdb_cli.storage.destination import CHECK_ACTION, CLAIM_ACTION
from pdb_cli.storage.state_dir import LOCK_NAME, STATE_DIR

_MOST_IDS_SHOWN = 1000
"""All, unless somebody passes a file of something else."""
_USER_INFO = r"(://)(?:[^\s'\"]*|[^/'\"]*)@"
_IDS_HINT = "ids look like 4hhb or pdb_00004hhb"
_MOST_NAMES_SHOWN = 25
_SILENCE_S = 60.0
"""Whoever changes a collection gives signs of life more often than that."""

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Message:
    """What is printed for an error, and the exit code that goes with it."""

    lines: tuple[str, ...]
    exit_code: ExitCode


def _one(text: str, exit_code: ExitCode = ExitCode.FAILED) -> Message:
    """Make a message of one line, without passwords and without characters that move the cursor."""
    safe = re.sub(_USER_INFO, r"\1***@", text)
    return Message((f"{PROGRAM}: {printable(safe)}",), exit_code)


@singledispatch
def describe(error: BaseException) -> Message:
    """Return the line for a user and the exit code for an error.

    Parameters
    ----------
    error
        Any exception.

    Examples
    --------
    >>> describe(e.UnknownJobError("job_abc123")).lines[0]
    "pdb-cli: no job 'job_abc123'; 'pdb-cli jobs --all' lists them"
    """
    kind = type(error).__name__
    return _one(f"unexpected {kind}: {error} (this is a bug; -v before the command shows where)")


@describe.register
def _(error: OSError) -> Message:
    subject = f"{error.filename}: " if error.filename is not None else ""
    return _one(f"the system refused: {subject}{error.strerror or error}")


@describe.register
def _(error: click.exceptions.NoArgsIsHelpError) -> Message:
    return Message(tuple(error.format_message().splitlines()), ExitCode.USAGE)


@describe.register
def _(error: click.NoSuchOption) -> Message:
    name, where = error.option_name, error.ctx.command_path if error.ctx else PROGRAM
    if any(name in row.usage.replace(",", " ").split() for row in GLOBAL_OPTIONS):
        command = where.removeprefix(PROGRAM).strip()
        text = f"{name} stands before the command: {PROGRAM} {name} {command} ..."
    elif error.possibilities:
        text = f"no option {name}; did you mean {error.possibilities[0]}?"
    else:
        text = f"no option {name}; '{where} --help' lists them"
    return Message((f"{where}: {text}",), ExitCode.USAGE)


@describe.register
def _(error: click.ClickException) -> Message:
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else PROGRAM
    hint = "" if ";" in text else f"; '{where} --help' shows the usage"
    return Message((f"{where}: {text.rstrip('.')}{hint}",), ExitCode.USAGE)


@describe.register
def _(error: click.Abort) -> Message:  # noqa: ARG001 - singledispatch goes by the type
    return _one("interrupted; run the same command again to go on", ExitCode.INTERRUPTED)


@describe.register
def _(error: e.InvalidIdsError) -> Message:
    text = list_invalid_ids(error.invalid)
    files = [bad.text for bad in error.invalid if bad.line is None and os.path.isfile(bad.text)]  # noqa: PTH113 - any text may be no path
    hint = f"is {files[0]} a list? Use -l {files[0]}" if files else _IDS_HINT
    return _one(f"{text}; {hint}", ExitCode.USAGE)


@describe.register
def _(error: e.EmptyListError) -> Message:
    if error.source is None:
        return _one("no ids given; name some, or use -l FILE or --stdin", ExitCode.USAGE)
    return _one(f"{error.source} holds no ids; one id per line is expected", ExitCode.USAGE)


@describe.register
def _(error: e.UnknownNameError) -> Message:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    near = get_close_matches(error.name.lower(), error.known, n=1)
    hints = [f"did you mean {near[0]}?"] if near else []
    if len(error.known) <= _MOST_NAMES_SHOWN:
        hints.append(f"known: {', '.join(error.known)}")
    if error.kind == "target":
        hints.append("(a PREFIX begins with a digit or pdb_)")
    return _one(f"no {error.kind} {error.name!r}; {' '.join(hints)}".rstrip("; "), ExitCode.USAGE)


@describe.register
def _(error: e.UnsupportedError) -> Message:
    return _one(f"{error.subject}: {error.reason}", ExitCode.USAGE)


@describe.register
def _(error: e.InvalidValueError) -> Message:
    return _one(f"{error.name} {error.value!r}: expected {error.expected}", ExitCode.USAGE)


@describe.register
def _(error: e.SettingsError) -> Message:
    place = error.origin + (f", line {error.line}" if error.line is not None else "")
    key = f"{error.key}: " if error.key else ""
    hint = f"; did you mean {error.suggestion}?" if error.suggestion else ""
    return _one(f"{place}: {key}{error.problem}{hint}", ExitCode.USAGE)


@describe.register
def _(error: e.BatchAllocationError) -> Message:
    return _one(
        f"a background job would end with this {error.scheduler} allocation; "
        f"run it here without --bg, start it from the login node, or add {error.option}",
        ExitCode.USAGE,
    )


@describe.register
def _(error: e.NoCollectionError) -> Message:  # noqa: ARG001 - singledispatch goes by the type
    return _one(
        f"no collection is set up; '{PROGRAM} config set paths.pdb_dir DIR', --pdb-dir DIR before "
        "the command, or PDB_DIR names one",
        ExitCode.USAGE,
    )


@describe.register
def _(error: e.StaleVersionError) -> Message:
    return _one(f"{error.url}: {error.reason}; try again later, or another mirror with -m")


@describe.register
def _(error: e.FileAccessError) -> Message:
    return _one(f"can not {error.action} {error.path}: {error.reason}{_file_hint(error)}")


@describe.register
def _(error: e.HttpStatusError) -> Message:
    return _one(f"{error.url}: the server answered {error.status} {error.reason}".rstrip())


@describe.register
def _(error: e.TransferError) -> Message:
    return _one(f"{error.url}: {error.reason}; try another mirror with -m")


@describe.register
def _(error: e.VerificationError) -> Message:
    return _one(f"{error.subject}: {error.detail} ({error.defect})")


@describe.register
def _(error: e.HoldingsError) -> Message:
    return _one(f"{error.subject}: {error.reason}; try again later, or another mirror with -m")


@describe.register
def _(error: e.UnknownJobError) -> Message:
    if error.reference == "last":
        return _one("there are no jobs yet; add --bg to a long command to start one")
    return _one(f"no job {error.reference!r}; '{PROGRAM} jobs --all' lists them")


@describe.register
def _(error: e.AmbiguousJobError) -> Message:
    return _one(
        f"{error.reference!r} fits {len(error.matches)} jobs: {', '.join(error.matches[:5])}; "
        "type more of the id"
    )


@describe.register
def _(error: e.JobStartError) -> Message:
    if error.job_id is None:
        return _one(f"the job was not started: {error.reason}")
    return _one(
        f"{error.job_id} was not started: {error.reason}; "
        f"'{PROGRAM} jobs status {error.job_id}' shows its record"
    )


@describe.register
def _(error: e.JobRecordError) -> Message:
    return _one(f"{error.job_id} can not be read: {error.reason}")


@describe.register
def _(error: e.JobStateError) -> Message:
    hint = f"; '{error.job_id}:any' waits for any end" if error.wanted == WAIT_FOR else ""
    return _one(f"can not {error.wanted} {error.job_id}: it is {error.status}{hint}")


@describe.register
def _(error: e.JobRestartError) -> Message:
    return _one(f"can not restart {error.job_id}: {error.reason}; {error.continuation}")


@describe.register
def _(error: e.JobOutOfReachError) -> Message:
    import time  # noqa: PLC0415 - only for a mistake

    from pdb_cli.cli.output import human_duration  # noqa: PLC0415 - as above

    seen = "never seen"
    if error.last_seen_s is not None:
        seen = f"last seen {human_duration(max(0.0, time.time() - error.last_seen_s))} ago"
    return _one(
        f"no answer about {error.job_id} from {error.host} ({seen}); the request stays; "
        f"if that host is gone for good: rm -r {error.directory}"
    )


@describe.register
def _(error: e.WaitTimeoutError) -> Message:
    return _one(
        f"not ended after {error.timeout_s:g} s: {', '.join(error.waiting)} (jobs go on)",
        ExitCode.TIMED_OUT,
    )


@describe.register
def _(error: e.CollectionBusyError) -> Message:
    if not error.command:
        who = "another process"
    elif error.job is not None:
        who = f"job {error.job} ({error.command}; process {error.pid} on {error.host})"
    else:
        who = f"{error.command} (process {error.pid} on {error.host})"
    hint = "--wait waits for it"
    if error.last_seen_s is not None and error.last_seen_s > _SILENCE_S:
        from pdb_cli.cli.output import human_duration  # noqa: PLC0415 - only for a mistake

        hint = (
            f"last seen {human_duration(error.last_seen_s)} ago; if it has ended for certain, "
            f"remove {error.collection / STATE_DIR / LOCK_NAME}"
        )
    return _one(f"{error.collection} is being changed by {who}; {hint}")


@describe.register
def _(error: e.CollectionLostError) -> Message:
    lock = error.collection / STATE_DIR / LOCK_NAME
    return _one(f"{lock} was removed, and nothing more was changed; run the same command again")


@describe.register
def _(error: e.ListDoubtError) -> Message:
    where = f"{error.tree}: nothing was changed, because the list of {error.source}"
    if error.doubt is e.ListDoubt.EMPTY and error.before == "0":
        return _one(f"{error.tree}: {error.source} lists no such files; try another mirror with -m")
    match error.doubt:
        case e.ListDoubt.EMPTY:
            text = f"is empty while {error.before} files are here; try another mirror with -m"
        case e.ListDoubt.SHORT:
            text = (
                f"has {error.found} files and the last complete one had {error.before}; "
                "try another mirror with -m, or --trust-list if that is right"
            )
        case e.ListDoubt.OLDER:
            text = (
                f"is of {error.found} and the last one was of {error.before}; "
                "try another mirror with -m, or --trust-list if that is right"
            )
        case e.ListDoubt.BEHIND:
            text = (
                f"has only {error.found} and what is here is of {error.before}; "
                "try another mirror with -m, or --trust-list if that is right"
            )
        case e.ListDoubt.FEW_BEHIND:
            return _one(
                f"{error.tree}: {error.source} has only {error.found} and what is here is of "
                f"{error.before}: left as it is; --trust-list takes what the mirror has"
            )
        case _:
            assert_never(error.doubt)
    return _one(f"{where} {text}")


@describe.register
def _(error: e.DeleteLimitError) -> Message:
    of = f" of {error.tree}" if error.tree else ""
    return _one(
        f"nothing was changed: {error.deletions} of {error.local_files} files{of} would be "
        f"deleted, more than --max-delete {error.limit} allows; --plan lists them"
    )


@describe.register
def _(error: e.ObsoleteLimitError) -> Message:
    return _one(
        f"nothing was changed: {error.entries} of {error.held} entries would go as obsolete, more "
        f"than sync.max_delete {error.limit} allows; see which with --check, try another mirror "
        f"with -m, or, if that is right, '{PROGRAM} config set sync.max_delete {error.entries}'"
    )


@describe.register
def _(error: e.NoSpaceError) -> Message:
    if error.unit == "bytes":
        from pdb_cli.cli.output import human_size  # noqa: PLC0415 - only for a mistake

        needed, free = human_size(error.needed), human_size(error.free)
    else:
        needed, free = f"{error.needed} files", f"{error.free} files"
    return _one(
        f"nothing was changed: {error.path} has room for {free}, {needed} are to come; "
        "free some space, or sync less (-t, a prefix, --ids)"
    )


@describe.register
def _(error: e.UnsafeTreeError) -> Message:
    return _one(f"{error.path}: {error.reason}; nothing there was touched")


@describe.register
def _(error: e.RsyncUnavailableError) -> Message:
    where = f"{error.program}: " if error.program else ""
    return _one(f"{where}{error.reason}; --transport https needs none")


@describe.register
def _(error: e.NoTransportError) -> Message:
    first = "".join(f"{mirror} by {way}: {reason}" for mirror, way, reason in error.reasons[:1])
    more = f"; and {len(error.reasons) - 1} more" if len(error.reasons) > 1 else ""
    hint = "is there a network, a proxy? Another mirror: -m"
    if all(way != "https" for _, way, _ in error.reasons):
        hint = "--transport https needs neither rsync nor its port"
    return _one(f"no way to any mirror ({first}{more}); {hint}")


def list_invalid_ids(invalid: Sequence[e.InvalidId]) -> str:
    """Return how many ids are not valid, and which, with their places.

    Examples
    --------
    >>> list_invalid_ids([e.InvalidId("12", "list.txt", 3)])
    "1 id not valid: '12' (list.txt, line 3)"
    """
    shown = [
        f"{_shorten(bad.text)!r} ({bad.source}"
        + (f", line {bad.line})" if bad.line is not None else ")")
        for bad in invalid[:_MOST_IDS_SHOWN]
    ]
    more = len(invalid) - len(shown)
    noun = "id" if len(invalid) == 1 else "ids"
    text = f"{len(invalid)} {noun} not valid: {', '.join(shown)}"
    return text + (f" and {more} more" if more else "")


def reason_of(error: BaseException) -> str:
    """Return why one file failed, for a line that already names the file."""
    match error:
        case e.HttpStatusError():
            return f"{error.url} answered {error.status}"
        case e.TransferError():
            return f"{error.url}: {error.reason}"
        case e.VerificationError():
            return f"{error.subject}: {error.detail}"
        case _:
            return describe(error).lines[0].removeprefix(f"{PROGRAM}: ")


def _file_hint(error: e.FileAccessError) -> str:
    """Say what to do about the commonest refusals."""
    import errno  # noqa: PLC0415 - only for a mistake

    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "; free some space and run the same command again, it goes on where it was"
        case errno.EACCES | errno.EPERM if error.action == "write":
            return "; make it writable for you and run the same command again"
        case _ if error.action == CHECK_ACTION:
            return "; choose another place with -d or --pdb-dir"
        case _ if error.action == CLAIM_ACTION:
            return "; remove it and run the same command again"
        case _ if error.action == RESERVE_ACTION:
            return "; PDB_CLI_JOBS_DIR or jobs.dir names another place"
        case _:
            return ""


def _shorten(text: str) -> str:
    """Keep a line readable when somebody passes a file of something else."""
    return text if len(text) <= 24 else text[:21] + "..."  # noqa: PLR2004 - a readable width
