"""Write arguments as one shell line that people can read, paste and trust."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def shell_line(arguments: Sequence[str]) -> str:
    r"""Return arguments as one line for a shell.

    The line holds printable characters only: what is not (line ends, escape sequences, bytes
    that are no text) is written as ``$'\012'``, which bash, zsh and POSIX.1-2024 shells read.

    Parameters
    ----------
    arguments
        The arguments, as the operating system gave them.

    Examples
    --------
    >>> print(shell_line(["download", "-d", "my files", "a\nb's"]))
    download -d 'my files' $'a\012b\047s'
    """
    return " ".join(
        shlex.quote(item) if item.isprintable() else _escaped(item) for item in arguments
    )


def _escaped(text: str) -> str:
    """Write a text with ANSI-C quoting."""
    return "$'" + "".join(_character(item) for item in text) + "'"


def _character(item: str) -> str:
    """Write one character; bytes in octal, since hexadecimal has no fixed length."""
    if item.isprintable() and item not in "\\'":
        return item
    return "".join(f"\\{byte:03o}" for byte in item.encode("utf-8", "surrogateescape"))
