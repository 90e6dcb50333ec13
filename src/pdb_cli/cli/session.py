"""One run of the command line: its settings, its streams, how much it says."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pdb_cli.config.load import load_settings
from pdb_cli.config.paths import default_jobs_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdb_cli.config.settings import Settings
    from pdb_cli.jobs.spawn import WaitingSupervisor


class ColorMode(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class Session:
    """What every command gets: wiring in one place, no globals."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    verbosity: int = 0
    """-1 quiet, 0 normal, 1 and more verbose."""
    color: ColorMode = ColorMode.AUTO
    config_path: Path | None = None
    flags: dict[str, object] = field(default_factory=dict)
    """Settings given as flags, by dotted key."""
    supervisor: WaitingSupervisor | None = None
    """Started ahead when ``--bg`` is among the arguments."""
    _settings: Settings | None = None

    def settings(self) -> Settings:
        """Return the settings; read once.

        Raises
        ------
        SettingsError, FileAccessError
            As ``load_settings``.
        """
        if self._settings is None:
            self._settings = load_settings(
                environ=self.environ, config_path=self.config_path, flags=self.flags
            )
        return self._settings

    def jobs_dir(self) -> Path:
        """Return the directory of the job records."""
        return self.settings().jobs.dir or default_jobs_dir(self.environ)

    def job_dir(self) -> Path | None:
        """Return this job's directory when the run is a background job."""
        text = self.environ.get("PDB_CLI_JOB_DIR")
        return Path(text) if text else None

    def user(self) -> str:
        """Return the user's name."""
        try:
            return getpass.getuser()
        except (OSError, KeyError):
            return str(os.getuid())

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
