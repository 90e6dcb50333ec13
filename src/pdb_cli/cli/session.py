"""One run of the command line: its settings, its streams, how much it says."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.config.jobs_dir import find_jobs_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.config.settings import Settings
    from pdb_cli.jobs.launch import WaitingSupervisor


class ColorMode(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Session:
    """What every command gets: wiring in one place, no globals.

    A plain class: importing dataclasses would cost ``pdb-cli jobs`` another interpreter start.

    Parameters
    ----------
    argv
        The arguments after the program's name.
    environ
        The environment.
    """

    def __init__(self, argv: tuple[str, ...], environ: Mapping[str, str]) -> None:
        self.argv = argv
        self.environ = environ
        self.verbosity = 0
        """-1 quiet, 0 normal, 1 and more verbose."""
        self.color = ColorMode.AUTO
        self.config_path: Path | None = None
        self.flags: dict[str, object] = {}
        """Settings given as flags, by dotted key."""
        self.supervisor: WaitingSupervisor | None = None
        """Started ahead when ``--bg`` is among the arguments."""
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """Return the settings; read once.

        Raises
        ------
        SettingsError, FileAccessError
            As ``load_settings``.
        """
        if self._settings is None:
            from pdb_cli.config.load import load_settings  # noqa: PLC0415 - 'jobs' needs none

            self._settings = load_settings(
                environ=self.environ, config_path=self.config_path, flags=self.flags
            )
        return self._settings

    def add_flags(self, options: Mapping[str, object], keys: Mapping[str, str]) -> None:
        """Let options win over the configuration, one equal to its default too.

        Parameters
        ----------
        options
            Values by parameter; None and no names at all say nothing.
        keys
            The dotted key of the setting, by parameter.
        """
        for option, key in keys.items():
            if options[option] not in (None, ()):
                self.flags[key] = options[option]

    def jobs_dir(self) -> Path:
        """Return the directory of the job records."""
        return find_jobs_dir(self.environ, self.config_path)

    def job_dir(self) -> Path | None:
        """Return this job's directory when the run is a background job."""
        text = self.environ.get("PDB_CLI_JOB_DIR")
        return Path(text) if text else None

    def user(self) -> str:
        """Return the user's name."""
        named = self.environ.get("LOGNAME") or self.environ.get("USER")
        if named:
            return named
        from pdb_cli.jobs.identity import user_name  # noqa: PLC0415 - seldom needed

        return user_name()

    def say(self, text: str) -> None:
        """Tell the user something, on stderr, unless quiet."""
        if self.verbosity >= 0:
            self.complain(text)

    def complain(self, text: str) -> None:
        """Tell the user something even if quiet; in a job, with the time in front."""
        if self.job_dir() is not None:
            from pdb_cli.jobs.model import utc_now  # noqa: PLC0415 - only in a job

            text = f"{utc_now()} {text}"
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def draws(self) -> bool:
        """Tell whether a progress bar may be drawn: a terminal, not quiet, not a job."""
        return self.verbosity >= 0 and self.job_dir() is None and sys.stderr.isatty()

    def uses_color(self) -> bool:
        """Tell whether text on stdout may be coloured (NO_COLOR, no-color.org)."""
        if self.color is not ColorMode.AUTO:
            return self.color is ColorMode.ALWAYS
        return sys.stdout.isatty() and not self.environ.get("NO_COLOR")
