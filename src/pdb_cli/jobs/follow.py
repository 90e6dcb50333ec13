"""Read the log of a job, and follow it while it grows."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from pdb_cli.jobs.liveness import observe
from pdb_cli.jobs.log_tail import Chunk, Stream, Tail

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from pdb_cli.jobs.model import Job
    from pdb_cli.jobs.store import JobStore

__all__ = ["Chunk", "Stream", "follow_log", "read_log"]

_POLL_S = 0.25


def read_log(
    store: JobStore, job_id: str, *, streams: Sequence[Stream], last_lines: int | None
) -> Iterator[Chunk]:
    """Read what a job has printed so far.

    Parameters
    ----------
    store
        The jobs directory.
    job_id
        The job.
    streams
        Which streams, in this order.
    last_lines
        Only so many lines at the end of each; None for everything.

    Raises
    ------
    FileAccessError
        A log exists but can not be read.
    """
    for stream in streams:
        tail = Tail(_path(store, job_id, stream), stream)
        try:
            tail.begin(last_lines)
            yield from tail.read()
        finally:
            tail.close()


def follow_log(
    store: JobStore, job_id: str, *, streams: Sequence[Stream], last_lines: int | None
) -> Generator[Chunk, None, Job]:
    """Read what a job has printed, then what it prints, until it ends.

    The generator's return value is the final record. When the job ends, its logs are read once
    more to their end. Nothing here can disturb the job.

    Parameters
    ----------
    store, job_id, streams, last_lines
        As for ``read_log``.

    Raises
    ------
    UnknownJobError
        The job's directory was removed meanwhile.
    FileAccessError
        A log exists but can not be read.
    """
    with contextlib.ExitStack() as stack:
        tails = [Tail(_path(store, job_id, stream), stream) for stream in streams]
        for tail in tails:
            stack.callback(tail.close)
            tail.begin(last_lines)
        while True:
            # The state first, then the logs: what was written before the end is not missed.
            job = observe(store, job_id).job
            for tail in tails:
                yield from tail.read()
            if job.status.final:
                return job
            time.sleep(_POLL_S)


def _path(store: JobStore, job_id: str, stream: Stream) -> Path:
    """Return the file of a stream."""
    paths = store.paths(job_id)
    return paths.stdout if stream is Stream.STDOUT else paths.stderr
