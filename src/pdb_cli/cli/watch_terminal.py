"""The terminal while a live table is on it: keys, signals, and everything put back at the end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

_BY_WEIGHT = (
    signal.SIGHUP,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTSTP,
    signal.SIGWINCH,
)
"""The signals that are waited for; of several at once the first one counts."""
_ENOUGH = 4096


class WatchTerminal:
    """Turns signals and the key ``q`` into answers of ``wait``.

    No signal interrupts the code that draws or puts the terminal back, so nothing is left half
    done. Signals that the caller has set to be ignored (nohup) stay ignored.
    """

    def __init__(self) -> None:
        self._wake_fd = -1
        self._undo = contextlib.ExitStack()
        self._keys_fd: int | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            self._wake_fd, signalled_fd = os.pipe()
            undo.callback(os.close, self._wake_fd)
            undo.callback(os.close, signalled_fd)
            os.set_blocking(signalled_fd, False)
            before = signal.set_wakeup_fd(signalled_fd, warn_on_full_buffer=False)
            undo.callback(signal.set_wakeup_fd, before)
            for number in _BY_WEIGHT:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    undo.callback(signal.signal, number, signal.signal(number, _nothing))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let signals do what they did before."""
        self._undo.close()

    @contextlib.contextmanager
    def keys(self) -> Iterator[None]:
        """Get keys as they are pressed, unseen, while this lasts; no keys if stdin is no terminal.

        Ctrl-C and Ctrl-Z stay signals.
        """
        if not sys.stdin.isatty():
            yield
            return
        self._keys_fd = sys.stdin.fileno()
        before: list[Any] = termios.tcgetattr(self._keys_fd)
        try:
            tty.setcbreak(self._keys_fd)
            yield
        finally:
            # A terminal that was closed has nothing to be put back.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)
            self._keys_fd = None

    def wait(self, timeout_s: float) -> signal.Signals | None:
        """Wait for a signal or for ``q``, which counts as SIGINT.

        Parameters
        ----------
        timeout_s
            How long to wait.

        Returns
        -------
        signal.Signals or None
            The signal; None if the time went by, or another key was pressed.
        """
        fds = [self._wake_fd] if self._keys_fd is None else [self._wake_fd, self._keys_fd]
        ready, _, _ = select.select(fds, [], [], timeout_s)
        arrived = os.read(self._wake_fd, _ENOUGH) if self._wake_fd in ready else b""
        for number in _BY_WEIGHT:
            if number in arrived:
                return number
        return signal.SIGINT if self._quits(ready) else None

    def _quits(self, ready: list[int]) -> bool:
        """Tell whether a key says so; a terminal at its end says nothing any more."""
        if self._keys_fd is None or self._keys_fd not in ready:
            return False
        pressed = os.read(self._keys_fd, _ENOUGH)
        if not pressed:
            self._keys_fd = None
        return bool({*b"qQ"} & {*pressed})

    @staticmethod
    def suspend() -> None:
        """Stop as Ctrl-Z would have stopped; return when the shell continues us."""
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing: the wake-up pipe has the number."""
