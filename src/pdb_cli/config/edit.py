"""Changing the configuration file: one key at a time, checked as a whole, never half-written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.config.given import Given
from pdb_cli.config.keys import KEYS, Key, KeyPath, WrongNameError, canonical, find_key
from pdb_cli.config.load import check_config
from pdb_cli.config.settings import Origin, OriginKind
from pdb_cli.config.starter import starter_text
from pdb_cli.config.toml_edit import with_value
from pdb_cli.config.toml_file import parse_config, read_config_text
from pdb_cli.errors import FileAccessError, InvalidValueError, UnknownNameError
from pdb_cli.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEW_FILE_MODE = 0o666


def write_starter(path: Path, *, force: bool = False) -> None:
    """Write the commented starter file.

    Directories are made as needed.

    Parameters
    ----------
    path
        Where.
    force
        Whether a file that is there already is replaced.

    Raises
    ------
    FileAccessError
        There is a file already, or it can not be written.
    """
    if _mode(path) is not None and not force:
        raise FileAccessError("create", path, "it exists already; --force replaces it")
    _write(path, starter_text())


def set_value(path: Path, key: str, text: str, *, environ: Mapping[str, str]) -> None:
    """Set one key of a configuration file; comments, order and line ends stay.

    The file as a whole is checked before it is written, so a right file stays a right one. A
    missing file is created. Where ``path`` is a symbolic link, the file it points to changes.

    Parameters
    ----------
    path
        The file.
    key
        Dotted: ``download.parallel``, ``mirrors.lab.https``.
    text
        The value as a person writes it: ``32``, ``yes``, ``rcsb,pdbj``.
    environ
        Where ``~`` is.

    Raises
    ------
    UnknownNameError
        There is no such key.
    InvalidValueError
        The value is not acceptable for the key.
    SettingsError
        The file is not TOML, or something else in it is wrong.
    FileAccessError
        The file can not be read or written.
    """
    target, row = _find(key)
    value = row.kind.parse(text)
    # Refused here, a value is named as the user typed it and not by its place in the file.
    try:
        Given(target, row, value, Origin(OriginKind.FLAG, key)).value(environ)
    except InvalidValueError as error:
        raise InvalidValueError(key, text, error.expected) from error
    config = parse_config(read_config_text(path) or "", str(path))
    after = with_value(config, target, value)
    check_config(after, origin=str(path), environ=environ)
    _write(path, after)


def _find(key: str) -> tuple[KeyPath, Key]:
    """Find the row of a dotted key."""
    try:
        path = canonical(tuple(key.split(".")))
    except WrongNameError as error:
        raise UnknownNameError(
            "setting", f"{key} ({error.problem})", (error.suggestion,) if error.suggestion else ()
        ) from error
    row = find_key(path)
    if row is None:
        raise UnknownNameError("setting", key, tuple(row.name for row in KEYS))
    return path, row


def _mode(path: Path) -> int | None:
    """Return the permissions of a file; None when there is none."""
    try:
        return path.stat().st_mode & 0o777
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileAccessError.wrap("read", path, error) from error


def _write(path: Path, text: str) -> None:
    """Write a configuration file, in the place that a link points to, with the mode it had."""
    real = Path(os.path.realpath(path))
    mode = _mode(real)
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError.wrap("create", real.parent, error) from error
    write_atomic(real, text.encode(), mode=_NEW_FILE_MODE if mode is None else mode, durable=True)
