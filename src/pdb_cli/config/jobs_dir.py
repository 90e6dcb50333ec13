"""Where the job records are, found without reading all settings when that can be avoided.

``pdb-cli jobs`` is asked for often, must answer at once, and must work at 2 a.m. with a broken
configuration file, so the file is only read when it says something about jobs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.config.paths import CONFIG_VARIABLE, config_file, default_jobs_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

_SETS_DIR = re.compile(rb"""^\s*["']?(?:jobs|dir)["']?\s*[.=]""", re.MULTILINE)
"""A line that can set ``jobs.dir``: ``dir =`` in some table, ``jobs.dir =`` or ``jobs =``."""


def find_jobs_dir(environ: Mapping[str, str], config_path: Path | None = None) -> Path:
    """Return the directory of the job records, as ``load_settings`` would find it.

    Parameters
    ----------
    environ
        The environment; ``PDB_CLI_JOBS_DIR`` wins.
    config_path
        The file given with ``--config``, if any.

    Raises
    ------
    SettingsError, FileAccessError
        The file speaks of jobs and is wrong, as ``load_settings``.

    Examples
    --------
    >>> find_jobs_dir({"PDB_CLI_JOBS_DIR": "/scratch/jobs"}).as_posix()
    '/scratch/jobs'
    """
    named = environ.get("PDB_CLI_JOBS_DIR", "")
    if named.startswith("/"):
        return Path(named)
    if not named and not _may_say_more(environ, config_path):
        return default_jobs_dir(environ)
    from pdb_cli.config.load import load_settings  # noqa: PLC0415 - heavy, seldom needed

    settings = load_settings(environ=environ, config_path=config_path)
    return settings.jobs.dir or default_jobs_dir(environ)


def _may_say_more(environ: Mapping[str, str], config_path: Path | None) -> bool:
    """Tell whether the configuration may set ``jobs.dir``, or is missing though it was named."""
    try:
        return _SETS_DIR.search((config_path or config_file(environ)).read_bytes()) is not None
    except FileNotFoundError:
        return config_path is not None or CONFIG_VARIABLE in environ
    except OSError:
        return True
