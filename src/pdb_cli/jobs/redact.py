"""Secrets do not go into job records, logs or messages."""

from __future__ import annotations

import re

REDACTED = "***"
"""What stands in place of a secret."""

# Up to the last @ before the path: a password may hold an @ itself.
_URL_USER = r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s]*@"
_NAMED = r"(?i)((?:password|passwd|token|secret|api[-_]?key)=)[^&\s]+"
# Compiling a pattern takes longer than the start of a job can spare.
_BEARER = r"(?i)\b((?:bearer|basic)\s+)[^\s'\"]+"
_WORDS = ("passw", "token", "secret", "key=")


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
    >>> redact("curl -H 'Authorization: Bearer abc' https://lab.example")
    "curl -H 'Authorization: Bearer ***' https://lab.example"
    """
    if "@" in text:
        text = re.sub(_URL_USER, rf"\1{REDACTED}@", text)
    if "=" in text and any(word in text.lower() for word in _WORDS):
        text = re.sub(_NAMED, rf"\1{REDACTED}", text)
    if "earer" in text.lower() or "basic" in text.lower():
        text = re.sub(_BEARER, rf"\1{REDACTED}", text)
    return text
