"""The quick way to the jobs directory always agrees with the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.config.jobs_dir import find_jobs_dir
from pdb_cli.config.load import load_settings
from pdb_cli.config.paths import default_jobs_dir
from pdb_cli.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("named", ["", "/scratch/jobs", "~/jobs"])
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        '[paths]\npdb_dir = "/data"\n[jobs]\n# dir = "/no"\n',
        '[jobs]\ndir = "/elsewhere"\n',
        'jobs.dir = "/elsewhere"\n',
        'jobs = { dir = "/elsewhere" }\n',
        '"jobs" . "dir" = "/elsewhere"\n',
        "['jobs']\r\n  'dir'=\"/elsewhere\"\r\n",
    ],
)
def test_it_is_where_the_settings_say(tmp_path: Path, named: str, text: str | None) -> None:
    environ = {"HOME": str(tmp_path), "PDB_CLI_JOBS_DIR": named}
    if text is not None:
        config = tmp_path / ".config" / "pdb-cli" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(text, encoding="utf-8")
    expected = load_settings(environ=environ).jobs.dir or default_jobs_dir(environ)
    assert find_jobs_dir(environ) == expected


def test_a_broken_file_that_does_not_speak_of_jobs_is_not_in_the_way(tmp_path: Path) -> None:
    broken = tmp_path / "c.toml"
    broken.write_text("[download\n", encoding="utf-8")
    assert find_jobs_dir({"HOME": str(tmp_path)}, broken).name == "jobs"
    broken.write_text("[jobs\ndir = 1", encoding="utf-8")
    with pytest.raises(SettingsError):
        find_jobs_dir({"HOME": str(tmp_path)}, broken)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        find_jobs_dir({"HOME": str(tmp_path), "PDB_CLI_CONFIG": str(tmp_path / "no.toml")})
    with pytest.raises(SettingsError):
        find_jobs_dir({"HOME": str(tmp_path)}, tmp_path / "no.toml")
