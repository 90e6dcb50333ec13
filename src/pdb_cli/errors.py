"""Every error pdb-cli raises on purpose: facts in fields, no sentences for people.

``cli/errors.py`` turns a type and its fields into the one line a user sees; nothing here prints
or exits. Fields are handed to ``Exception.__init__`` in order, so every error pickles.

::

    PdbCliError
    ├── UsageError            what was asked for can not be understood
    │   ├── InvalidIdsError   ├── EmptyListError   ├── UnknownNameError
    │   ├── UnsupportedError  ├── SettingsError    ├── InvalidValueError
    │   ├── BatchAllocationError └── NoCollectionError
    ├── FileAccessError       the operating system refused a file operation
    ├── RsyncUnavailableError the system's rsync is missing, or will not do
    ├── TransferError         a mirror did not deliver
    │   ├── RsyncError (RsyncTransientError, RsyncRefusedError, RsyncBusyError)
    │   ├── ConnectionFailedError   ├── HttpStatusError
    │   │   ├── ConnectTimeoutError
    │   │   └── NobodyListensError
    │   ├── RedirectError           ├── ResumeError
    │   └── StaleVersionError
    ├── VerificationError     bytes arrived that are not what was asked for
    │   ├── WebPageError          a web page in place of a file
    │   └── HoldingsError         a list of what the archive holds can not be used
    ├── CollectionBusyError   somebody else is changing the collection
    ├── ObsoleteLimitError    update must not take so many entries away
    ├── SyncError             a run of sync must not go on
    │   ├── ListDoubtError    ├── DeleteLimitError   ├── NoSpaceError
    │   └── UnsafeTreeError   └── NoTransportError
    └── JobError              background jobs
        ├── UnknownJobError   ├── AmbiguousJobError   ├── JobStartError
        ├── JobRecordError    ├── JobStateError     ├── JobRestartError
        ├── JobOutOfReachError └── WaitTimeoutError
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class PdbCliError(Exception):
    """Base of every error raised on purpose by pdb-cli."""

    transient: ClassVar[bool] = False
    """Whether trying again may help."""


class UsageError(PdbCliError):
    """What was asked for can not be understood; nothing was started."""


class InvalidId(NamedTuple):
    """A text that is not an entry id, and where it stood."""

    text: str
    """The text as given."""
    source: str
    """Where it came from: ``arguments``, ``stdin`` or the path of a list."""
    line: int | None
    """Line number in the source, from 1; None for arguments."""


class InvalidIdsError(UsageError):
    """Some of the given ids are not PDB ids; all of them are reported at once."""

    def __init__(self, invalid: tuple[InvalidId, ...]) -> None:
        super().__init__(invalid)
        self.invalid = invalid


class EmptyListError(UsageError):
    """No id was given at all."""

    def __init__(self, source: str | None) -> None:
        super().__init__(source)
        self.source = source
        """The list that held no id; None when neither arguments nor lists were given."""


class UnknownNameError(UsageError):
    """A name is not one of the known ones (mirror, data type, format, layout, setting)."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(kind, name, known)
        self.kind = kind
        self.name = name
        self.known = known


class UnsupportedError(UsageError):
    """A combination that the archive does not offer, such as assemblies as PDBML."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(subject, reason)
        self.subject = subject
        self.reason = reason


class InvalidValueError(UsageError):
    """The value of an option or argument is not acceptable."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected


class SettingsError(UsageError):
    """A setting is unknown or has a wrong value."""

    def __init__(
        self,
        origin: str,
        line: int | None,
        key: str | None,
        problem: str,
        suggestion: str | None = None,
    ) -> None:
        super().__init__(origin, line, key, problem, suggestion)
        self.origin = origin
        """The configuration file's path, or ``environment variable NAME``."""
        self.line = line
        self.key = key
        """Dotted key, such as ``download.parallel``; None when the file is not TOML."""
        self.problem = problem
        self.suggestion = suggestion
        """The nearest known key, if one is near."""


class BatchAllocationError(UsageError):
    """A background job would live inside a batch allocation, and end with it."""

    def __init__(self, scheduler: str, option: str = "--force") -> None:
        super().__init__(scheduler, option)
        self.scheduler = scheduler
        """Whose allocation it is, such as ``Slurm``."""
        self.option = option
        """What starts it all the same."""


class NoCollectionError(UsageError):
    """The command works on a collection, and none is set up."""


