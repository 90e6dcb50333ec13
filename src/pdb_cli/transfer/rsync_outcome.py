"""From an exit code and the words on standard error to what is known about the failure.

Exit codes and messages are those of rsync(1), EXIT VALUES, and of its sources (3.1 to 3.5).
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import (
    FileAccessError,
    PdbCliError,
    RsyncBusyError,
    RsyncError,
    RsyncRefusedError,
    RsyncTransientError,
)
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PARTIAL: Final = 23
"""Some files could not be transferred, for reasons told one by one."""
VANISHED: Final = 24
"""Some files were gone before they could be sent."""

TRANSIENT_CODES: Final = frozenset({5, 10, 12, PARTIAL, VANISHED, 30, 35})
"""Protocol start, socket, protocol stream, partial, vanished, silence, no connection in time."""

_MEANINGS: Final[Mapping[int, str]] = {
    5: "the daemon refused to begin",
    10: "no connection",
    12: "the connection broke",
    PARTIAL: "some files could not be transferred",
    VANISHED: "some files vanished from the mirror",
    30: "the mirror fell silent",
    35: "the mirror did not answer in time",
}
_NO_CONNECTION: Final = 10
_REFUSED = re.compile(r"connection refused", re.IGNORECASE)
_LOCAL_CODES: Final = frozenset({3, 11})
"""Our own files and directories."""
_NOTHING_MORE: Final = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT})
_NOT_HERE: Final = frozenset({errno.EACCES, errno.EPERM})
"""Of one directory, which is somebody else's: others may be written."""
_BUSY = re.compile(
    r"max connections|too many connections|server (?:is )?(?:too )?busy", re.IGNORECASE
)
_HOPELESS = re.compile(
    r"unknown module|auth failed|access denied|chroot failed|chdir failed", re.IGNORECASE
)
_AT_ERROR = re.compile(r"@ERROR:? *(.*)")
_END_LINE = re.compile(r"rsync error: (.*?) \(code [0-9]+\).*")
_LOCAL_FAILURE = re.compile(
    r"rsync: (?:\[(?:receiver|Receiver|generator)\] )?"
    r"(?:(?P<makes>mkstemp|write failed on|mkdir|recv_generator: mkdir|open|rename)"
    r"|failed to set times on|chmod) .*\((?P<errno>[0-9]+)\)"
)
_IN_THE_WAY = re.compile(
    r"cannot delete non-empty directory|could not make way for "
    r"|rsync: \[(?:[Rr]eceiver|generator)\] "
)
_QUOTED = re.compile(r'"(?P<path>.*)"(?: -> ".*")?(?: \(in (?P<module>[^)]*)\))?')
_NO_TREE = re.compile(r"rsync: (?:\[[Ss]ender\] )?change_dir .*\(2\)")
_GONE = re.compile(r"file has vanished:|link_stat .*\(2\)|failed to open .*\(2\)|No such file")


class Complaint(NamedTuple):
    """One line about one file of the mirror, or of ours."""

    path: str
    """As rsync names it: below the module's root, or absolute."""
    is_gone: bool
    """Whether the mirror has no such file."""
    text: str
    """The line."""


