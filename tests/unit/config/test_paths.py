from __future__ import annotations

from pathlib import Path

import pytest

from pdb_cli.config.paths import cache_dir, config_file, default_jobs_dir


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