class FileAccessError(PdbCliError):
    """The operating system refused to do something with a file."""

    def __init__(self, action: str, path: Path, reason: str, errno: int | None = None) -> None:
        super().__init__(action, path, reason, errno)
        self.action = action
        """What was tried, as a verb: ``read``, ``write``, ``create``."""
        self.path = path
        self.reason = reason
        self.errno = errno

    @classmethod
    def wrap(cls, action: str, path: Path, error: OSError) -> FileAccessError:
        """Build one from an ``OSError``, to be raised ``from`` it."""
        return cls(action, path, error.strerror or str(error), error.errno)


class TransferError(PdbCliError):
    """A mirror did not deliver a file."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        """Without credentials."""
        self.reason = reason


class ConnectionFailedError(TransferError):
    """No connection, a broken one, or one that stalled."""

    transient = True


class ConnectTimeoutError(ConnectionFailedError):
    """The server could not be found, reached and greeted in time."""


class NobodyListensError(ConnectionFailedError):
    """The machine is there and refused at once: no server runs on that port."""


class HttpStatusError(TransferError):
    """The server answered with a status other than 200."""

    def __init__(
        self, url: str, reason: str, status: int, retry_after_s: float | None = None
    ) -> None:
        super().__init__(url, reason)
        self.args = (url, reason, status, retry_after_s)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether the same mirror may answer better later (408, 425, 429 and 5xx)."""
        return self.status in {408, 425, 429} or self.status >= 500  # noqa: PLR2004


class RedirectError(TransferError):
    """A redirect loop, or a redirect to where a mirror must not send us."""


class ResumeError(TransferError):
    """The server did not go on with a file where it was asked to; asking for all of it may work."""

    transient = True


class StaleVersionError(TransferError):
    """A mirror lags behind: it still has an older version than the archive announces."""

    def __init__(self, url: str, last_modified: str) -> None:
        super().__init__(url, f"it still has an older version, of {last_modified}")
        self.args = (url, last_modified)
        self.last_modified = last_modified
        """The version's time, as sent."""


class RsyncError(TransferError):
    """The rsync program ended without having done all it should; asking again will not help."""

    def __init__(self, url: str, reason: str, exit_code: int | None = None) -> None:
        super().__init__(url, reason)
        self.args = (url, reason, exit_code)
        self.exit_code = exit_code
        """Of rsync; negative for the signal that ended it, None if it does not count."""


class RsyncTransientError(RsyncError):
    """The same, where asking the same daemon again later may help."""

    transient = True


class RsyncRefusedError(RsyncTransientError):
    """Nothing listens at the daemon's port: it is down, and seldom for seconds only."""


class RsyncBusyError(RsyncTransientError):
    """The daemon has as many connections as it takes."""


class RsyncUnavailableError(PdbCliError):
    """The system's rsync is missing, too old or of another kind."""

    def __init__(self, program: str | None, reason: str) -> None:
        super().__init__(program, reason)
        self.program = program
        """Its path; None when there is none."""
        self.reason = reason


class Defect(StrEnum):
    """What is wrong with bytes that arrived, or that lie on disk."""

    EMPTY = "empty"
    NOT_GZIP = "not-gzip"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TRAILING = "trailing-bytes"
    TOO_LARGE = "too-large"
    WRONG_KIND = "wrong-kind"
    WRONG_ENTRY = "wrong-entry"
    WRONG_SIZE = "wrong-size"
    """Not as long as when it was last verified."""
    WRONG_HASH = "wrong-hash"
    """Not the bytes that were there when it was last verified."""
    UNREADABLE = "unreadable"
    """The system does not give it out: a failing disk, permissions."""


class VerificationError(PdbCliError):
    """A file is not what it should be."""

    transient = True

    def __init__(self, subject: str, defect: Defect, detail: str) -> None:
        super().__init__(subject, defect, detail)
        self.subject = subject
        """The URL or path of the bytes."""
        self.defect = defect
        self.detail = detail


class WebPageError(VerificationError):
    """A web page came in place of a file: of a server in maintenance, or of a network's login."""

    def __init__(self, subject: str) -> None:
        super().__init__(subject, Defect.WRONG_KIND, "an HTML page")
        self.args = (subject,)