def error_lines(errors: bytes, secrets: tuple[str, ...]) -> list[str]:
    """Return what rsync said, as text, without passwords.

    Parameters
    ----------
    errors
        What it wrote on standard error.
    secrets
        Words that must not be shown.
    """
    text = errors.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, "***")
    return [line.strip() for line in text.splitlines() if line.strip()]


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the passwords that variables of rsync hold.

    Parameters
    ----------
    environ
        What rsync is started with.

    Examples
    --------
    >>> secrets_of({"RSYNC_PASSWORD": "s3cret", "RSYNC_PROXY": "ada:pw@proxy:3128"})
    ('s3cret', 'ada:pw', 'pw')
    """
    user_info = environ.get("RSYNC_PROXY", "").rpartition("@")[0]
    words = (environ.get("RSYNC_PASSWORD", ""), user_info, user_info.partition(":")[2])
    return tuple(word for word in words if word)


def failure(url: str, exit_code: int, lines: list[str], *, root: Path) -> PdbCliError:
    """Return the error for a run that did not do all it should.

    Parameters
    ----------
    url
        What was asked.
    exit_code
        Of rsync, not 0.
    lines
        What it said, from :func:`error_lines`.
    root
        The directory here, for what went wrong with our own files.

    Returns
    -------
    PdbCliError
        ``RsyncBusyError``, ``RsyncTransientError`` or ``RsyncError``; ``FileAccessError`` where it
        is the disk here that refused.
    """
    url = without_credentials(url)
    said = next((match[1] for line in lines if (match := _AT_ERROR.search(line))), None)
    if said is not None and (refusal := daemon_error(url, said, exit_code)):
        return refusal
    if refused := _refused_here(exit_code, lines, root):
        return refused
    reason = _reason(exit_code, lines)
    if exit_code == PARTIAL and any(_NO_TREE.match(line) for line in lines):
        return RsyncError(url, f"there is no such directory: {reason}", exit_code)
    if exit_code == _NO_CONNECTION and any(_REFUSED.search(line) for line in lines):
        return RsyncRefusedError(url, reason, exit_code)
    kind = RsyncTransientError if exit_code in TRANSIENT_CODES else RsyncError
    return kind(url, reason, exit_code)


def daemon_error(url: str, said: str, exit_code: int | None) -> RsyncError | None:
    """Return the error for what a daemon says before it would send anything.

    Parameters
    ----------
    url
        What was asked, without credentials.
    said
        Its words, behind ``@ERROR:``.
    exit_code
        Of rsync, if it was asked through that.

    Returns
    -------
    RsyncError or None
        None where the words are not known.
    """
    if _BUSY.search(said):
        return RsyncBusyError(url, f"the daemon is busy: {said}", exit_code)
    if _HOPELESS.search(said):
        return RsyncError(url, f"the daemon says: {said}", exit_code)
    return None


def is_one_place(error: PdbCliError) -> bool:
    """Tell whether an error is about one place here that is not ours to write in.

    No mirror helps, and no other try; other directories may be written.

    Parameters
    ----------
    error
        From :func:`failure`, or from another transport.
    """
    return isinstance(error, FileAccessError) and error.errno in _NOT_HERE


def complaints(lines: list[str]) -> Iterator[Complaint]:
    """Yield what was said about single files.

    Parameters
    ----------
    lines
        From :func:`error_lines`.

    Examples
    --------
    >>> line = 'rsync: [sender] link_stat "ab/1abc.cif.gz" (in ftp) failed: No such file (2)'
    >>> [(one.path, one.is_gone) for one in complaints([line])]
    [('ab/1abc.cif.gz', True)]
    """
    for line in lines:
        match = _QUOTED.search(line)
        if match is not None and not line.startswith("rsync error:"):
            yield Complaint(match["path"], _GONE.search(line) is not None, line)


def is_about_us(line: str) -> bool:
    """Tell whether a line speaks of files here, so that no mirror helps.

    Parameters
    ----------
    line
        From :func:`error_lines`.

    Examples
    --------
    >>> is_about_us("could not make way for new regular file: ab/1abc.cif.gz")
    True
    >>> is_about_us('rsync: [sender] opendir "ab" (in ftp) failed: Permission denied (13)')
    False
    """
    return _IN_THE_WAY.match(line) is not None


def _refused_here(exit_code: int, lines: list[str], root: Path) -> FileAccessError | None:
    """Tell whether nothing more can be written here, or not in some place."""
    for line in lines:
        # At its beginning: what a daemon says may be anything.
        match = _LOCAL_FAILURE.match(line)
        if match is None:
            continue
        number = int(match["errno"])
        is_one_place = number in _NOT_HERE and match["makes"] is not None
        if exit_code in _LOCAL_CODES or number in _NOTHING_MORE or is_one_place:
            quoted = _QUOTED.search(line)
            path = root if quoted is None else root / quoted["path"]
            # What can not be made has a name of rsync's.
            path = path.parent if match["makes"] == "mkstemp" else path
            reason = line.rpartition(": ")[2].rpartition(" (")[0]
            return FileAccessError("write", path, reason, number)
    if exit_code in _LOCAL_CODES:
        return FileAccessError("write", root, _reason(exit_code, lines))
    return None


def _reason(exit_code: int, lines: list[str]) -> str:
    """Return why, in one line: rsync's own first words, with the code."""
    first = next((line for line in lines if not line.startswith("rsync error:")), None)
    if first is None:
        match = next((found for line in lines if (found := _END_LINE.search(line))), None)
        first = match[1] if match else None
    if exit_code < 0:
        return f"rsync was ended by signal {-exit_code}"
    meaning = _MEANINGS.get(exit_code)
    details = "" if first is None else first.removeprefix("rsync: ")
    told = ": ".join(part for part in (meaning, details) if part)
    return f"{told or 'rsync failed'} (rsync exit {exit_code})"
