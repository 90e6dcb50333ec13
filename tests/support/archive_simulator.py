"""A mirror: a real HTTP server on loopback over a living archive.

Answers as the archive's static servers do: Content-Length, Last-Modified, ETag, Range with
If-Range, conditional requests, kept-alive connections. Every request is recorded.
"""

from __future__ import annotations

import contextlib
import email.utils
import re
import socket
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from support.archive_tree import ArchiveTree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pdb_cli.archive.layouts import Layout


@dataclass(frozen=True, slots=True)
class Request:
    """One request and how it was answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    """As sent, names in lower case."""
    status: int
    sent_bytes: int
    """Length of the body sent."""
    connection: int
    """Number of the connection it came on, from 1."""


class ArchiveSimulator:
    """Serves an :class:`ArchiveTree` while the context lasts."""

    def __init__(self, tree: ArchiveTree, *, delay_s: float = 0.0) -> None:
        self.tree = tree
        self.delay_s = delay_s
        """How long every answer is held back, as a distant mirror's is."""
        self.refusals: dict[str, HTTPStatus] = {}
        """What is answered in place of files: ``{"GET 1abc.cif.gz": HTTPStatus.FORBIDDEN}``."""
        self.tell_time: Callable[[float], str | None] = _http_date
        """What is said of the time of a file; None for not a word."""
        self._requests: list[Request] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @classmethod
    def make(cls, folder: Path, *entries: str, layout: Layout | None = None) -> ArchiveSimulator:
        """Return a mirror below ``folder`` whose first release holds some real entries."""
        tree = ArchiveTree(folder) if layout is None else ArchiveTree(folder, layout=layout)
        tree.publish(add=entries)
        return cls(tree)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.end_connections()
        self._server.server_close()

    @property
    def origin(self) -> str:
        """The server: ``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The mirror's root: what ``[mirrors.NAME] https`` is set to."""
        return f"{self.origin}/{self.tree.root.relative_to(self.tree.folder).as_posix()}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request answered so far, oldest first."""
        return tuple(self._requests)

    def forget_requests(self) -> None:
        """Start recording anew."""
        self._requests.clear()

    def record(self, request: Request) -> None:
        """Keep a request; called by the server."""
        self._requests.append(request)


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that it can end."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, simulator: ArchiveSimulator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulator = simulator
        self.stopping = threading.Event()
        self._connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def number_of(self, connection: socket.socket) -> int:
        """Return which connection this is, from 1."""
        return self._connections.index(connection) + 1

    def end_connections(self) -> None:
        """Hang up on every client; the threads that serve them end."""
        self.stopping.set()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """Answer with a file of the archive."""
        self.server.stopping.wait(self.server.simulator.delay_s)
        path = self._find()
        if path is None:
            self._answer(HTTPStatus.NOT_FOUND, b"<html>404 Not Found</html>", type_="text/html")
            return
        refusal = self.server.simulator.refusals.get(f"{self.command} {path.name}")
        if refusal is not None:
            self._answer(refusal, b"<html>No</html>", type_="text/html")
            return
        data, modified = path.read_bytes(), path.stat().st_mtime_ns
        tag = f'"{modified:x}-{len(data):x}"'
        headers = {"ETag": tag, "Accept-Ranges": "bytes"}
        if (told := self.server.simulator.tell_time(modified / 1e9)) is not None:
            headers["Last-Modified"] = told
        if self._is_current(headers):
            self._answer(HTTPStatus.NOT_MODIFIED, b"", headers)
            return
        asked = self.headers.get("Range", "")
        if suffix := re.fullmatch(r"bytes=-(\d+)", asked):
            asked = f"bytes={max(0, len(data) - int(suffix[1]))}-"
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
        if match is None or self.headers.get("If-Range", tag) not in headers.values():
            self._answer(HTTPStatus.OK, data, headers)
            return
        start, end = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
        if start > end:
            headers["Content-Range"] = f"bytes */{len(data)}"
            self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", headers)
            return
        headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
        self._answer(HTTPStatus.PARTIAL_CONTENT, data[start : end + 1], headers)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def _find(self) -> Path | None:
        """Return the file a request is about; nothing outside the archive."""
        folder = self.server.simulator.tree.folder
        path = folder / unquote(urlsplit(self.path).path).lstrip("/")
        inside = path.resolve().is_relative_to(folder.resolve())
        return path if inside and path.is_file() else None

    def _is_current(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the client says it has this version already."""
        if "If-None-Match" in self.headers:
            return self.headers["If-None-Match"] == headers["ETag"]
        since = self.headers.get("If-Modified-Since")
        return since is not None and since == headers.get("Last-Modified")

    def _answer(
        self,
        status: HTTPStatus,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        type_: str = "application/x-gzip",
    ) -> None:
        """Record the request, then send the answer: a client never sees an unrecorded one."""
        sent = body if self.command == "GET" else b""
        self.server.simulator.record(
            Request(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                status=status,
                sent_bytes=len(sent),
                connection=self.server.number_of(self.connection),
            )
        )
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", type_)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing; requests are recorded."""


def _http_date(time_s: float) -> str:
    """Write a time as servers tell it."""
    return email.utils.formatdate(time_s, usegmt=True)
