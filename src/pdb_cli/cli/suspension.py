"""Ctrl-Z: what this program has started stops with it, and goes on only if the collection is ours.

rsync has process groups of its own, where a terminal does not reach it. Left alone, it would write
on after somebody else took the collection of a program that gives no signs of life.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from pdb_cli.transfer.rsync_process import kill_all, resume_all, suspend_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdb_cli.storage.guard import Guard


@contextlib.contextmanager
def suspends_whole(check: Guard) -> Iterator[None]:
    """Have rsync stop and go on with this process.

    Parameters
    ----------
    check
        Asked before it goes on; what it raises ends rsync, and comes out of whatever is at work.
    """

    def suspend(number: int, _: object) -> None:
        suspend_all()
        ours = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here it goes on.
        signal.signal(number, ours)
        try:
            check()
        except BaseException:
            kill_all()
            raise
        resume_all()

    if signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
        yield  # a shell without job control
        return
    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
