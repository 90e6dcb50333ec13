"""What logind is configured to do with the processes of a session that ends (logind.conf(5))."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PLACES = ("etc", "run", "usr/local/lib", "usr/lib")
"""Where configuration is looked for, the place that wins first."""
_KEYS = frozenset({"KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers"})
_TRUE = frozenset({"1", "yes", "y", "true", "t", "on"})
_FALSE = frozenset({"0", "no", "n", "false", "f", "off"})


def kills_session(user: str, *, root: Path) -> bool:
    """Tell whether logind kills what is left of a user's session when it ends.

    Parameters
    ----------
    user
        The user's name.
    root
        Where the system's files are: ``/``.

    Returns
    -------
    bool
        False where nothing tells: no configuration file, not even one with commented defaults.
    """
    kills = _compiled_default(root)
    only: list[str] = []
    # Unless somebody says otherwise.
    excluded = ["root"]
    excluded_is_default = True
    for key, value in _settings(root):
        if key == "KillUserProcesses":
            kills = _boolean(value, otherwise=kills)
        elif key == "KillOnlyUsers":
            only = [*only, *value.split()] if value else []
        else:
            kept = [] if excluded_is_default or not value else excluded
            excluded, excluded_is_default = [*kept, *value.split()], False
    if user in excluded:
        return False
    return user in only if only else kills


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the settings that matter, in the order they are applied: later ones win."""
    for path in _files(root):
        section = ""
        for line in _lines(path):
            if line.startswith("["):
                section = line
            key, found, value = line.partition("=")
            if section == "[Login]" and found and key.strip() in _KEYS:
                yield key.strip(), value.strip()


def _files(root: Path) -> Iterator[Path]:
    """Yield the main file, then the drop-ins by name; of two of one name the better place wins."""
    for place in _PLACES:
        main = root / place / "systemd/logind.conf"
        if main.exists():
            yield main
            break
    drop_ins: dict[str, Path] = {}
    for place in _PLACES:
        folder = root / place / "systemd/logind.conf.d"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - names are what is compared
        except OSError:
            continue
        for name in names:
            if name.endswith(".conf"):
                drop_ins.setdefault(name, folder / name)
    for _, path in sorted(drop_ins.items()):
        yield path


def _compiled_default(root: Path) -> bool:
    """Return what the system was built with: the shipped file shows it, commented out."""
    for place in reversed(_PLACES):
        for line in _lines(root / place / "systemd/logind.conf"):
            key, found, value = line.lstrip("#; ").partition("=")
            if line.startswith("#") and found and key.strip() == "KillUserProcesses":
                return _boolean(value.strip(), otherwise=False)
    return False


def _boolean(text: str, *, otherwise: bool) -> bool:
    """Read a boolean as systemd does: a value it does not know changes nothing."""
    if text.lower() in _TRUE:
        return True
    return False if text.lower() in _FALSE else otherwise


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, without blanks around them; none where it can not be read."""
    try:
        return [
            line.strip() for line in path.read_text(encoding="utf-8", errors="replace").split("\n")
        ]
    except OSError:
        return []
