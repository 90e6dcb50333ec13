"""A mirror with one large file that answers requests for a part of it, rightly or wrongly."""

from __future__ import annotations

import email.utils
import threading
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

MTIME_S = 1_600_000_000


class RangeAnswer(StrEnum):
    """What a request for the rest of the file is answered with."""

    REST = "the rest of it"
    REST_WITHOUT_ETAG = "the rest of it, known by its time only"
    WHOLE = "all of it"
    NOT_SATISFIABLE = "416"
    WRONG_PLACE = "the rest, with a lie about where it belongs"
    WRONG_LENGTH = "the rest, with a lie about the length of the file"
    OTHER_VERSION = "the rest, of another version"
    WRONG_BYTES = "other bytes, and nothing that tells"
    MISSING = "404"
    BUSY = "503"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    range: str | None
    if_range: str | None
    sent_bytes: int


class RangeServer:
    """Serves the same bytes under every path, while the context lasts.

    Parameters
    ----------
    data
        The file.
    answer
        How requests for a part of it are answered.
    cut_after_bytes
        The connection ends after so many bytes of an answer, for each element once; None sends
        all of it. Further answers are whole.
    """

    def __init__(
        self,
        data: bytes,
        answer: RangeAnswer = RangeAnswer.REST,
        cut_after_bytes: tuple[int | None, ...] = (),
    ) -> None:
        self.data = data
        self.answer = answer
        self.cuts = list(cut_after_bytes)
        self.hold_after_bytes: int | None = None
        """Answers stop here and nothing more comes, until this is None again."""
        self.data_after_first: bytes | None = None
        """Another version of the file, from the second request on."""
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The root, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def sent_bytes(self) -> int:
        """Bytes of bodies sent so far."""
        return sum(asked.sent_bytes for asked in self.asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, owner: RangeServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Write no log; requests are recorded."""

    def do_GET(self) -> None:
        owner = self.server.owner
        wanted = self.headers.get("Range")
        if owner.asked and owner.data_after_first is not None:
            owner.data = owner.data_after_first
        body = owner.data
        if wanted is None or owner.answer is RangeAnswer.WHOLE:
            self._send_head(200, len(body))
        else:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            body = self._answer_range(start)
        self._send_body(body, wanted)

    def _answer_range(self, start: int) -> bytes:
        """Send the head for a part; return its body."""
        data, answer = self.server.owner.data, self.server.owner.answer
        errors = {
            RangeAnswer.NOT_SATISFIABLE: 416,
            RangeAnswer.MISSING: 404,
            RangeAnswer.BUSY: 503,
        }
        if answer in errors:
            self._send_head(errors[answer], 0)
            return b""
        told, length = start, len(data)
        body = data[start:]
        if answer is RangeAnswer.WRONG_PLACE:
            told += 1
        elif answer is RangeAnswer.WRONG_LENGTH:
            length += 1
        elif answer is RangeAnswer.WRONG_BYTES:
            body = bytes(len(body))
        self._send_head(206, len(body), f"bytes {told}-{len(data) - 1}/{length}")
        return body

    def _send_head(self, status: int, length: int, content_range: str | None = None) -> None:
        """Send the status and the headers."""
        answer = self.server.owner.answer
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Last-Modified", email.utils.formatdate(MTIME_S, usegmt=True))
        if answer is not RangeAnswer.REST_WITHOUT_ETAG:
            is_other = status == 206 and answer is RangeAnswer.OTHER_VERSION
            self.send_header("ETag", '"other"' if is_other else '"right"')
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def _send_body(self, body: bytes, wanted: str | None) -> None:
        """Send what is not cut off, and record the request."""
        owner = self.server.owner
        cut = owner.cuts.pop(0) if owner.cuts else None
        held = owner.hold_after_bytes
        shown = body[: held if held is not None else cut]
        owner.asked.append(Asked(wanted, self.headers.get("If-Range"), len(shown)))
        self.wfile.write(shown)
        self.wfile.flush()
        while owner.hold_after_bytes is not None and not owner.closing.wait(0.01):
            pass
