"""The first words with an rsync daemon: whether it is one, has the module, and takes us.

The daemon's protocol begins with lines of text (``csprotocol.txt`` and ``clientserver.c`` of
rsync): both name a version, the client names a module, and after its message of the day the
daemon says ``@RSYNCD: OK``, ``@RSYNCD: AUTHREQD`` or ``@ERROR``. Then this hangs up.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

from pdb_cli.errors import RsyncError, RsyncRefusedError, RsyncTransientError
from pdb_cli.transfer.rsync_outcome import daemon_error

if TYPE_CHECKING:
    from pdb_cli.archive.mirrors import RsyncRoot

# A version every daemon since 2013 speaks; digests are named because newer ones expect some.
_HELLO: Final = b"@RSYNCD: 31.0 md5 md4\n"
_MOST_BYTES: Final = 64 * 1024
"""Of the message of the day."""


def greet(root: RsyncRoot, *, has_password: bool, within_s: float) -> RsyncError | None:
    """Talk to a daemon as far as it says whether it would serve a module.

    Parameters
    ----------
    root
        Where; only the module of its path is asked for.
    has_password
        Whether rsync will have one to offer.
    within_s
        When to give up; looking up the name of the host may take longer.

    Returns
    -------
    RsyncError or None
        Why not; None when it would.
    """
    limit_s = time.monotonic() + within_s
    url = str(root)
    try:
        with socket.create_connection((root.host, root.port), timeout=within_s) as connection:
            module = root.path.partition("/")[0]
            connection.sendall(_HELLO + module.encode() + b"\n")
            return _listen(connection, url, has_password=has_password, limit_s=limit_s)
    except TimeoutError:
        return RsyncTransientError(url, f"no answer within {within_s:g} s")
    except ConnectionRefusedError:
        return RsyncRefusedError(url, "connection refused")
    except OSError as error:
        return RsyncTransientError(url, (error.strerror or str(error)).lower())


def _listen(
    connection: socket.socket, url: str, *, has_password: bool, limit_s: float
) -> RsyncError | None:
    """Read lines until one decides."""
    heard = b""
    while len(heard) < _MOST_BYTES:
        connection.settimeout(max(0.001, limit_s - time.monotonic()))
        chunk = connection.recv(4096)
        if not chunk:
            break
        heard += chunk
        *lines, _ = heard.split(b"\n")
        if lines and not lines[0].startswith((b"@RSYNCD:", b"@ERROR")):
            return RsyncError(url, "what answers is no rsync daemon")
        for line in lines[1:] if lines and lines[0].startswith(b"@RSYNCD:") else lines:
            text = line.decode("utf-8", "replace")
            if text == "@RSYNCD: OK" or (text.startswith("@RSYNCD: AUTHREQD") and has_password):
                return None
            if text.startswith("@RSYNCD: AUTHREQD"):
                return RsyncError(url, "the daemon wants a password (RSYNC_PASSWORD)")
            if text.startswith("@ERROR"):
                said = text.removeprefix("@ERROR").lstrip(": ")
                return daemon_error(url, said, None) or RsyncTransientError(url, said)
    return RsyncTransientError(url, "the daemon hung up")
