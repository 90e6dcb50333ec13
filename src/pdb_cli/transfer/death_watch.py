"""Ends child processes when this one is killed: a shell that waits at the other end of a pipe.

When a process dies, however that happens, the kernel closes its pipes. The shell sees the end of
the file, sends KILL to the groups of whoever it was told of last, and ends: nobody has the lock any
more, so what went on writing for a moment would do so into the files of the next run, as the
receiving half of an rsync did that was sent TERM. That needs no ``prctl`` (Linux has
one for it, which would have to be called between fork and exec) and works on every POSIX system.
It has a process group of its own: what is sent to the whole group of this process (``kill -9``
too, Ctrl-C on a terminal) does not end the watch.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT: Final = """\
pids=
while read -r line; do pids=$line; done
for pid in $pids; do
  kill -s KILL -- -$pid
done
"""


class DeathWatch:
    """Watches over this process until :meth:`close`; without a shell it does nothing."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )

    def protect(self, pids: Iterable[int]) -> None:
        """Say which processes shall end with this one; those named before are forgotten.

        Parameters
        ----------
        pids
            Children that have not been waited for yet: nobody else can have their numbers.
        """
        if self._shell is not None and self._shell.stdin is not None:
            # Somebody may have ended the shell: then there is no watch.
            with suppress(OSError):
                self._shell.stdin.write(" ".join(map(str, pids)).encode() + b"\n")
                self._shell.stdin.flush()

    def close(self) -> None:
        """End the watch; nobody is ended by that."""
        if self._shell is None or self._shell.stdin is None:
            return
        self.protect(())
        with suppress(OSError):
            self._shell.stdin.close()
        self._shell.wait()
