"""Single HTTP attempts, many at a time, on libcurl's multi interface: one thread, no callbacks.

Tries each request once; whether and when to try again is decided in
:mod:`pdb_cli.transfer.fetch`.

libcurl hands over bytes by calling back. What a Python callback raises (a full disk, an interrupt
that arrives just then) is printed and lost, so the callbacks here are ``append`` of built-in lists,
in which no Python code runs. Between libcurl's turns, where errors and signals take their ordinary
way, the lists are handed on: not each one, because a hand-over wakes a thread, but a good many
together, or after a while.

HTTP/2 is libcurl's own choice over TLS. ``PIPEWAIT`` lets a new transfer wait for a connection that
is just being made, and share it if it turns out to be HTTP/2: one handshake instead of sixteen, and
mirrors that limit connections per client are spared.
"""

from __future__ import annotations

import math
import select
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pdb_cli.errors import ConnectionFailedError, PdbCliError, StaleVersionError
from pdb_cli.transfer.curl_errors import body_too_large, translate_curl_error, translate_status
from pdb_cli.transfer.handle import READS_PER_TURN, buffer_bytes, make_handle, set_up_handle
from pdb_cli.transfer.headers import ResponseHeaders, parse_headers
from pdb_cli.transfer.options import HttpOptions, find_ca_bundle
from pdb_cli.transfer.response import OK, PARTIAL_CONTENT, BodyStart, read_rest, read_whole
from pdb_cli.transfer.throttle import Throttle
from pdb_cli.transfer.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pycurl

    from pdb_cli.transfer.handle import Handle
    from pdb_cli.transfer.request import Request

_PIECES_TOGETHER = 16
"""Pieces handed over at a time; libcurl makes them 16 KiB at most."""
_HAND_OVER_S = 0.5
"""Longest time that a piece waits for more."""
_LARGEST_ERROR_PAGE_BYTES = 1024 * 1024
_STALL_CHECK_S = 0.2
_ABSENCE_S = 1.0
"""The network is looked at several times as often."""
_CLOSE_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """How a request ended."""

    request: Request
    headers: ResponseHeaders
    """Those of the last response; empty if there was none."""
    error: PdbCliError | None
    """None when the whole file, or the rest of it, arrived."""


