from __future__ import annotations

from pathlib import Path

import pytest

from pdb_cli.config.load import load_settings
from pdb_cli.config.paths import cache_dir, config_file, default_jobs_dir, plain_jobs_dir


def test_the_environment_names_every_place() -> None:
    environ = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_CACHE_HOME": "/k"}
    assert config_file(environ) == Path("/c/pdb-cli/config.toml")
    assert cache_dir(environ) == Path("/k/pdb-cli")
    assert default_jobs_dir(environ) == Path("/k/pdb-cli/jobs")
    assert config_file(environ | {"PDB_CLI_CONFIG": "x.toml"}) == Path("x.toml")


@pytest.mark.parametrize("useless", ["", "relative/dir"])
def test_an_empty_or_relative_xdg_directory_is_ignored(useless: str) -> None:
    environ = {"HOME": "/h", "XDG_CONFIG_HOME": useless, "XDG_CACHE_HOME": useless}
    assert config_file(environ) == Path("/h/.config/pdb-cli/config.toml")
    assert default_jobs_dir(environ) == Path("/h/.cache/pdb-cli/jobs")


@pytest.mark.parametrize("home", [{}, {"HOME": ""}])
def test_without_home_the_system_knows_it(home: dict[str, str]) -> None:
    assert cache_dir(home) == Path.home() / ".cache" / "pdb-cli"


def test_the_short_way_to_the_jobs_agrees_with_the_settings(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert plain_jobs_dir(environ) == default_jobs_dir(environ)
    assert load_settings(environ=environ).jobs.dir is None

    environ["PDB_CLI_JOBS_DIR"] = "/scratch/jobs"
    assert plain_jobs_dir(environ) == load_settings(environ=environ).jobs.dir


def test_the_short_way_to_the_jobs_steps_back_where_the_file_has_a_say(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert plain_jobs_dir(environ | {"PDB_CLI_CONFIG": "x.toml"}) is None
    assert plain_jobs_dir(environ | {"PDB_CLI_JOBS_DIR": "~/jobs"}) is None
    config_file(environ).parent.mkdir(parents=True)
    config_file(environ).symlink_to(tmp_path / "missing.toml")
    assert plain_jobs_dir(environ) is None
    assert plain_jobs_dir({"HOME": "/dev/null"}) == Path("/dev/null/.cache/pdb-cli/jobs")
