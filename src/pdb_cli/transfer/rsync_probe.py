"""A short look at the daemons of a mirror, all at once."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import RsyncTransientError
from pdb_cli.transfer.rsync_arguments import probe_arguments
from pdb_cli.transfer.rsync_greeting import greet
from pdb_cli.transfer.rsync_outcome import error_lines, failure, secrets_of
from pdb_cli.transfer.rsync_process import RsyncGroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pdb_cli.archive.mirrors import RsyncRoot
    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.rsync_arguments import RsyncOptions

PROBE_WITHIN_S: Final = 2.5
"""The whole look, all places together."""

_OWN_WAYS: Final = ("RSYNC_PROXY", "RSYNC_CONNECT_PROG")
"""With these, only rsync itself knows how to get to a daemon."""


class Probed(NamedTuple):
    """How a look went."""

    root: RsyncRoot
    error: PdbCliError | None
    """None when the daemon would serve us."""


def probe_daemons(
    options: RsyncOptions,
    roots: Sequence[RsyncRoot],
    *,
    directory: Path,
    within_s: float = PROBE_WITHIN_S,
) -> Probed:
    """Look at several places at once, and settle for the first in their order that answers.

    Parameters
    ----------
    options
        How rsync is used.
    roots
        The places, the preferred one first; at least one.
    directory
        The one here, for errors.
    within_s
        When to stop waiting.

    Returns
    -------
    Probed
        The first one that answers; else the first one, with its error.

    Raises
    ------
    RsyncUnavailableError
        rsync does not run.
    """
    found: dict[RsyncRoot, PdbCliError | None] = {}
    environ = options.program.environ
    if any(environ.get(name) for name in _OWN_WAYS):
        answers = _ask_rsync(options, roots, directory, within_s)
    else:
        has_password = bool(environ.get("RSYNC_PASSWORD"))
        answers = _greet_all(roots, has_password=has_password, within_s=within_s)
    for root, error in answers:
        found[root] = error
        # A preferred one that has not answered yet may still do.
        for first in roots:
            if first not in found:
                break
            if found[first] is None:
                return Probed(first, None)
    for root in roots:
        if root in found and found[root] is None:
            return Probed(root, None)
    first = roots[0]
    silent = RsyncTransientError(str(first), f"no answer within {within_s:g} s")
    return Probed(first, found.get(first) or silent)


def _greet_all(
    roots: Sequence[RsyncRoot], *, has_password: bool, within_s: float
) -> Iterator[Probed]:
    """Talk to each daemon in a thread of its own; yield answers as they come."""
    limit_s = time.monotonic() + within_s
    answers: queue.SimpleQueue[Probed] = queue.SimpleQueue()

    def talk(root: RsyncRoot) -> None:
        """Talk to one."""
        answers.put(Probed(root, greet(root, has_password=has_password, within_s=within_s)))

    for root in roots:
        # A name that is looked up in vain holds up its thread, and nobody else.
        threading.Thread(target=talk, args=(root,), daemon=True).start()
    for _ in roots:
        try:
            yield answers.get(timeout=max(0.0, limit_s - time.monotonic()))
        except queue.Empty:
            return


def _ask_rsync(
    options: RsyncOptions, roots: Sequence[RsyncRoot], directory: Path, within_s: float
) -> Iterator[Probed]:
    """Let rsync look at each directory; yield answers as they come."""
    limit_s = time.monotonic() + within_s
    secrets = secrets_of(options.program.environ)
    # Nothing is lost by ending these at once; by itself rsync takes a tenth of a second for it.
    with RsyncGroup(ends_within_s=0.0) as group:
        processes = {
            group.start(
                probe_arguments(options, f"{root}/", within_s=within_s), options.program.environ
            ): root
            for root in roots
        }
        while (left_s := limit_s - time.monotonic()) > 0 and len(group):
            for process, lines in group.lines(timeout_s=left_s):
                if process not in processes:
                    continue
                if any(line.endswith(b" .") for line in lines):
                    # The directory itself was listed.
                    yield Probed(processes.pop(process), None)
                elif process.exit_code is not None:
                    root = processes.pop(process)
                    said = error_lines(process.errors, secrets)
                    code = process.exit_code
                    error = failure(str(root), code, said, root=directory) if code else None
                    yield Probed(root, error)
