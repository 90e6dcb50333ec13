"""Single HTTP attempts, many at a time, on libcurl's multi interface: one thread, no callbacks.

Tries each request once; whether and when to try again is decided in
:mod:`pdb_cli.transfer.fetch`.

libcurl hands over bytes by calling back. What a Python callback raises (a full disk, an interrupt
that arrives just then) is printed and lost, so the callbacks here are ``append`` of built-in lists,
in which no Python code runs. The bytes are written to their files between libcurl's turns, where
errors and signals take their ordinary way; one turn brings a few 100 kB per transfer at most.

HTTP/2 is libcurl's own choice over TLS. ``PIPEWAIT`` lets a new transfer wait for a connection that
is just being made, and share it if it turns out to be HTTP/2: one handshake instead of sixteen, and
mirrors that limit connections per client are spared.
"""

from __future__ import annotations

import select
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from pdb_cli.errors import ConnectionFailedError, PdbCliError
from pdb_cli.transfer.curl_errors import (
    LARGEST_BODY_BYTES,
    body_too_large,
    translate_curl_error,
    translate_status,
)
from pdb_cli.transfer.headers import ResponseHeaders, parse_headers
from pdb_cli.transfer.options import HttpOptions, find_ca_bundle
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pycurl

_OK = 200
_MOST_REDIRECTS = 5
_BUFFER_BYTES = 64 * 1024
_LARGEST_ERROR_PAGE_BYTES = 1024 * 1024
_STALL_CHECK_S = 0.2
_CLOSE_WAIT_S = 0.5


class Sink(Protocol):
    """Where the bytes of a body go."""

    def write(self, data: bytes) -> None:
        """Take some bytes; a ``PdbCliError`` ends the attempt."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One file to ask one server for, once; each instance is a request of its own."""

    url: str
    """``http://`` or ``https://``."""
    sink: Sink
    """Gets the body of an answer with status 200, and of no other."""
    headers: tuple[str, ...] = ()
    """Further headers, such as ``If-None-Match: "..."``; then the answer may be status 304."""


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """How a request ended."""

    request: Request
    headers: ResponseHeaders
    """Those of the last response; empty if there was none."""
    error: PdbCliError | None
    """None when the whole body arrived with status 200."""


class _Transfer:
    """A request on its way."""

    __slots__ = (
        "active_s",
        "body_bytes",
        "chunks",
        "curl",
        "lines",
        "lines_seen",
        "request",
        "started_s",
    )

    def __init__(self, curl: pycurl.Curl, request: Request, now_s: float) -> None:
        self.curl = curl
        self.request = request
        self.started_s = now_s
        self.active_s = now_s
        """When something last arrived."""
        self.lines_seen = 0
        self.body_bytes = 0
        self.chunks: list[bytes] = []
        """Bytes libcurl has read and nobody has written yet."""
        self.lines: list[bytes] = []
        """Header lines so far, of all responses."""


