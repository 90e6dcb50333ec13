"""A real rsync daemon on a free port of loopback, with the modules of an archive mirror."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from support.ports import free_port, is_listening
from support.wait import wait_until

_START_TRIES = 3
_CONFIGURATION = """\
log file = {folder}/rsyncd.log
pid file = {folder}/rsyncd.pid
lock file = {folder}/rsyncd.lock
use chroot = no
read only = yes
{user}
{settings}
[ftp]
path = {root}
[ftp_data]
path = {root}/data
[all]
path = {top}
[busy]
path = {root}
max connections = -1
"""


class RsyncDaemon:
    """Serves ``ftp`` (an archive's root) and ``ftp_data`` (its data) while the context lasts.

    Further modules: ``all`` (two directories above the root), and ``busy``, which has the same as
    ``ftp`` and takes no connections.

    Parameters
    ----------
    program
        The rsync to run.
    root
        The root of the archive, ``pub/pdb``.
    folder
        A folder for its settings and log.
    settings
        More lines of rsyncd.conf(5), for all modules.
    limit_kib_s
        What each connection gets at most; 0 for no limit.
    """

    def __init__(
        self, program: str, root: Path, *, folder: Path, settings: str = "", limit_kib_s: int = 0
    ) -> None:
        self._program = program
        self._root = root
        self._folder = folder
        self._settings = settings
        self._limit_kib_s = limit_kib_s
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """What ``[mirrors.NAME] rsync`` is set to: the place that equals ``pub/pdb``."""
        return f"rsync://127.0.0.1:{self.port}/ftp"

    def __enter__(self) -> Self:
        for _ in range(_START_TRIES):  # somebody may take the free port before rsync does
            self.port = free_port()
            process = self._process = self._start()
            wait_until(
                lambda process=process: process.poll() is not None or is_listening(self.port),  # type: ignore[misc]
                what="rsync to start",
            )
            if process.poll() is None:
                return self
        raise AssertionError(f"rsync did not start: {self.log()}")

    def __exit__(self, *_: object) -> None:
        # Asked to end, it would take its time: nearly half a second.
        if self._process is not None and self._process.poll() is None:
            self.die()

    def die(self) -> None:
        """End at once, with every connection; a new ``with`` starts another one."""
        if self._process is not None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            pids = [int(pid) for pid in children.read_text().split()]
            for pid in [self._process.pid, *pids]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait(timeout=10)

    def log(self) -> str:
        """Return the daemon's log."""
        path = self._folder / "rsyncd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _start(self) -> subprocess.Popen[bytes]:
        """Write the settings and start rsync with them."""
        configuration = self._folder / "rsyncd.conf"
        (self._folder / "rsyncd.pid").unlink(missing_ok=True)
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                root=self._root,
                settings=self._settings,
                top=self._root.parent.parent,
                # As root, it would become a user who may not read our folders.
                user="uid = 0\ngid = 0" if os.geteuid() == 0 else "",
            )
        )
        return subprocess.Popen(
            [
                self._program, "--daemon", "--no-detach", f"--config={configuration}",
                "--address=127.0.0.1", f"--port={self.port}", f"--bwlimit={self._limit_kib_s}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
