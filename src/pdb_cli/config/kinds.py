"""The kinds of value a setting can have: how each is written in TOML, on a command line, in code.

``Kind.read`` takes a value of the TOML file or of a flag, ``Kind.parse`` turns the text of an
environment variable or of ``config set`` into such a value. Both refuse with a ``ValueError`` (the
caller knows what was expected and where it stood) or with an ``UnknownNameError``.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdb_cli.archive.datatypes import parse_data_type, parse_format
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import RSYNC_PORT, RsyncRoot
from pdb_cli.archive.retired import explain_retired
from pdb_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

PlainValue = str | int | float | bool | list[str]
"""What TOML and JSON can say. A setting that is not set is an empty text."""

_HIGHEST_PORT: Final = 65535
_LONGEST_TIME_S: Final = 86_400
_RATE_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


class RetiredEndpointError(ValueError):
    """The endpoint ended; the text says when and what replaces it."""


class Kind(NamedTuple):
    """A kind of value."""

    expected: str
    """What is acceptable, to complete the sentence "expected ..."."""
    read: Callable[[object], Any]
    """From a TOML value or a flag to the setting."""
    parse: Callable[[str], PlainValue]
    """From a person's text to a TOML value, which ``read`` has yet to accept."""


def rate_bytes_per_s(text: str) -> int | None:
    """Read a rate limit: a number of bytes per second, or one with K, M or G (units of 1024).

    Parameters
    ----------
    text
        As in ``curl --limit-rate``; empty for no limit.

    Returns
    -------
    int or None
        Bytes per second, at least 1; None for no limit.

    Raises
    ------
    ValueError
        It is not a rate.

    Examples
    --------
    >>> rate_bytes_per_s("500K"), rate_bytes_per_s("1.5m"), rate_bytes_per_s("")
    (512000, 1572864, None)
    """
    text = text.strip()
    if not text:
        return None
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([kKmMgG]?)", text)
    rate = int(float(match[1]) * _RATE_UNITS[match[2].upper()]) if match else 0
    if rate < 1:
        raise ValueError(text)
    return rate


def whole_number(lowest: int, highest: int) -> Kind:
    """Return the kind of whole numbers in a range."""

    def read(value: object) -> int:
        # A bool is an int to Python, not to a reader of the file.
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ValueError(value)
        return value

    return Kind(f"a whole number from {lowest} to {highest}", read, _parse_number)


def seconds(lowest: float) -> Kind:
    """Return the kind of durations from ``lowest`` seconds to a day."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(value)  # noqa: TRY004 - one kind of refusal for types and values
        if not lowest <= value <= _LONGEST_TIME_S:  # refuses nan too
            raise ValueError(value)
        return float(value)

    return Kind(f"a number of seconds from {lowest:g} to {_LONGEST_TIME_S}", read, _parse_number)


def one_of(names: type[StrEnum]) -> Kind:
    """Return the kind of an enum's values, in any case."""

    def read(value: object) -> StrEnum:
        return names(_text(value).strip().lower())

    return Kind(" or ".join(f'"{name}"' for name in names), read, str)


def _text(value: object) -> str:
    """Accept text without control characters."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(value)
    return value


def _read_bool(value: object) -> bool:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - one kind of refusal for types and values
    return value


def _read_path(value: object) -> Path:
    """Accept a path; ``~`` is expanded later, by who knows the environment."""
    text = str(value) if isinstance(value, PurePath) else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(value)
    return Path(text)


def _read_optional_path(value: object) -> Path | None:
    """Accept a path, or nothing."""
    return None if value == "" else _read_path(value)


def _read_rate(value: object) -> str:
    """Accept the text of a rate."""
    rate_bytes_per_s(_text(value))
    return str(value).strip()


def _read_contact(value: object) -> str:
    """Accept a URL without credentials, an e-mail address, or nothing."""
    text = _text(value).strip()
    url, address = r"https?://[^\s@()<>]+", r"(?:mailto:)?[^\s@()<>/]+@[^\s@()<>/]+"
    if text and not (text.isascii() and re.fullmatch(f"{url}|{address}", text)):
        raise ValueError(value)
    return text


def _read_delete_limit(value: object) -> str:
    """Accept a count or a percentage."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    match = re.fullmatch(r"([0-9]{1,9})|([0-9]{1,3}(?:\.[0-9]{1,3})?)%", text.strip())
    if match is None or (match[2] and float(match[2]) > 100):  # noqa: PLR2004 - percent
        raise ValueError(value)
    return text.strip()


def _read_http_url(value: object) -> str:
    """Accept the root URL of an HTTP server, without query; slashes at its end go."""
    text = _text(value).strip()
    _refuse_retired(text)
    match = re.fullmatch(r"(?i:https?)://(?:[^\s/?#@]*@)?([^\s/?#@]+)(?:/[^\s?#]*)?", text)
    if match is None:
        raise ValueError(value)
    _host_and_port(match[1], 0)
    return text.rstrip("/")


