"""Every exit code of pdb-cli, promised to scripts (docs/reference/exit-codes.md)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit code of a command means."""

    DONE = 0
    """All done; nothing to do is done."""
    FAILED = 1
    """Failed; nothing useful was done."""
    USAGE = 2
    """Wrong usage; nothing was started."""
    PARTIAL = 3
    """Done in part: some entries failed or do not exist."""
    TIMED_OUT = 124
    """A ``--timeout`` ran out."""
    HUNG_UP = 129
    """The terminal was closed (SIGHUP)."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """The reader of standard output went away."""
    TERMINATED = 143
    """SIGTERM."""
