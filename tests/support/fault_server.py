"""A mirror that misbehaves on command: a real HTTP server on loopback with programmable faults.

Without faults it serves its files as the archive's servers do: Content-Length, Last-Modified,
kept-alive connections. Every request is recorded. It also answers as a proxy: a request for
``http://anything/path`` gets ``/path``. Leaving the context ends every thread and closes every
socket, however they are stuck.
"""

from __future__ import annotations

import email.utils
import random
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, assert_never
from urllib.parse import unquote, urlsplit

from support.faults import (
    Body,
    Chunked,
    Drip,
    Endless,
    FlippedBit,
    OddHeaders,
    OtherFile,
    Raw,
    Redirect,
    Reset,
    ShortBody,
    Stall,
    Status,
    TruncatedFile,
    WebPage,
    WrongLength,
)
from support.link import Link

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from support.faults import Fault

DEFAULT_MTIME_S = 1_600_000_000
"""Last-Modified of files that are not on disk."""


_ENDLESS_PIECE = b"data_" * 13_000

EVERYWHERE = "*"
"""In place of a path: all paths."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it came in."""

    method: str
    path: str
    """As sent; with the host in front when the server is used as a proxy."""
    headers: Mapping[str, str]
    """Names in lower case."""
    time_s: float
    """When, on the monotonic clock."""


@dataclass(slots=True)
class _Rule:
    """One programmed fault."""

    fault: Fault
    path: str
    left: float
    """Uses left; infinity for always."""
    probability: float


@dataclass(slots=True)
class _Log:
    """What happened so far."""

    requests: list[RecordedRequest] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    sent_bytes: int = 0


