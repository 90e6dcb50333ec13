"""Handles of libcurl: made once with what all requests share, then set up for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pycurl

    from pdb_cli.transfer.options import HttpOptions
    from pdb_cli.transfer.request import Request

_MOST_REDIRECTS = 5
_BUFFER_BYTES = 64 * 1024
_SMALLEST_BUFFER_BYTES = 1024
READS_PER_TURN = 10
"""About how often libcurl fills the buffer of one transfer in one turn."""


class Handle:
    """A handle of libcurl and the lists its callbacks append to.

    Parameters
    ----------
    curl
        The handle; its callbacks are set here.
    """

    __slots__ = ("curl", "has_headers", "head_only", "is_tls", "lines", "pieces")

    def __init__(self, curl: pycurl.Curl) -> None:
        self.curl = curl
        self.is_tls: bool | None = None
        """What it is set up for; None if for nothing yet."""
        self.has_headers = False
        """Whether it has a range or headers of its last request."""
        self.head_only = False
        """Whether its last request was for the headers alone."""
        self.pieces: list[bytes] = []
        """Bytes libcurl has read and nobody has taken yet."""
        self.lines: list[bytes] = []
        """Header lines so far, of all responses."""
        curl.setopt(curl.WRITEFUNCTION, self.pieces.append)
        curl.setopt(curl.HEADERFUNCTION, self.lines.append)


def make_handle(options: HttpOptions, ca_file: str | None, buffer_bytes: int) -> Handle:
    """Return a new handle with the settings that all requests share.

    Parameters
    ----------
    options
        Time limits, credentials, user agent.
    ca_file
        Trusted certificates; None leaves the choice to libcurl.
    buffer_bytes
        How much to read at a time.
    """
    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.FOLLOWLOCATION, 1)
    curl.setopt(pycurl.MAXREDIRS, _MOST_REDIRECTS)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(options.connect_timeout_s * 1000)))
    curl.setopt(pycurl.BUFFERSIZE, buffer_bytes)
    curl.setopt(pycurl.USERAGENT, options.user_agent.encode())
    curl.setopt(pycurl.NOSIGNAL, 1)
    if ca_file is not None:
        curl.setopt(pycurl.CAINFO, ca_file.encode())
        curl.setopt(pycurl.PROXY_CAINFO, ca_file.encode())
    if options.ca_dir is not None:
        curl.setopt(pycurl.CAPATH, options.ca_dir.encode())
        curl.setopt(pycurl.PROXY_CAPATH, options.ca_dir.encode())
    if options.netrc_file is not None:
        curl.setopt(pycurl.NETRC, pycurl.NETRC_OPTIONAL)
        curl.setopt(pycurl.NETRC_FILE, options.netrc_file.encode())
    return Handle(curl)


def set_up_handle(handle: Handle, request: Request) -> None:
    """Prepare a handle for a request; what it has from its last one and needs again stays.

    Parameters
    ----------
    handle
        One that is on no transfer.
    request
        What to ask for.
    """
    import pycurl

    curl = handle.curl
    handle.pieces.clear()
    handle.lines.clear()
    curl.setopt(pycurl.URL, request.url.encode())
    curl.setopt(pycurl.MAXFILESIZE_LARGE, request.max_bytes)
    is_tls = request.url[:6].lower() == "https:"
    if handle.is_tls is not is_tls:
        handle.is_tls = is_tls
        # Never from a protected connection to one that is not.
        allowed = pycurl.PROTO_HTTPS if is_tls else pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
        curl.setopt(pycurl.REDIR_PROTOCOLS, allowed)
        curl.setopt(pycurl.PIPEWAIT, is_tls)
    if handle.head_only is not request.head_only:
        handle.head_only = request.head_only
        curl.setopt(pycurl.NOBODY if request.head_only else pycurl.HTTPGET, 1)
    if handle.has_headers:
        curl.unsetopt(pycurl.RANGE)
        curl.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave them
    headers = list(request.headers)
    if request.wanted is not None:
        curl.setopt(pycurl.RANGE, f"{request.wanted.offset_bytes}-")
        headers.append(f"If-Range: {request.wanted.version.validator}")
    if request.tail_bytes is not None:
        curl.setopt(pycurl.RANGE, f"-{request.tail_bytes}")
    handle.has_headers = bool(headers) or request.tail_bytes is not None
    if headers:
        curl.setopt(pycurl.HTTPHEADER, [header.encode() for header in headers])


def buffer_bytes(options: HttpOptions) -> int:
    """Return how much to read at a time: little if a little is all that is wanted.

    Parameters
    ----------
    options
        With the rate limit, if there is one.
    """
    rate_bytes_s = options.limit_rate_bytes_s
    if rate_bytes_s is None:
        return _BUFFER_BYTES
    # Twenty turns a second in which one transfer reads, or more turns with several of them.
    turn_bytes = rate_bytes_s // (20 * READS_PER_TURN)
    return min(max(turn_bytes, _SMALLEST_BUFFER_BYTES), _BUFFER_BYTES)
