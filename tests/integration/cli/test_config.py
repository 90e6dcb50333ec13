from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pdb_cli.config.starter import starter_text

if TYPE_CHECKING:
    from pathlib import Path

    from support.cli import CliRunner


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "my settings" / "config.toml"


@pytest.fixture
def environ(config: Path) -> dict[str, str | None]:
    return {"PDB_CLI_CONFIG": str(config), "PDB_DIR": None, "PDB_CLI_JOBS_DIR": None}


def test_a_file_is_started_changed_checked_and_shown(
    run_cli: CliRunner, config: Path, environ: dict[str, str | None]
) -> None:
    assert run_cli("config", "path", env=environ).stdout == f"{config}\n"

    started = run_cli("config", "init", env=environ)
    assert (started.returncode, started.stdout) == (0, "")
    assert started.stderr == f"wrote {config}\n"
    assert config.read_text() == starter_text()

    changed = run_cli("cfg", "set", "mirror.default", "pdbj,us", env=environ)
    assert (changed.returncode, changed.stdout) == (0, "")
    assert run_cli("config", "get", "mirror.default", env=environ).stdout == "pdbj,rcsb\n"
    assert run_cli("config", "get", "download.fallback", env=environ).stdout == "true\n"

    valid = run_cli("config", "validate", env=environ)
    assert (valid.returncode, valid.stderr) == (0, f"{config}: valid\n")

    shown = run_cli("config", "show", "-o", "json", env=environ)
    assert json.loads(shown.stdout)["mirror.default"] == ["pdbj", "rcsb"]
    assert shown.stderr == ""


def test_c02_show_tells_where_each_value_comes_from(
    run_cli: CliRunner, config: Path, environ: dict[str, str | None]
) -> None:
    config.parent.mkdir()
    config.write_text("[download]\nparallel = 3\n")
    environ["PDB_CLI_MIRROR"] = "eu"
    options = ("--pdb-dir", "/data/pdb", "config", "show", "--sources")

    text = run_cli(*options, env=environ)
    lines = {line.split(" = ")[0]: " ".join(line.split()) for line in text.stdout.splitlines()}
    assert lines["paths.pdb_dir"] == 'paths.pdb_dir = "/data/pdb" # flag --pdb-dir'
    assert lines["mirror.default"] == 'mirror.default = ["pdbe"] # environment PDB_CLI_MIRROR'
    assert lines["download.parallel"] == f"download.parallel = 3 # file {config}:2"
    assert lines["download.retry"] == "download.retry = 5 # default"

    document = json.loads(run_cli(*options, "-o", "json", env=environ).stdout)
    assert list(document) == list(lines)
    assert document["download.parallel"] == {
        "value": 3,
        "source": "file",
        "detail": f"{config}:2",
    }


def test_init_keeps_a_file_unless_forced(
    run_cli: CliRunner, config: Path, environ: dict[str, str | None]
) -> None:
    config.parent.mkdir()
    config.write_text("# mine\n")
    refused = run_cli("config", "init", env=environ)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert config.read_text() == "# mine\n"
    assert run_cli("config", "init", "--force", env=environ).returncode == 0
    assert config.read_text() == starter_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "download.paralel", "4"], ["download.paralel", "did you mean download.parallel?"]),
        (["set", "download.parallel", "0"], ["download.parallel", "'0'", "1 to 256"]),
        (["get", "download.paralel"], ["did you mean download.parallel?"]),
        (["validate"], ["config.toml, line 2", "sync.max_delet", "did you mean sync.max_delete?"]),
        (["show"], ["config.toml, line 2", "sync.max_delet"]),
        (["validate", "nowhere.toml"], ["nowhere.toml: no such file", "config init"]),
    ],
)
def test_a_mistake_is_one_line_that_helps_and_changes_nothing(
    arguments: list[str],
    words: list[str],
    run_cli: CliRunner,
    config: Path,
    environ: dict[str, str | None],
) -> None:
    config.parent.mkdir()
    wrong = "validate" in arguments or "show" in arguments
    text = '[sync]\nmax_delet = "5%"\n' if wrong else "[sync]\ndelete = true\n"
    config.write_text(text)
    done = run_cli("config", *arguments, env=environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words)
    assert config.read_text() == text
