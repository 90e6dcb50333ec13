"""A short look whether a daemon answers: with this rsync, over this proxy, in this module."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import RsyncTransientError
from pdb_cli.transfer.rsync_arguments import probe_arguments
from pdb_cli.transfer.rsync_outcome import error_lines, failure, secrets_of
from pdb_cli.transfer.rsync_process import RsyncGroup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pdb_cli.errors import PdbCliError
    from pdb_cli.transfer.rsync_arguments import RsyncOptions

PROBE_WITHIN_S: Final = 2.5
"""The whole look, all places together."""


class Probed(NamedTuple):
    """How a look went."""

    url: str
    error: PdbCliError | None
    """None when the daemon showed the directory."""


def probe_daemons(
    options: RsyncOptions, urls: Sequence[str], *, root: Path, within_s: float = PROBE_WITHIN_S
) -> Probed:
    """Look at several places at once, and settle for the first in their order that answers.

    rsync itself is used, so that what it is set up with counts: a proxy, a program to connect
    with, a password.

    Parameters
    ----------
    options
        How rsync is used.
    urls
        Directories, each with a slash at its end, the preferred one first; at least one.
    root
        The directory here, for errors.
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
    limit_s = time.monotonic() + within_s
    secrets = secrets_of(options.program.environ)
    found: dict[str, PdbCliError | None] = {}
    # Nothing is lost by ending these at once; by itself rsync takes a tenth of a second for it.
    with RsyncGroup(ends_within_s=0.0) as group:
        processes = {
            group.start(
                probe_arguments(options, url, within_s=within_s), options.program.environ
            ): url
            for url in urls
        }
        while (left_s := limit_s - time.monotonic()) > 0 and len(group):
            for process, lines in group.lines(timeout_s=left_s):
                url = processes[process]
                if any(line.endswith(b" .") for line in lines):
                    # The directory itself was listed.
                    found[url] = None
                elif process.exit_code is not None and url not in found:
                    code = process.exit_code
                    said = error_lines(process.errors, secrets)
                    found[url] = failure(url, code, said, root=root) if code else None
            # A preferred one that has not answered yet may still do.
            if _first_settled(urls, found) is not None:
                break
    for url in urls:
        if url in found and found[url] is None:
            return Probed(url, None)
    first = urls[0]
    silent = RsyncTransientError(first, f"no answer within {within_s:g} s")
    return Probed(first, found.get(first) or silent)


def _first_settled(urls: Sequence[str], found: dict[str, PdbCliError | None]) -> str | None:
    """Return the place that answers, once all those before it are known not to."""
    for url in urls:
        if url not in found:
            return None
        if found[url] is None:
            return url
    return None
