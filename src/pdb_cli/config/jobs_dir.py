"""Where the job records are, found without reading all settings when that can be avoided.

``pdb-cli jobs`` is asked for often, must answer at once, and must work at 2 a.m. with a broken
configuration file, so the file is only read when it says something about jobs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.config.paths import config_file, default_jobs_dir

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    if not environ.get("PDB_CLI_JOBS_DIR") and _speaks_of_jobs(config_path or config_file(environ)):
        from pdb_cli.config.load import load_settings  # noqa: PLC0415 - heavy, seldom needed

        settings = load_settings(environ=environ, config_path=config_path)
        return settings.jobs.dir or default_jobs_dir(environ)
    named = environ.get("PDB_CLI_JOBS_DIR")
    return Path(named) if named else default_jobs_dir(environ)


def _speaks_of_jobs(path: Path) -> bool:
    """Tell whether a file may set ``jobs.dir``."""
    try:
        return b"jobs" in path.read_bytes()
    except OSError:
        # What can not be read is an error for every command that needs it.
        return False