class HoldingsError(VerificationError):
    """A list of what the archive holds is cut short, damaged, or not what it should be."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(subject, Defect.CORRUPT, reason)
        self.args = (subject, reason)
        self.reason = reason


class CollectionBusyError(PdbCliError):
    """Somebody else is changing the collection."""

    def __init__(  # noqa: PLR0917 - the facts of a holder
        self,
        collection: Path,
        host: str,
        pid: int,
        command: str,
        job: str | None = None,
        started_at: str = "",
        last_seen_s: float | None = None,
    ) -> None:
        super().__init__(collection, host, pid, command, job, started_at, last_seen_s)
        self.collection = collection
        self.host = host
        self.pid = pid
        self.command = command
        """What it runs; empty when it has not said so."""
        self.job = job
        """The id of its job, if it is one."""
        self.started_at = started_at
        self.last_seen_s = last_seen_s
        """Its last sign of life, in seconds ago."""


class ObsoleteLimitError(PdbCliError):
    """Of the entries held, more are obsolete than may go at once; nothing was changed."""

    def __init__(self, entries: int, held: int, limit: str) -> None:
        super().__init__(entries, held, limit)
        self.entries, self.held = entries, held
        self.limit = limit
        """As it was set: ``5%``, ``100``."""


class SyncError(PdbCliError):
    """A run of ``sync`` must not go on; nothing was transferred or deleted by it."""


class ListDoubt(StrEnum):
    """Why a mirror's list is not believed."""

    EMPTY = "empty"
    """It lists nothing, while files are here."""
    SHORT = "short"
    """It is much shorter than the last complete one."""
    OLDER = "older"
    """It is older than the last one."""
    BEHIND = "behind"
    """It is older than a file that is here, and that it would replace or remove."""


class ListDoubtError(SyncError):
    """A mirror's list looks wrong."""

    def __init__(self, tree: str, source: str, doubt: ListDoubt, found: str, before: str) -> None:
        super().__init__(tree, source, doubt, found, before)
        self.tree = tree
        self.source = source
        """The URL of what was listed, without credentials."""
        self.doubt = doubt
        self.found = found
        """What it says: a number of files, a date, or a file and its date."""
        self.before = before
        """What the last one said, or what is here."""


class DeleteLimitError(SyncError):
    """More files would be deleted than allowed."""

    def __init__(self, tree: str | None, deletions: int, local_files: int, limit: str) -> None:
        super().__init__(tree, deletions, local_files, limit)
        self.tree = tree
        """Whose files; None for all together."""
        self.deletions = deletions
        self.local_files = local_files
        self.limit = limit
        """As it was set: ``5%``, ``100``."""


class NoSpaceError(SyncError):
    """The disk has no room for what would be transferred."""

    def __init__(self, path: Path, needed: int, free: int, unit: str) -> None:
        super().__init__(path, needed, free, unit)
        self.path = path
        self.needed = needed
        self.free = free
        self.unit = unit
        """``bytes`` or ``files``."""


class UnsafeTreeError(SyncError):
    """A path of a plan, or a link in a tree, leads out of the collection."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class NoTransportError(SyncError):
    """No way to any mirror: name, transport and what was found, for each that was tried."""

    def __init__(self, reasons: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


class JobError(PdbCliError):
    """Base of errors about background jobs."""


class UnknownJobError(JobError):
    """No job has this id."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference


class AmbiguousJobError(JobError):
    """A prefix fits more than one job."""

    def __init__(self, reference: str, matches: tuple[str, ...]) -> None:
        super().__init__(reference, matches)
        self.reference = reference
        self.matches = matches


class JobStartError(JobError):
    """A job could not be started; its record, if there is one, says ``failed``."""

    def __init__(self, job_id: str | None, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason


class JobRecordError(JobError):
    """The record of a job can not be read, or is of a newer version of pdb-cli."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason


class JobStateError(JobError):
    """A job is not in a state that allows what was asked."""

    def __init__(self, job_id: str, status: str, wanted: str) -> None:
        super().__init__(job_id, status, wanted)
        self.job_id = job_id
        self.status = status
        self.wanted = wanted
        """What was asked for, as a verb: ``cancel``."""


class JobRestartError(JobError):
    """The record of a job does not suffice to run it again."""

    def __init__(self, job_id: str, reason: str, continuation: str) -> None:
        super().__init__(job_id, reason, continuation)
        self.job_id = job_id
        self.reason = reason
        self.continuation = continuation
        """What to do instead, with the command."""


class JobOutOfReachError(JobError):
    """Nobody acted on a request, and the job's host or container can not be reached from here."""

    def __init__(self, job_id: str, host: str, last_seen_s: float | None, directory: Path) -> None:
        super().__init__(job_id, host, last_seen_s, directory)
        self.job_id = job_id
        self.host = host
        self.last_seen_s = last_seen_s
        """The last heartbeat, POSIX seconds; None if there is none."""
        self.directory = directory
        """The job's own."""


class WaitTimeoutError(JobError):
    """Jobs had not ended when the time to wait for them was over; they go on."""

    def __init__(self, timeout_s: float, waiting: tuple[str, ...]) -> None:
        super().__init__(timeout_s, waiting)
        self.timeout_s = timeout_s
        self.waiting = waiting
        """The ids of the jobs that had not ended."""
