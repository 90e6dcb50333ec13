"""The argument lists rsync is started with: built from data, never through a shell.

No value can become an option: a source begins with ``rsync://``, a destination with ``/``, both
stand behind ``--``, and names of files are handed over in a file, each with ``./`` before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pdb_cli.transfer.rsync_program import RsyncProgram

PARTIAL_DIRECTORY: Final = ".rsync-partial"
"""Beside the files whose beginnings it holds: so they are on one file system, whatever is mounted
where, and a file comes into its place by one rename."""

LISTING_FORMAT: Final = "=%i %l %M %n"
"""A line per file in a dry run; the mark at its start is in no other line rsync prints."""
FETCH_FORMAT: Final = "=%i %l %M:%b %n"
"""A line per file that has arrived; the bytes (``%b``) are what makes rsync wait with it until
then."""

_PLAIN_URL = re.compile(r"rsync://[\w.:%\[\]/~+=-]*", re.ASCII)

# In every run. All that is used here is in rsync 3.1.0 already.
_COMMON = (
    "--8-bit-output",  # names as they are, except for control characters
    "--no-human-readable",  # plain digits
    "--no-motd",
    # No --perms: what is here keeps its permissions, set-group-id of directories included, and what
    # is new gets those of any new file. Who shares a collection by a group relies on both.
    "--times",
    "--no-links",
    "--no-devices",
    "--no-specials",
)


@dataclass(frozen=True, slots=True)
class RsyncOptions:
    """How rsync is used."""

    program: RsyncProgram
    parallel: int = 1
    """Processes, and connections, at once."""
    bandwidth_kib_s: int = 0
    """For all of them together, in KiB/s as rsync counts; 0 for no limit."""
    connect_timeout_s: float = 10.0
    stall_timeout_s: float = 60.0
    """How long a connection may be silent."""


def listing_arguments(
    options: RsyncOptions,
    url: str,
    destination: Path,
    *,
    rules: Sequence[str] = (),
    follow_links: bool = False,
    delete: bool = False,
) -> list[str]:
    """Return what makes rsync compare a tree with a directory and change nothing.

    Parameters
    ----------
    options
        How rsync is used.
    url
        The tree, with a slash at its end.
    destination
        The directory, absolute; it may be missing.
    rules
        ``--include`` and ``--exclude`` arguments, the first that matches decides.
    follow_links
        Whether the files that links lead to are meant.
    delete
        Whether to name also what the tree lacks.
    """
    arguments = [
        *_base(options, url, follow_links=follow_links),
        "--recursive",
        "--dry-run",
        # Twice: files that need nothing are named too.
        "--itemize-changes",
        "--itemize-changes",
        "--info=stats2",
        f"--out-format={LISTING_FORMAT}",
        "--outbuf=Block",
    ]
    if delete:
        arguments.append("--delete")
    return [*arguments, *rules, "--", url, f"{destination}/"]


def fetch_arguments(
    options: RsyncOptions,
    url: str,
    destination: Path,
    *,
    names_file: Path,
    bandwidth_kib_s: int = 0,
    follow_links: bool = False,
    again: bool = False,
) -> list[str]:
    """Return what makes rsync bring the files of a list.

    Parameters
    ----------
    options
        How rsync is used.
    url
        What :func:`split_source` returned for the tree.
    destination
        The directory, absolute.
    names_file
        Holds what :func:`name_list` returns.
    bandwidth_kib_s
        The share of this process; 0 for no limit.
    follow_links
        Whether the files that links lead to are meant.
    again
        Whether also files come whose size and time agree; what is here helps, and is not believed.
    """
    arguments = [
        *_base(options, url, follow_links=follow_links),
        # No --recursive: a directory in the list is a directory, not what is in it.
        f"--partial-dir={PARTIAL_DIRECTORY}",
        # With --perms off: as the umask has it for what is new, whatever the mirror says.
        "--chmod=Dugo=rwx,Fugo=rw",
        "--itemize-changes",
        "--itemize-changes",
        "--info=progress2",
        f"--out-format={FETCH_FORMAT}",
        "--outbuf=Line",
        f"--files-from={names_file}",
        "--from0",
    ]
    if again:
        arguments.append("--ignore-times")
    if bandwidth_kib_s:
        arguments.append(f"--bwlimit={bandwidth_kib_s}")
    return [*arguments, "--", url, f"{destination}/"]


def probe_arguments(options: RsyncOptions, url: str, *, within_s: float) -> list[str]:
    """Return what makes rsync look at a directory of a daemon, and at nothing in it.

    Parameters
    ----------
    options
        How rsync is used.
    url
        The directory, with a slash at its end.
    within_s
        How long it may take to connect, and then to answer.
    """
    seconds = max(1, int(within_s))
    return [
        *_base(options, url, follow_links=False)[: -len(_time_limits(options))],
        f"--contimeout={seconds}",
        f"--timeout={seconds}",
        "--dirs",
        "--list-only",
        "--exclude=*",
        "--",
        url,
    ]


def split_source(url: str) -> tuple[str, str]:
    """Return the module a tree is in, and the way from there to the tree.

    Files of a list are asked for from the module: daemons of rsync 3.5.0 that do not chroot say of
    every file asked for from a directory below it that it has vanished.

    Parameters
    ----------
    url
        The tree, with a slash at its end.

    Returns
    -------
    tuple of (str, str)
        A URL with a slash at its end; a relative path without, perhaps empty.

    Examples
    --------
    >>> split_source("rsync://rsync.rcsb.org:33444/ftp/data/structures/")
    ('rsync://rsync.rcsb.org:33444/ftp/', 'data/structures')
    """
    scheme, _, rest = url.partition("://")
    address, _, path = rest.partition("/")
    module, _, below = path.strip("/").partition("/")
    return f"{scheme}://{address}/{module}/", below


def name_list(names: Sequence[str], below: str = "") -> bytes:
    r"""Return names as rsync reads them from a file.

    Parameters
    ----------
    names
        Below the tree, without a slash at the end.
    below
        The way to the tree, from :func:`split_source`. The part of a name that rsync makes here
        begins after ``/./``.

    Examples
    --------
    >>> name_list(["ab/1abc.cif.gz", "-e sh"], "data")
    b'./data/./ab/1abc.cif.gz\x00./data/./-e sh\x00'
    """
    start = encode_name(f"./{below}/./" if below else "././")
    return b"".join(start + encode_name(name) + b"\0" for name in names)


def encode_name(name: str) -> bytes:
    """Return a name as it is on disk and on the wire.

    Parameters
    ----------
    name
        With surrogates for bytes that are no UTF-8.
    """
    return name.encode("utf-8", "surrogateescape")


def decode_name(name: bytes) -> str:
    """Return a name as text, the reverse of :func:`encode_name`.

    Parameters
    ----------
    name
        As it is on disk.
    """
    return name.decode("utf-8", "surrogateescape")


def _base(options: RsyncOptions, url: str, *, follow_links: bool) -> list[str]:
    """Return the program and what every run has; the time limits come last."""
    arguments = [options.program.path, *_COMMON]
    if follow_links:
        arguments.append("--copy-links")
    if _PLAIN_URL.fullmatch(url) is None:
        # Daemons expand wildcards in what they are asked for, unless it comes on its own.
        arguments.append("--protect-args")
    return [*arguments, *_time_limits(options)]


def _time_limits(options: RsyncOptions) -> tuple[str, str]:
    """Return the time limits; rsync takes whole seconds, and 0 for none."""
    return (
        f"--contimeout={max(1, round(options.connect_timeout_s))}",
        f"--timeout={max(1, round(options.stall_timeout_s))}",
    )
