"""A real proxy on loopback: CONNECT for https, whole URLs for http, a password if wanted."""

from __future__ import annotations

import base64
import selectors
import socket
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Self
from urllib.parse import urlsplit

_HEADER_END = b"\r\n\r\n"


class ConnectProxy:
    """Passes connections on while the context lasts, and records what it was asked for.

    Parameters
    ----------
    user
        ``name:password``, if it asks for one.
    status
        Answer every request with this status instead.
    """

    def __init__(self, *, user: str | None = None, status: int | None = None) -> None:
        self.status = status
        self.wanted = None
        if user is not None:
            self.wanted = b"Basic " + base64.b64encode(user.encode())
        self.asked: list[str] = []
        """Method and target of each connection's first request."""
        self.refused = 0
        self.closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, owner: ConnectProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner


class _Handler(StreamRequestHandler):
    """Serves one connection."""

    server: _Server

    def handle(self) -> None:
        owner = self.server.owner
        head = b""
        while _HEADER_END not in head:
            if owner.closing.is_set():
                return
            self.connection.settimeout(0.05)
            try:
                data = self.connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            head += data
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        owner.asked.append(f"{method} {target}")
        headers = dict(
            line.split(b": ", 1) for line in head.partition(_HEADER_END)[0].split(b"\r\n")[1:]
        )
        if owner.status is not None:
            self._refuse(f"{owner.status} No".encode())
        elif owner.wanted is not None and headers.get(b"Proxy-Authorization") != owner.wanted:
            self._refuse(b'407 Who are you\r\nProxy-Authenticate: Basic realm="lab"')
        elif method == "CONNECT":
            host, _, port = target.rpartition(":")
            self.wfile.write(b"HTTP/1.1 200 Connected" + _HEADER_END)
            self._relay(host, int(port), b"")
        else:
            parts = urlsplit(target)
            # A server of ours takes whole URLs; further requests go the same way.
            self._relay(str(parts.hostname), parts.port or 80, head)

    def _refuse(self, status: bytes) -> None:
        """Answer by itself and hang up."""
        self.server.owner.refused += 1
        ending = b"\r\nContent-Length: 0\r\nConnection: close"
        self.wfile.write(b"HTTP/1.1 " + status + ending + _HEADER_END)

    def _relay(self, host: str, port: int, first: bytes) -> None:
        """Pass bytes in both directions until one side hangs up."""
        with (
            socket.create_connection((host, port)) as other,
            selectors.DefaultSelector() as waiting,
        ):
            other.sendall(first)
            self.connection.settimeout(None)
            waiting.register(self.connection, selectors.EVENT_READ, other)
            waiting.register(other, selectors.EVENT_READ, self.connection)
            while not self.server.owner.closing.is_set():
                for key, _ in waiting.select(0.05):
                    try:
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if data:
                            key.data.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
