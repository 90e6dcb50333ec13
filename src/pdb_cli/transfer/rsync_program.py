"""The system's rsync: where it is, what it can, and how it is started."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

from pdb_cli.errors import RsyncUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_VERSION: Final = (3, 1, 0)
"""The first one with ``--info`` and ``--outbuf``: 28 September 2013."""

_ANSWERS_WITHIN_S = 5.0
_VERSION = re.compile(r"rsync +version +v?(\d+)\.(\d+)(?:\.(\d+))?")

_OURS: Final = {"LC_ALL": "C", "TZ": "UTC0"}
"""Messages in English, and times in UTC: rsync prints them in local time."""

_FOREIGN = ("RSYNC_ICONV", "RSYNC_OLD_ARGS", "RSYNC_PARTIAL_DIR")
"""What would change the names rsync reads, or where it keeps its unfinished files."""


class RsyncProgram(NamedTuple):
    """A usable rsync."""

    path: str
    version: tuple[int, int, int]
    environ: Mapping[str, str]
    """What it is started with: the user's own variables of rsync, ours for what is parsed."""

    def __str__(self) -> str:
        """Return its name and version: ``rsync 3.2.7``."""
        return "rsync " + ".".join(map(str, self.version))


def find_rsync(environ: Mapping[str, str]) -> RsyncProgram:
    """Find the system's rsync and see whether it will do; takes a few milliseconds.

    Parameters
    ----------
    environ
        The environment: ``PATH`` is searched; rsync itself gets and obeys all of it, such as
        ``RSYNC_PROXY``, ``RSYNC_CONNECT_PROG`` and ``RSYNC_PASSWORD``.

    Returns
    -------
    RsyncProgram
        The first one in the path.

    Raises
    ------
    RsyncUnavailableError
        There is none, it does not run, it is older than ``OLDEST_VERSION``, or it is the openrsync
        of macOS.
    """
    path = shutil.which("rsync", path=environ.get("PATH", ""))
    if path is None:
        raise RsyncUnavailableError(None, "there is no rsync program")
    # Without a password of the user's, rsync would ask for one on the terminal.
    started_with = {"RSYNC_PASSWORD": "", **environ, **_OURS}
    for name in _FOREIGN:
        started_with.pop(name, None)
    try:
        answer = subprocess.run(
            [path, "--version"],
            env=started_with,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWERS_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RsyncUnavailableError(path, f"{path} does not answer") from error
    except OSError as error:
        raise RsyncUnavailableError(path, f"{path} does not run: {error.strerror}") from error
    version = read_version(path, answer.stdout.decode(errors="replace"))
    return RsyncProgram(path, version, started_with)


def read_version(path: str, text: str) -> tuple[int, int, int]:
    """Read the version out of what ``rsync --version`` says.

    Parameters
    ----------
    path
        Of the program, for the error.
    text
        What it said.

    Raises
    ------
    RsyncUnavailableError
        It is too old, of another kind, or says something else.

    Examples
    --------
    >>> read_version("rsync", "rsync  version 3.2.7  protocol version 31")
    (3, 2, 7)
    """
    wanted = ".".join(map(str, OLDEST_VERSION))
    if text.startswith("openrsync"):
        # It speaks protocol 27 or 29, without --info, --outbuf and partial directories.
        raise RsyncUnavailableError(
            path,
            f"{path} is openrsync, which can not report what it does; rsync {wanted} is needed",
        )
    match = _VERSION.search(text.partition("\n")[0])
    if match is None:
        raise RsyncUnavailableError(path, f"{path} does not say which version it is")
    version = (int(match[1]), int(match[2]), int(match[3] or 0))
    if version < OLDEST_VERSION:
        shown = ".".join(map(str, version))
        raise RsyncUnavailableError(
            path, f"{path} is version {shown}, and {wanted} or later is needed"
        )
    return version
