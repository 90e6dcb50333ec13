"""What a job is: its record (``meta.json``), its states, its id.

The format is a promise to other programs; docs/reference/job-files.md describes it. Keys this
version does not know are kept when a record is rewritten.

Named tuples, here and in all that listing and supervising need: importing dataclasses takes half
as long as an interpreter's start.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
import json
import re
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from pdb_cli.errors import JobRecordError

SCHEMA = 1
"""The schema this version writes; a newer one is refused, an older one is read."""

LONGEST_GRACE_S = 7 * 86400
"""A grace time that a record or a request may hold, in seconds."""

WAIT_FOR = "wait for the completion of"
"""What ``--after`` wants of a job."""

ID_PATTERN = re.compile(r"job_[a-z0-9]{6}", re.ASCII)


class JobStatus(StrEnum):
    """The state of a job, as recorded."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job has ended; a final state never changes."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
"""Their texts are in it too, since a ``StrEnum`` equals its text."""


class ProcessIdentity(NamedTuple):
    """One process of this boot of this host: a pid alone may be used again."""

    pid: int
    start_token: str
    """When the process started, as the kernel tells it (see ``identity.start_token``)."""


class Job(NamedTuple):
    """The record of one job; immutable, changed by writing a new one."""

    id: str
    command: str
    """The arguments as one shell-quoted line, without ``--bg``, secrets redacted."""
    argv: tuple[str, ...]
    """The arguments the job runs; ids from lists and stdin are frozen in the job directory."""
    cwd: str
    status: JobStatus
    started_at: str
    """UTC, ISO 8601 with ``Z``; of a queued job, when it was asked for."""
    finished_at: str | None = None
    pid: int | None = None
    """The supervisor's while it runs; for people, never for decisions."""
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    label: str | None = None
    restarted_from: str | None = None
    """The job whose arguments these are."""
    after: str | None = None
    """The job this one waits for, or waited for: ``job_xxxxxx`` or ``job_xxxxxx:any``."""
    queued_at: str | None = None
    """When a job that had to wait was asked for; then ``started_at`` is when its command began."""
    notify: str | None = None
    """Who is told of the end: a command, or the scheme of an Apprise URL; never its secrets."""
    host: str = ""
    boot_id: str | None = None
    pid_namespace: str | None = None
    user: str = ""
    version: str = ""
    python: str = ""
    supervisor: ProcessIdentity | None = None
    child: ProcessIdentity | None = None
    grace_s: float = 10.0
    backend: str = "local"
    lock_works: bool | None = None
    """Whether a lock in the job directory was seen to exclude a second holder."""
    extra: Mapping[str, Any] = {}
    """Keys of the record that this version does not know."""

    def with_changes(self, **changes: Any) -> "Job":
        """Return a copy with some fields changed."""
        return self._replace(**changes)


_FIELDS = tuple(name for name in Job._fields if name != "extra")
_REQUIRED = ("id", "command", "started_at", "status")
_KINDS: Mapping[str, Any] = {
    "host": str,
    "user": str,
    "version": str,
    "python": str,
    "backend": str,
    "cwd": str | None,
    "finished_at": str | None,
    "signal": str | None,
    "reason": str | None,
    "label": str | None,
    "restarted_from": str | None,
    "after": str | None,
    "queued_at": str | None,
    "notify": str | None,
    "boot_id": str | None,
    "pid_namespace": str | None,
    "argv": list,
    "pid": int | None,
    "exit_code": int | None,
    "supervisor": dict | None,
    "child": dict | None,
    "grace_s": int | float | None,
    "lock_works": bool | None,
}
"""What the values of a record are: it may come from anybody's editor."""


def utc_now() -> str:
    """Return the time now, UTC, in the form every record uses.

    Examples
    --------
    >>> utc_now()[10], utc_now()[-1], len(utc_now())
    ('T', 'Z', 20)
    """
    return utc_text(time.time())


def utc_text(seconds: float) -> str:
    """Return a POSIX time (seconds) as ISO 8601 UTC text.

    Examples
    --------
    >>> utc_text(0)
    '1970-01-01T00:00:00Z'
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def parse_grace(value: object, *, default: float) -> float:
    """Return a grace time (s) from a JSON value, or the default for anything unusable.

    Parameters
    ----------
    value
        What the document holds.
    default
        Seconds.

    Examples
    --------
    >>> parse_grace(2, default=10.0), parse_grace("soon", default=10.0)
    (2.0, 10.0)
    """
    if isinstance(value, int | float) and 0 <= value <= LONGEST_GRACE_S:
        return float(value)
    return default


def encode(job: Job) -> bytes:
    r"""Return the bytes of ``meta.json`` for a job.

    Parameters
    ----------
    job
        The record to write.

    Returns
    -------
    bytes
        One JSON document, indented for people, with the unknown keys it was read with. It is
        always UTF-8: bytes of an argument that are no text become ``\udcXX`` escapes.
    """
    record: dict[str, Any] = {"schema": SCHEMA}
    for name in _FIELDS:
        value = getattr(job, name)
        if isinstance(value, ProcessIdentity):
            value = {"pid": value.pid, "start_token": value.start_token}
        record[name] = value
    for key, value in job.extra.items():
        record.setdefault(key, value)
    return to_json(record, indent=2) + b"\n"


def to_json(document: Any, *, indent: int | None = None) -> bytes:
    """Return a document as JSON in UTF-8, whatever its texts hold.

    Parameters
    ----------
    document
        What ``json.dumps`` takes.
    indent
        Blanks per level, for people; None for one line.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    # A byte that is no text was read as a lone surrogate; its backslash form is valid JSON.
    return text.encode("utf-8", "backslashreplace")


def decode(data: bytes, *, job_id: str) -> "Job":
    """Read ``meta.json``.

    Parameters
    ----------
    data
        The bytes of the file.
    job_id
        The name of the job's directory; the record must carry the same.

    Returns
    -------
    Job
        The record; unknown keys are in ``extra``.

    Raises
    ------
    JobRecordError
        Not a record, torn, of another job, or of a newer schema.
    """
    try:
        record = json.loads(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise JobRecordError(job_id, "meta.json is torn or not JSON") from error
    if not isinstance(record, dict) or any(
        not isinstance(record.get(key), str) for key in _REQUIRED
    ):
        raise JobRecordError(job_id, "meta.json lacks required keys")
    schema = record.pop("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise JobRecordError(job_id, f"it was written by a newer pdb-cli (schema {schema})")
    if record["id"] != job_id:
        raise JobRecordError(job_id, f"meta.json belongs to {record['id']}")
    return _build(record, job_id)


def _build(record: dict[str, Any], job_id: str) -> "Job":
    """Make a job of a decoded record, or say what is wrong with it."""
    known = {name: record.pop(name) for name in _FIELDS if name in record}
    for name, kinds in _KINDS.items():
        if name in known and not isinstance(known[name], kinds):
            raise JobRecordError(job_id, f"meta.json: {name} is of the wrong kind")
    try:
        known["status"] = JobStatus(known["status"])
        known["argv"] = tuple(str(item) for item in known.get("argv", ()))
        known["cwd"] = known.get("cwd") or "/"
        known["grace_s"] = parse_grace(known.get("grace_s"), default=10.0)
        for name in ("supervisor", "child"):
            if known.get(name) is not None:
                identity = known[name]
                known[name] = ProcessIdentity(int(identity["pid"]), str(identity["start_token"]))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise JobRecordError(job_id, "meta.json has values of the wrong kind") from error
    return Job(**known, extra=record)