def _read_bcif_url(value: object) -> str:
    """Accept the URL of gzipped files of an HTTP server with ``{id}`` in its path, once."""
    text = _text(value).strip()
    _refuse_retired(text)
    root, mark, rest = text.partition("{id}")
    if not mark or not re.fullmatch(r"[^\s/?#{}]*\.gz", rest) or "{" in root or "}" in root:
        raise ValueError(value)
    folder, _, start = root.rpartition("/")
    return f"{_read_http_url(folder)}/{start}{mark}{rest}"


def _read_rsync_roots(value: object) -> tuple[RsyncRoot, ...]:
    """Accept one rsync root or a list of them, the preferred one first."""
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError(value)
    return tuple(_rsync_root(item) for item in items)


def _rsync_root(value: object) -> RsyncRoot:
    """Accept ``rsync://host[:port]/module[/path]``, the scheme left out, or ``host::module``."""
    text = _text(value).strip()
    _refuse_retired(text)
    match = re.fullmatch(
        r"(?:(?i:rsync)://)?(?P<address>(?:\[[^\]/]+\]|[^\s/:@]+)(?::[0-9]*)?)/+(?P<path>[^\s?#]+)"
        r"|(?P<host>[^\s/:@]+)::(?P<module>[^\s?#]+)",
        text,
    )
    if match is None:
        raise ValueError(value)
    path = (match["path"] or match["module"]).strip("/")
    host, port = _host_and_port(match["address"] or match["host"], RSYNC_PORT)
    if not path or ".." in path.split("/"):
        raise ValueError(value)
    return RsyncRoot(host, port, path)


def _host_and_port(address: str, default_port: int) -> tuple[str, int]:
    """Split ``host``, ``host:port`` or ``[IPv6]:port``."""
    match = re.fullmatch(
        r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?", address
    )
    if match is None:
        raise ValueError(address)
    port = int(match["port"]) if match["port"] else default_port
    if port > _HIGHEST_PORT or (match["port"] and port == 0):
        raise ValueError(address)
    return match["v6"] or match["name"], port


def _refuse_retired(url: str) -> None:
    """Name an endpoint that ended instead of letting the user wait for it."""
    if explanation := explain_retired(url):
        raise RetiredEndpointError(explanation)


def _names(value: object) -> list[str]:
    """Accept a list of names that is not empty."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(value)
    return [_text(item) for item in value]


def _parse_number(text: str) -> PlainValue:
    """Read a number; anything else stays text, for ``read`` to refuse."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _parse_bool(text: str) -> PlainValue:
    """Read yes or no in the usual spellings."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else text


def _parse_list(text: str) -> PlainValue:
    """Split at commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def _parse_one_or_more(text: str) -> PlainValue:
    """Split at commas if there are any."""
    return _parse_list(text) if "," in text else text.strip()


def _read_name(value: object) -> str:
    """Accept one name."""
    if not (name := _text(value).strip()):
        raise ValueError(value)
    return name


TEXT: Final = Kind("text", _text, str)
BOOLEAN: Final = Kind("true or false", _read_bool, _parse_bool)
PATH: Final = Kind("an absolute path, or one that begins with ~", _read_path, str)
OPTIONAL_PATH: Final = Kind(PATH.expected, _read_optional_path, str)
RATE: Final = Kind('a rate such as "500K" or "10M", or "" for no limit', _read_rate, str)
CONTACT: Final = Kind('a URL, an e-mail address, or "" for none', _read_contact, str)
DELETE_LIMIT: Final = Kind(
    'a count or a percentage such as "5%"', _read_delete_limit, lambda text: text.strip()
)
HTTP_URL: Final = Kind("a URL such as https://files.example.org/pub/pdb", _read_http_url, str)
BCIF_URL: Final = Kind("a URL such as https://example.org/{id}.bcif.gz", _read_bcif_url, str)
RSYNC_ROOTS: Final = Kind(
    "rsync://host:port/module, or a list of such", _read_rsync_roots, _parse_one_or_more
)
LAYOUT: Final = one_of(Layout)
FORMAT: Final = Kind("the name of a format", lambda value: parse_format(_text(value)), str)
DATA_TYPES: Final = Kind(
    "a list of data types",
    lambda value: tuple(dict.fromkeys(parse_data_type(name) for name in _names(value))),
    _parse_list,
)
MIRROR_NAME: Final = Kind("the name of a mirror", _read_name, str)
MIRROR_NAMES: Final = Kind(
    "a list of mirrors",
    lambda value: tuple(_read_name(name) for name in _names(value)),
    _parse_list,
)

REFUSALS: Final = (ValueError, UnknownNameError)
"""What ``Kind.read`` raises."""
