"""From file, environment and flags to one frozen ``Settings``: flag > environment > file > default.

Every source is checked as a whole, also what a stronger source overrides: a wrong value is never
silently ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdb_cli.config.build import build_settings
from pdb_cli.config.given import Given
from pdb_cli.config.keys import KEYS, canonical, find_key
from pdb_cli.config.paths import CONFIG_VARIABLE, config_file
from pdb_cli.config.settings import Origin, OriginKind, Settings
from pdb_cli.config.toml_file import ConfigText, parse_config, read_config_text
from pdb_cli.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def load_settings(
    *,
    environ: Mapping[str, str],
    config_path: Path | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Read the settings of one run.

    Parameters
    ----------
    environ
        The environment: ``PDB_DIR``, ``PDB_CLI_CONFIG``, ``PDB_CLI_MIRROR`` (a comma list),
        ``PDB_CLI_JOBS_DIR`` and the XDG directories. An empty variable counts as not set.
    config_path
        The file that ``--config`` names; it must exist. Without it the one of
        ``config_file(environ)``, which may be missing unless ``PDB_CLI_CONFIG`` names it.
    flags
        Values of command-line options by dotted key; None is a flag that was not given.

    Returns
    -------
    Settings
        Complete and checked.

    Raises
    ------
    SettingsError
        A key or value of the file or the environment is not acceptable, or a file that was named
        does not exist.
    InvalidValueError, UnknownNameError
        The value of a flag is not acceptable.
    FileAccessError
        The file can not be read.

    Examples
    --------
    >>> environ = {"HOME": "/nowhere", "PDB_DIR": "/data/pdb"}
    >>> settings = load_settings(environ=environ, flags={"download.parallel": 4})
    >>> settings.download.parallel, str(settings.origins["paths.pdb_dir"])
    (4, 'environment PDB_DIR')
    """
    file = _read_file(environ, config_path)
    given = [*_from_file(file), *_from_environment(environ), *_from_flags(flags or {})]
    return build_settings(given, file=file, environ=environ)


def check_config(text: str, *, origin: str, environ: Mapping[str, str]) -> Settings:
    """Check the text of a configuration file by itself.

    Parameters
    ----------
    text
        The text.
    origin
        Where it is from, for messages.
    environ
        Where ``~`` is; no setting is taken from it.

    Returns
    -------
    Settings
        The settings as this text alone makes them.

    Raises
    ------
    SettingsError
        It is not TOML, or a key or value is not acceptable.
    """
    file = parse_config(text, origin)
    return build_settings(list(_from_file(file)), file=file, environ=environ)


def check_file(path: Path, *, environ: Mapping[str, str]) -> Settings:
    """Check a configuration file by itself.

    Parameters
    ----------
    path
        The file, which must exist.
    environ
        Where ``~`` is; no setting is taken from it.

    Returns
    -------
    Settings
        The settings as this file alone makes them.

    Raises
    ------
    SettingsError
        It does not exist, is not TOML, or a key or value is not acceptable.
    FileAccessError
        It can not be read.
    """
    text = read_config_text(path)
    if text is None:
        problem = "no such file; 'pdb-cli config init' writes one"
        raise SettingsError(str(path), None, None, problem)
    return check_config(text, origin=str(path), environ=environ)


def _read_file(environ: Mapping[str, str], config_path: Path | None) -> ConfigText | None:
    """Read the file that counts in this run; one that somebody named must exist."""
    path = config_path or config_file(environ)
    text = read_config_text(path)
    if text is not None:
        return parse_config(text, str(path))
    if config_path is None and not environ.get(CONFIG_VARIABLE):
        return None
    source = "--config" if config_path else f"environment variable {CONFIG_VARIABLE}"
    raise SettingsError(str(path), None, None, f"no such file; {source} names it")


def _from_file(file: ConfigText | None) -> Iterator[Given]:
    """Yield what the file gives."""
    if file is None:
        return
    for path, written, value in file.assignments():
        line = file.lines.get(written)
        place = file.origin if line is None else f"{file.origin}:{line}"
        key = find_key(path)
        if key is not None:
            yield Given(path, key, value, Origin(OriginKind.FILE, place), file, written)


def _from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """Yield what the environment gives."""
    for key in KEYS:
        if key.variable and (text := environ.get(key.variable)):
            origin = Origin(OriginKind.ENVIRONMENT, key.variable)
            yield Given(key.path, key, key.kind.parse(text), origin)


def _from_flags(flags: Mapping[str, object]) -> Iterator[Given]:
    """Yield what the flags give."""
    for name, value in flags.items():
        path = canonical(tuple(name.split(".")))
        key = find_key(path)
        if key is None:
            raise ValueError(f"no setting is called {name!r}")
        if value is not None:
            flag = key.flag or f"--{path[-1].replace('_', '-')}"
            yield Given(path, key, value, Origin(OriginKind.FLAG, flag))
