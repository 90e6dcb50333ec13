"""A real nginx on a free port of loopback, with its own settings and files; no root needed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from support.ports import free_port, is_listening
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")
_START_TRIES = 3
_CONFIGURATION = """\
{load_module}
{user}
daemon off;
worker_processes 2;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    log_format numbered '$remote_addr "$request" $status $body_bytes_sent connection=$connection';
    access_log {folder}/access.log numbered;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ }}
    default_type application/x-gzip;
    sendfile on;
    keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port} {tls} backlog=1024;
        {certificate}
        root {root};
        {locations}
    }}
}}
"""
_DELAYED = """\
location / {{ echo_sleep {delay_s}; echo_exec @files; }}
        location @files {{ }}
"""


def echo_module() -> Path | None:
    """Return nginx's echo module, which lets it delay answers (libnginx-mod-http-echo)."""
    paths = [Path(folder) / "ngx_http_echo_module.so" for folder in _MODULES]
    return next((path for path in paths if path.exists()), None)


class Nginx:
    """Serves a folder while the context lasts.

    Parameters
    ----------
    program
        The nginx to run.
    root
        What is served.
    folder
        An empty folder for its settings, logs and temporary files.
    delay_s
        How long every answer is held back; needs ``echo_module``.
    certificate
        A certificate and its key in one file: serve over TLS, with HTTP/2.
    """

    def __init__(
        self,
        program: str,
        root: Path,
        *,
        folder: Path,
        delay_s: float = 0.0,
        certificate: Path | None = None,
    ) -> None:
        self._program = program
        self._root = root
        self._folder = folder
        self._delay_s = delay_s
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def origin(self) -> str:
        """The server: ``http://127.0.0.1:PORT``, or ``https``."""
        return f"http{'s' if self._certificate else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        for _ in range(_START_TRIES):  # somebody may take the free port before nginx does
            self.port = free_port()
            self._process = self._start()
            if self._is_up(self._process):
                return self
            self._stop()
        raise AssertionError(f"nginx did not start: {self.errors()}")

    def __exit__(self, *_: object) -> None:
        self._stop()

    def errors(self) -> str:
        """Return what nginx complained about."""
        log = self._folder / "error.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def requests(self) -> Sequence[str]:
        """Return nginx's access log, a line for each request answered."""
        return (self._folder / "access.log").read_text().splitlines()

    def _start(self) -> subprocess.Popen[bytes]:
        """Write the settings and start nginx with them."""
        load_module = ""
        if self._delay_s:
            module = echo_module()
            if module is None:
                raise AssertionError("nginx can not delay: install libnginx-mod-http-echo")
            load_module = f"load_module {module};"
        configuration = self._folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                load_module=load_module,
                # As root, its workers would become a user who may not read our folders.
                user="user root;" if os.geteuid() == 0 else "",
                folder=self._folder,
                port=self.port,
                tls="ssl http2" if self._certificate else "",
                certificate=(
                    f"ssl_certificate {self._certificate}; ssl_certificate_key {self._certificate};"
                    if self._certificate
                    else ""
                ),
                root=self._root,
                locations=_DELAYED.format(delay_s=self._delay_s) if self._delay_s else "",
            )
        )
        with (self._folder / "error.log").open("ab") as log:
            return subprocess.Popen(
                [self._program, "-p", self._folder, "-c", configuration],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def _is_up(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until nginx answers or has given up."""
        wait_until(
            lambda: process.poll() is not None or is_listening(self.port), what="nginx to start"
        )
        return process.poll() is None

    def _stop(self) -> None:
        """End nginx and wait until all of it has ended."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=10)
        self._process = None
