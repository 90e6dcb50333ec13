"""Secrets do not go into job records, logs or messages."""

from __future__ import annotations

import re

# Up to the last @ before the path: a password may hold an @ itself.
_URL_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s]*@")
_NAMED = re.compile(r"(?i)((?:password|passwd|token|secret|api[-_]?key)=)[^&\s]+")


def redact(text: str) -> str:
    """Replace user names and passwords in URLs, and values of things named like secrets.

    Parameters
    ----------
    text
        One argument or message.

    Examples
    --------
    >>> redact("https://me:pw@proxy.example/x"), redact("--notify=tgram://a?token=abc")
    ('https://***@proxy.example/x', '--notify=tgram://a?token=***')
    """
    return _NAMED.sub(r"\1***", _URL_USER.sub(r"\1***@", text))