class _Transfer:
    """A request on its way."""

    __slots__ = (
        "active_s",
        "allowed_s",
        "body_bytes",
        "handed_s",
        "handle",
        "has_begun",
        "headers",
        "is_paused",
        "lines_seen",
        "pieces_seen",
        "request",
        "started_s",
    )

    def __init__(self, handle: Handle, request: Request, now_s: float) -> None:
        self.handle = handle
        self.request = request
        self.started_s = now_s
        self.active_s = now_s
        """When something last arrived."""
        self.handed_s = now_s
        """When something was last handed over."""
        self.is_paused = False
        """Whether nothing is read, to keep to the rate limit."""
        self.allowed_s = now_s
        """When it was last allowed to read under that limit."""
        self.lines_seen = 0
        self.pieces_seen = 0
        self.body_bytes = 0
        """Handed over, or dropped; those of an earlier try included."""
        self.has_begun = False
        """Whether the sink knows."""
        self.headers: ResponseHeaders | None = None

    def read_headers(self) -> ResponseHeaders:
        """Return the headers of the last response; they must be complete."""
        if self.headers is None:
            self.headers = parse_headers(self.handle.lines, now_s=time.time())
        return self.headers


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
        self._buffer_bytes = buffer_bytes(options)
        self._ca_file = options.ca_file or find_ca_bundle()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, options.connections)
        # Over all hosts: for the mirror that is failed over to, idle ones of the first are closed.
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, options.connections)
        self._multi.setopt(pycurl.M_MAXCONNECTS, options.connections)
        self._idle: list[Handle] = []
        self._active: dict[pycurl.Curl, _Transfer] = {}
        self._received_bytes = 0
        rate_bytes_s = options.limit_rate_bytes_s
        self._throttle = None if rate_bytes_s is None else Throttle(rate_bytes_s)
        self._turn_s = 0.0
        """When libcurl last had a turn."""
        self._stall_check_s = 0.0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def has_room(self) -> bool:
        """Whether another request may be started now."""
        return self.free > 0

    @property
    def free(self) -> int:
        """How many requests may be started now."""
        if self._throttle is not None and self._throttle.pause_s(time.monotonic()):
            return 0
        return self._options.connections - len(self._active)

    def start(self, request: Request) -> None:
        """Put a request on its way; it proceeds while :meth:`poll` runs.

        Parameters
        ----------
        request
            What to ask for. Ask :attr:`has_room` first.
        """
        if not self._idle:
            self._idle.append(make_handle(self._options, self._ca_file, self._buffer_bytes))
        handle = self._idle.pop()
        set_up_handle(handle, request)
        self._active[handle.curl] = _Transfer(handle, request, time.monotonic())
        self._multi.add_handle(handle.curl)

    def cancel(self, request: Request) -> None:
        """Drop a request whose bytes nobody wants any more; nothing is said of how it ended.

        Parameters
        ----------
        request
            One that is on its way; others are ignored.
        """
        for transfer in list(self._active.values()):
            if transfer.request is request:
                self._take_off(transfer)

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
            curl, transfer = self._active.popitem()
            with suppress(pycurl.error):  # an interrupt came just after its removal
                self._multi.remove_handle(curl)
            self._idle.append(transfer.handle)
        idle, self._idle = self._idle, []

        def close_handles() -> None:
            for handle in idle:
                handle.curl.close()
            self._multi.close()

        # libcurl waits here for a name server that does not answer, 10 s and more. Nobody who
        # pressed Ctrl-C wants to wait with it; a daemon thread does, or dies with the process.
        closer = threading.Thread(target=close_handles, name="pdb-cli-close", daemon=True)
        closer.start()
        closer.join(_CLOSE_WAIT_S)

    def _wait(self, timeout_s: float, wake_fds: Sequence[int]) -> None:
        """Wait for a connection, for libcurl's own timers, or for a wake-up call."""
        if self._active:
            libcurl_ms = self._multi.timeout()
            if libcurl_ms >= 0:
                timeout_s = min(timeout_s, libcurl_ms / 1000)
            timeout_s = min(timeout_s, _STALL_CHECK_S)
        if self._throttle is not None and (pause_s := self._throttle.pause_s(time.monotonic())):
            timeout_s = min(timeout_s, pause_s)
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
        if self._throttle is not None:
            self._keep_rate(self._throttle.ready_bytes(time.monotonic()))
        before_s = self._turn_s
        self._multi.perform()
        self._turn_s = now_s = time.monotonic()
        if now_s - before_s > _STALL_CHECK_S + _ABSENCE_S:
            # Nobody looked at the network: whether it was silent is not known.
            for transfer in self._active.values():
                transfer.active_s = now_s
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
                transfer = self._active[curl]
                finished.append(self._end(transfer, _curl_error(transfer, code, message)))
        if now_s >= self._stall_check_s:
            self._stall_check_s = now_s + _STALL_CHECK_S
            finished += self._end_stalled(now_s)
        return finished

    def _keep_rate(self, ready_bytes: int) -> None:
        """Let as many transfers read as the rate allows in this turn, those first that waited."""
        import pycurl

        now_s = time.monotonic()
        readers = math.ceil(ready_bytes / (READS_PER_TURN * self._buffer_bytes))
        by_wait = sorted(self._active.values(), key=lambda transfer: transfer.allowed_s)
        for number, transfer in enumerate(by_wait):
            is_paused = number >= readers
            if not is_paused:
                transfer.allowed_s = now_s
            if transfer.is_paused is not is_paused:
                with suppress(pycurl.error):  # it has no connection yet and reads nothing
                    curl = transfer.handle.curl
                    curl.pause(pycurl.PAUSE_RECV if is_paused else pycurl.PAUSE_CONT)
                    transfer.is_paused = is_paused

    def _drain(self, transfer: _Transfer, now_s: float) -> PdbCliError | None:
        """Hand over what arrived if it is worth it; return what ends the attempt, if anything."""
        handle = transfer.handle
        lines, pieces = len(handle.lines), len(handle.pieces)
        if lines != transfer.lines_seen:
            transfer.lines_seen = lines
            transfer.active_s = now_s
        if pieces == 0:
            return None
        if pieces != transfer.pieces_seen:
            if self._throttle is not None:
                new = handle.pieces[transfer.pieces_seen :]
                self._throttle.take(sum(map(len, new)), now_s=now_s)
            transfer.pieces_seen = pieces
            transfer.active_s = now_s
        if pieces < _PIECES_TOGETHER and now_s - transfer.handed_s < _HAND_OVER_S:
            return None
        return self._hand_over(transfer, now_s)

    def _hand_over(self, transfer: _Transfer, now_s: float) -> PdbCliError | None:
        """Give what arrived to the sink; return what ends the attempt, if anything."""
        import pycurl

        handle, request = transfer.handle, transfer.request
        pieces = handle.pieces.copy()
        handle.pieces.clear()
        transfer.pieces_seen = 0
        transfer.handed_s = now_s
        size_bytes = sum(map(len, pieces))
        if not transfer.has_begun:
            status = handle.curl.getinfo(pycurl.RESPONSE_CODE)
            if not _brings_file(status, request):
                transfer.body_bytes += size_bytes
                if transfer.body_bytes > _LARGEST_ERROR_PAGE_BYTES:
                    return self._status_error(transfer, status)
                return None
            error = self._begin(transfer, status)
            if error is not None:
                return error
        transfer.body_bytes += size_bytes
        self._received_bytes += size_bytes
        if transfer.body_bytes > request.max_bytes:
            return body_too_large(without_credentials(request.url), request.max_bytes)
        request.sink.take(pieces, size_bytes)
        return None

    def _begin(self, transfer: _Transfer, status: int) -> PdbCliError | None:
        """Tell the sink what comes; return why it may not come."""
        import pycurl

        request = transfer.request
        headers = transfer.read_headers()
        if _is_stale(headers.last_modified_s, request):
            shown = headers.last_modified or "a time that it does not tell"
            return StaleVersionError(without_credentials(request.url), shown)
        if request.tail_bytes is not None and status == PARTIAL_CONTENT:
            start = BodyStart()
        elif request.wanted is not None and status == PARTIAL_CONTENT:
            try:
                start = read_rest(headers, request.wanted, request.url)
            except PdbCliError as error:
                return error
        else:
            length_bytes = transfer.handle.curl.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T)
            start = read_whole(headers, length_bytes, request.url)
        transfer.has_begun = True
        transfer.body_bytes = start.offset_bytes
        request.sink.begin(start)
        return None

    def _end(self, transfer: _Transfer, error: PdbCliError | None) -> FinishedAttempt:
        """Take a transfer off libcurl, and say how it ended."""
        import pycurl

        status = transfer.handle.curl.getinfo(pycurl.RESPONSE_CODE)
        if transfer.handle.pieces and (error is None or isinstance(error, ConnectionFailedError)):
            error = self._hand_over(transfer, self._turn_s) or error
        self._take_off(transfer)
        if error is None and not _brings_file(status, transfer.request):
            error = self._status_error(transfer, status)
        return FinishedAttempt(transfer.request, transfer.read_headers(), error)

    def _take_off(self, transfer: _Transfer) -> None:
        """Take a transfer off libcurl, and keep its handle for another."""
        curl = transfer.handle.curl
        self._multi.remove_handle(curl)
        del self._active[curl]
        self._idle.append(transfer.handle)

    def _end_stalled(self, now_s: float) -> list[FinishedAttempt]:
        """End the transfers that are connected and have not moved for too long."""
        import pycurl

        limit_s = self._options.stall_timeout_s
        finished = []
        for transfer in list(self._active.values()):
            if transfer.is_paused or now_s - transfer.active_s <= limit_s:
                continue
            # Before the request is sent, the time limit for connecting rules.
            connecting_s = transfer.handle.curl.getinfo(pycurl.PRETRANSFER_TIME)
            if connecting_s <= 0 or now_s - transfer.started_s - connecting_s <= limit_s:
                continue
            url = without_credentials(transfer.request.url)
            error = ConnectionFailedError(url, f"stalled: nothing arrived for {limit_s:g} s")
            finished.append(self._end(transfer, error))
        return finished

    @staticmethod
    def _status_error(transfer: _Transfer, status: int) -> PdbCliError:
        """Return the error for a status of a response that does not bring the file."""
        return translate_status(status, transfer.read_headers(), transfer.request.url)


def _brings_file(status: int, request: Request) -> bool:
    """Tell whether the body of a response with this status is the file, or its rest."""
    asked_for_some = request.wanted is not None or request.tail_bytes is not None
    return status == OK or (status == PARTIAL_CONTENT and asked_for_some)


def _is_stale(last_modified_s: float | None, request: Request) -> bool:
    """Tell whether a version is older than what is wanted; servers tell whole seconds only."""
    if last_modified_s is None:
        return request.is_dated
    return request.not_before_s is not None and last_modified_s < math.floor(request.not_before_s)


def _curl_error(transfer: _Transfer, code: int, message: str) -> PdbCliError:
    """Return the error for a transfer that failed in libcurl."""
    import pycurl

    request = transfer.request
    if code == pycurl.E_FILESIZE_EXCEEDED:
        return body_too_large(without_credentials(request.url), request.max_bytes)
    return translate_curl_error(transfer.handle.curl, code, message, request.url)
