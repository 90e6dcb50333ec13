"""Run ``pdb-cli`` on a terminal: a real pseudo-terminal of a chosen size."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_POLL_S = 0.05


class OnTerminal:
    """A run of ``pdb-cli`` whose three streams are a terminal; ended at the end of the context."""

    def __init__(self, *arguments: str, cwd: Path, width: int = 110, height: int = 24) -> None:
        self.arguments = arguments
        self.cwd = cwd
        self._controller, self._terminal = pty.openpty()
        self.resize(width, height)
        self.settings: list[object] = termios.tcgetattr(self._terminal)
        """Of the terminal, before anything ran on it."""
        self.text = ""
        """All that was written to the terminal so far."""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *self.arguments],
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            cwd=self.cwd,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self._controller, self._terminal):
            with contextlib.suppress(OSError):
                os.close(fd)

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size, as a window manager does."""
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, size)

    def press(self, keys: str) -> None:
        """Press keys; ``\\x03`` is Ctrl-C."""
        os.write(self._controller, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self._terminal)
        os.close(self._controller)

    def see(self, wanted: str | Callable[[str], bool], *, timeout_s: float = 15.0) -> str:
        """Read until the new text holds what is wanted; return the new text.

        Raises
        ------
        AssertionError
            It did not come in time.
        """
        new = ""
        deadline_s = time.monotonic() + timeout_s
        while not (wanted in new if isinstance(wanted, str) else wanted(new)):
            if time.monotonic() > deadline_s:
                raise AssertionError(f"{wanted!r} is not in {new!r}")
            if select.select([self._controller], [], [], _POLL_S)[0]:
                data = os.read(self._controller, 65536).decode(errors="replace")
                new += data
                self.text += data
        return new

    def end(self, *, timeout_s: float = 15.0) -> int:
        """Wait for the end and return the exit code; what was written last is in ``text``."""
        self.see(lambda _: self.process.poll() is not None, timeout_s=timeout_s)
        while select.select([self._controller], [], [], 0)[0]:
            self.text += os.read(self._controller, 65536).decode(errors="replace")
        return self.process.wait()

    def settings_now(self) -> list[object]:
        """Return the terminal's settings."""
        return termios.tcgetattr(self._terminal)


_OWN_TERMINAL = """
import fcntl, os, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C and hanging up reach this session
runpy.run_module("pdb_cli", run_name="__main__", alter_sys=True)
"""
