"""URLs as they may be shown: without passwords."""

from __future__ import annotations

import re

# A password ends at the last "@" before the path (RFC 3986, section 3.2.1).
_USER_INFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)@")


def without_credentials(url: str) -> str:
    """Return a URL without user name and password.

    Parameters
    ----------
    url
        Any URL.

    Examples
    --------
    >>> without_credentials("https://me:secret@mirror.example/pub/pdb")
    'https://mirror.example/pub/pdb'
    """
    # Hardly any has a password, and this is asked for each file.
    return _USER_INFO.sub(r"\1", url) if "@" in url else url


def hide_credentials(text: str, url: str) -> str:
    """Return a message with the user name and password of a URL taken out.

    Parameters
    ----------
    text
        A message from a library that was given the URL.
    url
        The URL.

    Examples
    --------
    >>> hide_credentials("bad host in me:secret@mirror", "https://me:secret@mirror/pub")
    'bad host in ***@mirror'
    """
    match = _USER_INFO.match(url)
    return text.replace(match[2] + "@", "***@") if match else text
