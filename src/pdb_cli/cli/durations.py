"""Durations as people type them."""

from __future__ import annotations

import re

from pdb_cli.errors import InvalidValueError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: str, *, name: str) -> float:
    """Return a duration in seconds.

    Parameters
    ----------
    text
        A whole number and a unit: s, m, h, d or w.
    name
        The option it was given for.

    Raises
    ------
    InvalidValueError
        Anything else.

    Examples
    --------
    >>> parse_duration("7d", name="--older-than"), parse_duration("0s", name="--older-than")
    (604800.0, 0.0)
    """
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip(), re.ASCII)
    if match is None:
        raise InvalidValueError(name, text, "a duration such as 30s, 5m, 2h, 7d or 1w")
    return float(int(match[1]) * _UNITS_S[match[2]])