class HttpEngine:
    """Runs up to ``options.connections`` attempts at the same time, in the calling thread.

    Connections are kept and used again. Nothing happens between calls of :meth:`poll`. A context
    manager: leaving it drops what is on its way.

    Parameters
    ----------
    options
        Connections, time limits, certificates.
    """

    def __init__(self, options: HttpOptions) -> None:
        import pycurl

        self._options = options
        self._ca_file = options.ca_file or find_ca_bundle()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, options.connections)
        # Those of the mirror that is failed over to, too.
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * options.connections)
        self._idle: list[pycurl.Curl] = []
        self._active: dict[pycurl.Curl, _Transfer] = {}
        self._received_bytes = 0
        self._stall_check_s = 0.0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def has_room(self) -> bool:
        """Whether another request may be started now."""
        return len(self._active) < self._options.connections

    def start(self, request: Request) -> None:
        """Put a request on its way; it proceeds while :meth:`poll` runs.

        Parameters
        ----------
        request
            What to ask for. Ask :attr:`has_room` first.
        """
        import pycurl

        curl = self._idle.pop() if self._idle else self._make_handle()
        transfer = _Transfer(curl, request, time.monotonic())
        is_tls = request.url[:6].lower() == "https:"
        curl.setopt(pycurl.URL, request.url.encode())
        # Never from a protected connection to one that is not.
        allowed = pycurl.PROTO_HTTPS if is_tls else pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
        curl.setopt(pycurl.REDIR_PROTOCOLS, allowed)
        curl.setopt(pycurl.PIPEWAIT, is_tls)
        # The handle may have those of an earlier request, and an empty list would leave them.
        curl.unsetopt(pycurl.HTTPHEADER)
        if request.headers:
            curl.setopt(pycurl.HTTPHEADER, [header.encode() for header in request.headers])
        curl.setopt(pycurl.WRITEFUNCTION, transfer.chunks.append)
        curl.setopt(pycurl.HEADERFUNCTION, transfer.lines.append)
        self._active[curl] = transfer
        self._multi.add_handle(curl)

    def poll(self, timeout_s: float, *, wake_fds: Sequence[int] = ()) -> list[FinishedAttempt]:
        """Let the transfers proceed until something is finished or the time is over.

        Parameters
        ----------
        timeout_s
            Longest time to wait, in seconds. It may return earlier without a result.
        wake_fds
            File descriptors that end the waiting when they become readable.

        Returns
        -------
        list of FinishedAttempt
            In the order they finished.
        """
        finished = self._proceed()
        if not finished:
            self._wait(timeout_s, wake_fds)
            finished = self._proceed()
        return finished

    def take_received_bytes(self) -> int:
        """Return how many bytes of bodies arrived since the last call."""
        received, self._received_bytes = self._received_bytes, 0
        return received

    def close(self) -> None:
        """Drop what is on its way and close all connections; a second call does nothing."""
        import pycurl

        if self._closed:
            return
        self._closed = True
        while self._active:
            curl, _ = self._active.popitem()
            with suppress(pycurl.error):  # an interrupt came just after its removal
                self._multi.remove_handle(curl)
            self._idle.append(curl)
        idle, self._idle = self._idle, []

        def close_handles() -> None:
            for curl in idle:
                curl.close()
            self._multi.close()

        # libcurl waits here for a name server that does not answer, 10 s and more. Nobody who
        # pressed Ctrl-C wants to wait with it; a daemon thread does, or dies with the process.
        closer = threading.Thread(target=close_handles, name="pdb-cli-close", daemon=True)
        closer.start()
        closer.join(_CLOSE_WAIT_S)

    def _make_handle(self) -> pycurl.Curl:
        """Return a new handle with the settings that all requests share."""
        import pycurl

        options = self._options
        curl = pycurl.Curl()
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.MAXREDIRS, _MOST_REDIRECTS)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(options.connect_timeout_s * 1000)))
        curl.setopt(pycurl.MAXFILESIZE_LARGE, LARGEST_BODY_BYTES)
        curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
        curl.setopt(pycurl.USERAGENT, options.user_agent.encode())
        curl.setopt(pycurl.NOSIGNAL, 1)
        if self._ca_file is not None:
            curl.setopt(pycurl.CAINFO, self._ca_file.encode())
            curl.setopt(pycurl.PROXY_CAINFO, self._ca_file.encode())
        return curl

    def _wait(self, timeout_s: float, wake_fds: Sequence[int]) -> None:
        """Wait for a connection, for libcurl's own timers, or for a wake-up call."""
        if self._active:
            libcurl_ms = self._multi.timeout()
            if libcurl_ms >= 0:
                timeout_s = min(timeout_s, libcurl_ms / 1000)
            timeout_s = min(timeout_s, _STALL_CHECK_S)
        readable, writable, _ = self._multi.fdset()
        events = dict.fromkeys((*readable, *wake_fds), select.POLLIN)
        for descriptor in writable:
            events[descriptor] = events.get(descriptor, 0) | select.POLLOUT
        poller = select.poll()  # select.select takes no descriptors beyond 1023
        for descriptor, mask in events.items():
            poller.register(descriptor, mask)
        poller.poll(max(0.0, timeout_s) * 1000)

    def _proceed(self) -> list[FinishedAttempt]:
        """Give libcurl a turn, then write what arrived and collect what is finished."""
        if not self._active:
            return []
        self._multi.perform()
        now_s = time.monotonic()
        finished = [
            self._end(transfer, error)
            for transfer in list(self._active.values())
            if (error := self._drain(transfer, now_s)) is not None
        ]
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            finished.extend(self._end(self._active[curl], None) for curl in succeeded)
            for curl, code, message in failed:
                url = self._active[curl].request.url
                error = translate_curl_error(curl, code, message, url)
                finished.append(self._end(self._active[curl], error))
        if now_s >= self._stall_check_s:
            self._stall_check_s = now_s + _STALL_CHECK_S
            finished += self._end_stalled(now_s)
        return finished

    def _drain(self, transfer: _Transfer, now_s: float) -> PdbCliError | None:
        """Hand the bytes that arrived to the sink; return what ends the attempt, if anything."""
        import pycurl

        if len(transfer.lines) > transfer.lines_seen:
            transfer.lines_seen = len(transfer.lines)
            transfer.active_s = now_s
        if not transfer.chunks:
            return None
        transfer.active_s = now_s
        data = transfer.chunks[0] if len(transfer.chunks) == 1 else b"".join(transfer.chunks)
        transfer.chunks.clear()
        transfer.body_bytes += len(data)
        status = transfer.curl.getinfo(pycurl.RESPONSE_CODE)
        if status != _OK:
            if transfer.body_bytes > _LARGEST_ERROR_PAGE_BYTES:
                return self._status_error(transfer, status)
            return None
        self._received_bytes += len(data)
        if transfer.body_bytes > LARGEST_BODY_BYTES:
            return body_too_large(transfer.request.url)
        try:
            transfer.request.sink.write(data)
        except PdbCliError as error:
            return error
        return None

    def _end(self, transfer: _Transfer, error: PdbCliError | None) -> FinishedAttempt:
        """Take a transfer off libcurl, keep its handle for another, and say how it ended."""
        import pycurl

        curl = transfer.curl
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        self._multi.remove_handle(curl)
        del self._active[curl]
        self._idle.append(curl)
        if error is None and status != _OK:
            error = self._status_error(transfer, status)
        headers = parse_headers(transfer.lines, now_s=time.time())
        return FinishedAttempt(transfer.request, headers, error)

    def _end_stalled(self, now_s: float) -> list[FinishedAttempt]:
        """End the transfers that are connected and have not moved for too long."""
        import pycurl

        limit_s = self._options.stall_timeout_s
        finished = []
        for transfer in list(self._active.values()):
            if now_s - transfer.active_s <= limit_s:
                continue
            # Before the request is sent, the time limit for connecting rules.
            connecting_s = transfer.curl.getinfo(pycurl.PRETRANSFER_TIME)
            if connecting_s <= 0 or now_s - transfer.started_s - connecting_s <= limit_s:
                continue
            url = without_credentials(transfer.request.url)
            error = ConnectionFailedError(url, f"stalled: nothing arrived for {limit_s:g} s")
            finished.append(self._end(transfer, error))
        return finished

    @staticmethod
    def _status_error(transfer: _Transfer, status: int) -> PdbCliError:
        """Return the error for a status other than 200."""
        headers = parse_headers(transfer.lines, now_s=time.time())
        return translate_status(status, headers, transfer.request.url)
