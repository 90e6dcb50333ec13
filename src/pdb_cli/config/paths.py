"""Where pdb-cli keeps its own files (XDG Base Directory Specification 0.8).

A relative XDG directory is ignored, as the specification asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_VARIABLE: Final = "PDB_CLI_CONFIG"
"""Names the configuration file."""


def config_file(environ: Mapping[str, str]) -> Path:
    """Return the path of the configuration file, whether or not it exists.

    Parameters
    ----------
    environ
        The environment.

    Examples
    --------
    >>> config_file({"XDG_CONFIG_HOME": "/etc/xdg"}).as_posix()
    '/etc/xdg/pdb-cli/config.toml'
    >>> config_file({"PDB_CLI_CONFIG": "my.toml"}).as_posix()
    'my.toml'
    """
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    return _base_dir(environ, "XDG_CONFIG_HOME", ".config") / "pdb-cli" / "config.toml"


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of what can be rebuilt, whether or not it exists.

    Parameters
    ----------
    environ
        The environment.

    Examples
    --------
    >>> cache_dir({"HOME": "/home/ada"}).as_posix()
    '/home/ada/.cache/pdb-cli'
    """
    return _base_dir(environ, "XDG_CACHE_HOME", ".cache") / "pdb-cli"


def default_jobs_dir(environ: Mapping[str, str]) -> Path:
    """Return the directory of the job records unless ``jobs.dir`` says otherwise.

    Parameters
    ----------
    environ
        The environment.

    Examples
    --------
    >>> default_jobs_dir({"XDG_CACHE_HOME": "/var/cache/ada"}).as_posix()
    '/var/cache/ada/pdb-cli/jobs'
    """
    return cache_dir(environ) / "jobs"


def home_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's home directory: ``HOME``, else what the system knows.

    Parameters
    ----------
    environ
        The environment.
    """
    home = environ.get("HOME")
    return Path(home) if home else Path.home()


def _base_dir(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Return an XDG base directory."""
    named = environ.get(variable, "")
    return Path(named) if named.startswith("/") else home_dir(environ) / default
