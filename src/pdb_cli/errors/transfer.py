"""A mirror did not deliver, or not what was asked for."""

from __future__ import annotations

from enum import StrEnum

from pdb_cli.errors.base import PdbCliError


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
