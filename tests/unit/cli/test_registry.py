"""The command table, the static help and the parser say the same."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from pdb_cli.cli.app import application
from pdb_cli.cli.registry import ALIASES, COMMANDS, GLOBAL_OPTIONS, MODULES, top_level_help

if TYPE_CHECKING:
    from support.cli import CliRunner


def _leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    found = [path]
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            found += _leaves(child, (*path, name))
    return found


def _command(name: str) -> click.Command:
    command = application.get_command(click.Context(application), name)
    assert isinstance(command, click.Command)
    return command


ALL_PATHS = [path for name in MODULES for path in _leaves(_command(name), (name,))]


@pytest.mark.parametrize("path", ALL_PATHS, ids=" ".join)
def test_every_commands_help_explains_it(path: tuple[str, ...]) -> None:
    command = _command(path[0])
    for name in path[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    text = command.get_help(click.Context(command, info_name=path[-1]))
    assert text.startswith("Usage:")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.opts} has no help"
    if isinstance(command, click.Group):
        assert not [line for line in text.splitlines()[1:] if line.endswith("...")], "cut short"


def test_the_static_help_names_every_global_option_of_the_parser() -> None:
    context = click.Context(application, help_option_names=["-h", "--help"])
    known = {flag for parameter in application.get_params(context) for flag in parameter.opts}
    listed = {
        word.strip(",")
        for row in GLOBAL_OPTIONS
        for word in row.usage.split()
        if word.startswith("-")
    }
    assert listed == known


def test_summaries_are_the_first_lines_of_the_commands() -> None:
    for row in COMMANDS:
        assert row.summary.endswith("."), row.name
        assert row.summary in top_level_help()


def test_aliases_reach_their_command() -> None:
    assert {"dl", "cfg"} <= set(ALIASES)
    for alias, name in ALIASES.items():
        assert _command(alias).name == _command(name).name


def test_help_is_the_same_with_and_without_the_parser(run_cli: CliRunner) -> None:
    plain = run_cli("--help")
    parsed = run_cli("--color", "never", "--help")
    assert plain.stdout == parsed.stdout
    assert (plain.returncode, parsed.returncode) == (0, 0)


def test_version_is_the_same_with_and_without_the_parser(run_cli: CliRunner) -> None:
    assert run_cli("--version").stdout == run_cli("-q", "--version").stdout


def test_an_unknown_command_is_answered_with_the_nearest(run_cli: CliRunner) -> None:
    done = run_cli("downlaod", "4hhb")
    assert done.returncode == 2
    assert done.stderr == "pdb-cli: no command 'downlaod'; did you mean download?\n"
    assert done.stdout == ""


def test_an_unknown_option_is_one_line(run_cli: CliRunner) -> None:
    done = run_cli("download", "--fromat")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "--fromat" in done.stderr
    assert "did you mean --format?" in done.stderr
    other = run_cli("download", "--zzz")
    assert other.stderr == (
        "pdb-cli download: no option --zzz; 'pdb-cli download --help' lists them\n"
    )


def test_a_global_option_after_the_command_is_answered_with_its_place(run_cli: CliRunner) -> None:
    done = run_cli("download", "4hhb", "-q")
    assert done.returncode == 2
    assert done.stderr == (
        "pdb-cli download: -q stands before the command: pdb-cli -q download ...\n"
    )


def test_a_group_without_a_verb_prints_its_help(run_cli: CliRunner) -> None:
    done = run_cli("config")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) > 5
    assert done.stderr.startswith("Usage: pdb-cli config")


def test_names_and_files_are_completed_where_they_are_wanted(run_cli: CliRunner) -> None:
    def complete(words: str) -> str:
        count = str(len(words.split(" ")) - 1)
        env = {"_PDB_CLI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
        return run_cli(env=env).stdout

    assert complete("pdb-cli download -t as") == "plain,assemblies\n"
    assert complete("pdb-cli download -m pdb") == "plain,pdbj\nplain,pdbe\n"
    assert complete("pdb-cli download -l x") == "file,x\n"


def test_output_that_can_not_be_written_is_one_line_and_no_bug() -> None:
    def run(arguments: str, output: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S602 - the redirection is what is tested
            f"{sys.executable} -m pdb_cli {arguments} {output}",
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )

    for arguments in ("--help", "--version", "jobs", "config show"):
        full = run(arguments, ">/dev/full")
        assert full.stderr == "pdb-cli: can not write standard output: No space left on device\n"
        assert full.returncode == 1
        closed = run(arguments, ">&-")
        assert (closed.returncode, closed.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_scripts_name_the_program(run_cli: CliRunner, shell: str) -> None:
    done = run_cli("completion", shell)
    assert done.returncode == 0
    assert "_PDB_CLI_COMPLETE" in done.stdout


def test_bash_completes_commands_options_and_job_ids(run_cli: CliRunner) -> None:
    def complete(words: str) -> list[str]:
        count = len(words.split(" ")) - 1
        done = run_cli(
            env={
                "_PDB_CLI_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(count),
            }
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert complete("pdb-cli do") == ["download"]
    assert "--dry-run" in complete("pdb-cli download --d")
    assert complete("pdb-cli jobs log l") == ["last"]
