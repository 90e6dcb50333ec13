"""What a failed libcurl transfer means in our own words."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pdb_cli.errors import (
    ConnectionFailedError,
    ConnectTimeoutError,
    Defect,
    HttpStatusError,
    NobodyListensError,
    RedirectError,
    TransferError,
    VerificationError,
)
from pdb_cli.transfer.urls import hide_credentials, without_credentials

if TYPE_CHECKING:
    import pycurl

    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.headers import ResponseHeaders

_REFUSED = 400
_SERVER_TROUBLE = 500
_REASONS = {
    403: "forbidden",
    404: "not found",
    407: "the proxy asks for a password",
    408: "request timeout",
    410: "gone",
    429: "too many requests",
    500: "internal server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
}


def translate_curl_error(curl: pycurl.Curl, code: int, message: str, url: str) -> PdbCliError:
    """Turn the error of a transfer into one of ours.

    Parameters
    ----------
    curl
        The handle, still in its state after the transfer.
    code
        libcurl's error number (``CURLE_...``).
    message
        libcurl's error buffer.
    url
        What was asked for; its credentials do not get into the error.

    Returns
    -------
    PdbCliError
        To be raised or stored; never shows credentials.
    """
    import pycurl  # the engine has loaded it already

    shown = without_credentials(url)
    reason = _without_proxy(hide_credentials(message, url)) or f"libcurl error {code}"
    redirected = curl.getinfo(pycurl.REDIRECT_COUNT) > 0 or (
        300 <= curl.getinfo(pycurl.RESPONSE_CODE) < 400  # noqa: PLR2004 - HTTP's redirects
    )
    if code == pycurl.E_TOO_MANY_REDIRECTS:
        return RedirectError(shown, "redirected too often")
    if code in {pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_URL_MALFORMAT}:
        if redirected:
            return RedirectError(shown, f"redirected to where we do not go: {reason}")
        if "HTTP/0.9" in reason:
            # No status line: bytes that an earlier answer left on the connection, or rubbish.
            return ConnectionFailedError(shown, "the answer is no HTTP")
        return TransferError(shown, reason)
    if code in {
        # Certificates do not become valid by asking again.
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_ISSUER_ERROR,
    }:
        return TransferError(shown, reason)
    return _connection_error(curl, code, reason, shown)


def _connection_error(curl: pycurl.Curl, code: int, reason: str, shown: str) -> TransferError:
    """Return the error for a server, or a proxy before it, that was not reached or got lost."""
    import pycurl

    if code == pycurl.E_OPERATION_TIMEDOUT:  # no other time limit of libcurl is in use
        return ConnectTimeoutError(shown, reason)
    if _REFUSED <= curl.getinfo(pycurl.HTTP_CONNECTCODE) < _SERVER_TROUBLE:
        # A proxy does not change its mind about a password or a destination.
        return TransferError(shown, f"the proxy refused: {reason}")
    if code == pycurl.E_COULDNT_CONNECT and curl.getinfo(pycurl.OS_ERRNO) == errno.ECONNREFUSED:
        return NobodyListensError(shown, reason)
    return ConnectionFailedError(shown, reason)


def _without_proxy(message: str) -> str:
    """Take the proxy's URL, as the user wrote it, out of a message of libcurl.

    A password that breaks the syntax of URLs can turn up as anything, a host's name included, so
    nothing is kept that libcurl read from the URL before it could connect.
    """
    if "proxy" not in message.lower():
        return message
    if message.startswith("Could not resolve proxy"):
        return "Could not resolve the name of the proxy"
    what, quote, _ = message.partition("'")
    if quote:
        return f"{what.rstrip()} '***' (is the setting of the proxy right?)"
    return message.rpartition("@")[2].strip() if "@" in message else message


def translate_status(status: int, headers: ResponseHeaders, url: str) -> HttpStatusError:
    """Return the error for an answer that is not a file.

    Parameters
    ----------
    status
        The response's status code, other than 200.
    headers
        Its headers.
    url
        What was asked for.

    Returns
    -------
    HttpStatusError
        With the seconds the server asked us to wait, if it did.
    """
    reason = f"HTTP {status} {_REASONS.get(status, '')}".rstrip()
    return HttpStatusError(without_credentials(url), reason, status, headers.retry_after_s)


def body_too_large(url: str, largest_bytes: int) -> VerificationError:
    """Return the error for a body that is longer than it may be.

    Parameters
    ----------
    url
        What was asked for.
    largest_bytes
        The most bytes it may have.
    """
    detail = f"longer than {largest_bytes} B"
    return VerificationError(without_credentials(url), Defect.TOO_LARGE, detail)
