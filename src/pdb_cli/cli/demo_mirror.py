"""A mirror on the loopback interface that serves the few entries bundled with pdb-cli."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_DELAY_S = 0.3
"""A real mirror takes its time; without it the demo would be over before it can be followed."""


def bundled_archive() -> Path:
    """Return the directory that holds the bundled piece of the archive (= ``pub/pdb``)."""
    return Path(__file__).parent.parent / "demo_data" / "pub" / "pdb"


def bundled_ids() -> list[str]:
    """Return the ids of the bundled mmCIF entries."""
    files = bundled_archive().glob("data/structures/divided/mmCIF/*/*.cif.gz")
    return sorted(path.name.partition(".")[0] for path in files)


@contextmanager
def serve_bundled_entries() -> Iterator[str]:
    """Serve the bundled entries while the context lasts; yield the mirror's root URL."""
    from functools import partial  # noqa: PLC0415 - only in the demo
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread  # noqa: PLC0415

    class Handler(SimpleHTTPRequestHandler):
        """Serves files, slowly and silently."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(_DELAY_S)
            super().do_GET()

        def log_message(self, *_: Any) -> None:
            """Keep the demo's terminal for the demo."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    root = bundled_archive().parent.parent
    with Server(("127.0.0.1", 0), partial(Handler, directory=str(root))) as server:
        thread = Thread(target=server.serve_forever, name="demo-mirror")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/pub/pdb"
        finally:
            server.shutdown()
            thread.join()