class FaultServer:
    """Serves files, and faults in their place, while the context lasts.

    Parameters
    ----------
    files
        Bytes by path (``/pub/pdb/data/...``), or a folder that stands for ``/``.
    delay_s
        How long every answer is held back.
    rate_bytes_per_s
        What all files together get of a link; None is all there is.
    seed
        For faults with a probability.
    tls
        Serve ``https://`` with this server context.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] | Path,
        *,
        delay_s: float = 0.0,
        rate_bytes_per_s: float | None = None,
        seed: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.files = files
        self.delay_s = delay_s
        self.authorization: str | None = None
        """The header without which every request is refused (401)."""
        self.closing = threading.Event()
        self._link = Link(rate_bytes_per_s)
        self._random = random.Random(seed)
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._log = _Log()
        self._tls = tls
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The root, without a slash at its end."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests so far."""
        with self._lock:
            return list(self._log.requests)

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        with self._lock:
            return self._log.connections

    @property
    def most_at_once(self) -> int:
        """The largest number of requests that were in work at the same time."""
        with self._lock:
            return self._log.most_at_once

    @property
    def sent_bytes(self) -> int:
        """Bytes of the bodies of good answers so far."""
        with self._lock:
            return self._log.sent_bytes

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(request.path == path for request in self.requests)

    def inject(
        self,
        fault: Fault,
        path: str = EVERYWHERE,
        *,
        times: int | None = None,
        probability: float = 1.0,
    ) -> None:
        """Program a fault; earlier ones go first.

        Parameters
        ----------
        fault
            What to do instead of serving the file.
        path
            For which path; ``EVERYWHERE`` is all of them.
        times
            How often; None is always.
        probability
            How likely it is each time.
        """
        left = float("inf") if times is None else float(times)
        with self._lock:
            self._rules.append(_Rule(fault, path, left, probability))

    def transmit(self, write: Callable[[bytes], object], data: bytes) -> None:
        """Send the body of a file as fast as the link allows."""
        for piece in self._link.pieces(data):
            if self.closing.wait(piece.wait_s):
                return
            write(piece.data)
            with self._lock:
                self._log.sent_bytes += len(piece.data)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._rules.clear()

    def read(self, path: str) -> tuple[bytes, float] | None:
        """Return a file's bytes and time; None if there is no such file."""
        if isinstance(self.files, Mapping):
            data = self.files.get(path)
            return None if data is None else (data, DEFAULT_MTIME_S)
        place = self.files / path.lstrip("/")
        if ".." in place.parts or not place.is_file():
            return None
        return place.read_bytes(), place.stat().st_mtime

    def enter_request(self, request: RecordedRequest, path: str) -> Fault | None:
        """Record a request and return the fault it meets."""
        with self._lock:
            self._log.requests.append(request)
            self._log.at_once += 1
            self._log.most_at_once = max(self._log.most_at_once, self._log.at_once)
            for rule in self._rules:
                if rule.left >= 1 and rule.path in {EVERYWHERE, path}:
                    if self._random.random() >= rule.probability:
                        continue
                    rule.left -= 1
                    return rule.fault
        return None

    def leave_request(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            self._log.at_once -= 1

    def enter_connection(self) -> None:
        """Note a new connection."""
        with self._lock:
            self._log.connections += 1


class _Server(ThreadingHTTPServer):
    """Knows its connections, so that it can end them."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, owner: FaultServer, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        if tls is not None:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection."""
        with self._open_lock:
            self._open.add(request)
        self.owner.enter_connection()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._open_lock:
            self._open.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
            request.close()  # a shutdown before it would be an orderly end, not a reset
        else:
            super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Wake the threads that read from a connection which is kept alive."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it is closed already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent when a client hangs up; that is its good right."""


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(self.command, self.path, headers, time.monotonic())
        fault = owner.enter_request(request, path)
        if owner.authorization not in {None, headers.get("authorization")}:
            fault = Status(401)
        try:
            if owner.delay_s:
                owner.closing.wait(owner.delay_s)
            self._answer(path, fault)
        finally:
            owner.leave_request()

    def do_HEAD(self) -> None:
        """Answer without a body; the only fault is another status."""
        owner = self.server.owner
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(self.command, self.path, headers, time.monotonic())
        fault = owner.enter_request(request, path)
        try:
            found = owner.read(path)
            if isinstance(fault, Status) or found is None:
                self.send_response(fault.code if isinstance(fault, Status) else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._send_headers(len(found[0]), found[1])
        finally:
            owner.leave_request()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write no log; requests are recorded."""

    def _answer(self, path: str, fault: Fault | None) -> None:
        """Send the file, or what the fault makes of it."""
        found = self.server.owner.read(path)
        if fault is None and found is None:
            fault = Status(404)
        data, mtime_s = found or (b"", DEFAULT_MTIME_S)
        match fault:
            case None:
                self._send(data, mtime_s)
            case Status() | Redirect():
                self._send_status(fault)
            case Chunked():
                self._send_chunked(data)
            case OddHeaders():
                self._send(data, mtime_s, fault.headers)
            case WrongLength():
                self._send_headers(len(data) - fault.missing_bytes, mtime_s)
                self.wfile.write(data)
            case Raw() | Endless():
                self._send_no_file(fault)
            case Reset() | ShortBody() | Stall() | Drip():
                self._send_headers(len(data), mtime_s)
                self._send_badly(data, fault)
            case TruncatedFile() | FlippedBit() | WebPage() | OtherFile() | Body():
                self._send(self._altered(data, fault), mtime_s)
            case _:
                assert_never(fault)

    def _altered(
        self, data: bytes, fault: TruncatedFile | FlippedBit | WebPage | OtherFile | Body
    ) -> bytes:
        """Return the bytes that are sent as if they were the file."""
        match fault:
            case TruncatedFile():
                return data[: -fault.missing_bytes]
            case FlippedBit():
                damaged = bytearray(data)
                damaged[fault.offset] ^= 0x10
                return bytes(damaged)
            case WebPage():
                return b"<!DOCTYPE html>\n<html><body>Service unavailable</body></html>\n"
            case OtherFile():
                other = self.server.owner.read(fault.path)
                if other is None:
                    raise AssertionError(f"no file {fault.path} to send instead")
                return other[0]
            case Body():
                return fault.data
            case _:
                assert_never(fault)

    def _send_headers(
        self, length: int, mtime_s: float, more: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send the headers of a file, and some more."""
        self.send_response(200)
        self.send_header("Content-Type", "application/gzip")
        self.send_header("Content-Length", str(length))
        self.send_header("Last-Modified", email.utils.formatdate(mtime_s, usegmt=True))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()

    def _send(self, data: bytes, mtime_s: float, more: Iterable[tuple[str, str]] = ()) -> None:
        """Send a file."""
        self._send_headers(len(data), mtime_s, more)
        self.server.owner.transmit(self.wfile.write, data)

    def _send_status(self, fault: Status | Redirect) -> None:
        """Send an error, or a redirect."""
        if isinstance(fault, Redirect):
            code, more = 302, [("Location", fault.location or self.path)]
        else:
            code, more = fault.code, list(self._retry_after(fault))
        body = f"status {code}\n".encode()
        self.send_response(code)
        for name, value in (*more, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    @staticmethod
    def _retry_after(fault: Status) -> Iterator[tuple[str, str]]:
        """Yield the header that says when to come again, if it is said."""
        if fault.retry_after_s is not None:
            moment_s = time.time() + fault.retry_after_s
            date = email.utils.formatdate(moment_s, usegmt=True)
            yield "Retry-After", date if fault.as_date else str(fault.retry_after_s)

    def _send_chunked(self, data: bytes) -> None:
        """Send a file in chunks."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(data), 4096):
            piece = data[start : start + 4096]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _send_no_file(self, fault: Raw | Endless) -> None:
        """Send what has nothing to do with the file."""
        closing = self.server.owner.closing
        self.close_connection = True
        match fault:
            case Raw():
                self.wfile.write(fault.data)
                if fault.stays_open:
                    closing.wait()
            case Endless():
                self.send_response(fault.code)
                self.end_headers()
                while not closing.is_set():
                    self.wfile.write(_ENDLESS_PIECE)
            case _:
                assert_never(fault)

    def _send_badly(self, data: bytes, fault: Reset | ShortBody | Stall | Drip) -> None:
        """Send the body of a file in a way it should not come."""
        closing = self.server.owner.closing
        match fault:
            case Drip():
                size = max(1, -(-len(data) // fault.pieces))
                for start in range(0, len(data), size):
                    self.wfile.write(data[start : start + size])
                    if closing.wait(fault.pause_s):
                        break
            case Stall():
                self.wfile.write(data[: fault.after_bytes])
                closing.wait()
                self.close_connection = True
            case ShortBody():
                self.wfile.write(data[: -fault.missing_bytes])
                self.close_connection = True
            case Reset():
                self.wfile.write(data[: fault.after_bytes])
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
            case _:
                assert_never(fault)
