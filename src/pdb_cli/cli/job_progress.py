"""A job's progress in words: for the list, for one job in full, for the live table."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pdb_cli.cli.output import human_duration, human_size
from pdb_cli.cli.registry import ALIASES

if TYPE_CHECKING:
    from pdb_cli.jobs.progress import Progress

_WITH_VALUE = frozenset({"--pdb-dir", "--config", "--color"})
_QUIET_S = 10.0
"""After so long without a word, a rate is one of the past."""
_MINUTE_S = 60.0
_HOUR_S = 3600.0
_LONGEST_LEFT_S = 100 * 86400.0
"""Beyond that a forecast says nothing."""


def percent(progress: Progress) -> int | None:
    """Return how much is settled, rounded down; None while it is not known what is wanted.

    Parameters
    ----------
    progress
        A snapshot.
    """
    if not progress.files_total:
        return None
    return min(100, 100 * progress.files_settled // progress.files_total)


def rate_text(progress: Progress, now_s: float) -> str:
    """Return the rate, or for how long nothing has happened.

    Parameters
    ----------
    progress
        A snapshot of a job that runs.
    now_s
        The time now, POSIX seconds.
    """
    quiet_s = progress.quiet_s(now_s)
    if quiet_s > _QUIET_S:
        return f"quiet {_roughly(quiet_s)}"
    return f"{human_size(progress.rate_bytes_s)}/s"


def left_text(progress: Progress, now_s: float) -> str:
    """Return how long it may still take; empty where nothing can be said.

    Parameters
    ----------
    progress
        A snapshot of a job that runs.
    now_s
        The time now, POSIX seconds.
    """
    eta_s = progress.eta_s
    if eta_s is None or eta_s > _LONGEST_LEFT_S or progress.quiet_s(now_s) > _QUIET_S:
        return ""
    return _roughly(eta_s)


def progress_line(progress: Progress, now_s: float) -> str:
    """Return the progress of a job that runs, in one line.

    Parameters
    ----------
    progress
        A snapshot of a job that runs.
    now_s
        The time now, POSIX seconds.

    Examples
    --------
    >>> from pdb_cli.jobs.progress import Progress
    >>> progress_line(Progress(4000, 1200, 3, 10**9, rate_bytes_s=12_000_000, eta_s=190.0), 0.0)
    '1,203/4,000 30 %  3 failed  12.0 MB/s  3 min left'
    """
    done = percent(progress)
    if done is None:
        return progress.phase
    parts = [f"{progress.files_settled:,}/{progress.files_total:,} {done} %"]
    if progress.files_failed:
        parts.append(f"{progress.files_failed:,} failed")
    parts.append(rate_text(progress, now_s))
    left = left_text(progress, now_s)
    if left:
        parts.append(f"{left} left")
    return "  ".join(parts)


def progress_rows(
    progress: Progress | None, *, command: str, running: bool, now_s: float
) -> list[tuple[str, str]]:
    """Return all of a snapshot: names and values, those that say nothing empty.

    Parameters
    ----------
    progress
        The snapshot, if there is one.
    command
        What the job runs, as one line.
    running
        Whether the job runs; rate and time left are of no interest otherwise.
    now_s
        The time now, POSIX seconds.
    """
    if progress is None:
        return []
    done = percent(progress)
    files = f"{progress.files_settled:,} of {progress.files_total:,}"
    if done is not None:
        files += f" ({done} %), {progress.files_failed:,} failed"
    entries = f"{progress.entries_done:,} of {progress.entries_total:,}"
    received = human_size(progress.bytes_received)
    if running:
        received += f", {rate_text(progress, now_s)}"
    return [
        ("phase", progress.phase),
        ("entries", entries if progress.entries_total else ""),
        ("files", files if progress.files_total else ""),
        (_word_for_bytes(command), received),
        ("time left", left_text(progress, now_s) if running else ""),
    ]


def _word_for_bytes(command: str) -> str:
    """Return what has happened to the bytes that a command counts.

    >>> [_word_for_bytes(text) for text in ("-v --pdb-dir validate dl 1abc", "val --fix", "' ")]
    ['received', 'checked', 'received']
    """
    try:
        words = iter(shlex.split(command))
    except ValueError:
        return "received"  # the record is anybody's text
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return "checked" if ALIASES.get(word, word) == "validate" else "received"
    return "received"


def _roughly(seconds: float) -> str:
    """Return a duration without seconds where there are minutes."""
    if _MINUTE_S <= seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min"
    return human_duration(seconds)
