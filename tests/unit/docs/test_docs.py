"""The documentation says what the program says: its commands, its settings, its tutorial."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import pytest

import pdb_cli
from pdb_cli.cli.app import application
from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.registry import COMMANDS, PROGRAM
from pdb_cli.cli.session import Session
from pdb_cli.config.keys import KEYS
from pdb_cli.config.load import load_settings
from pdb_cli.errors import PdbCliError
from support.package_copy import REPOSITORY
from support.ports import free_port, is_listening
from support.wait import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Isolated

DOCS = REPOSITORY / "docs"
TUTORIAL = DOCS / "tutorial" / "first-collection.md"
_TUTORIAL_PORT = "8765"

PAGES = sorted(
    [path for path in DOCS.rglob("*.md") if "_build" not in path.parts]
    + [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
)
_FENCE = re.compile(r"^( *)```([\w{}-]*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_PLACEHOLDER = re.compile(r"\bCOMMAND\b|\.\.\.|\bNAME\b")
"""A pattern of a command rather than one that can be typed."""


class Block(NamedTuple):
    """A block of literal text in a page."""

    language: str
    text: str
    before: str
    """What stands between it and the block before."""


class CommandLine(NamedTuple):
    """One use of the program in a page."""

    page: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page."""
    end = 0
    for match in _FENCE.finditer(page):
        indent, language, text = match.groups()
        lines = [line.removeprefix(indent) for line in text.splitlines(keepends=True)]
        yield Block(language, "".join(lines), page[end : match.start()])
        end = match.end()


def command_lines(name: str, page: str) -> Iterator[CommandLine]:
    """Yield every use of the program in a page, in blocks and in the text."""
    candidates = []
    for block in blocks(page):
        if block.language in {"sh", "console", "text"}:
            candidates += block.text.replace("\\\n", " ").splitlines()
    candidates += _SPAN.findall(_FENCE.sub("", page))
    for candidate in candidates:
        for part in re.split(r"\|\||\||;|&&|\$\(", candidate.partition(" #")[0]):
            found = re.match(rf"\s*(?:\$ )?(?:ssh \w+ )?({PROGRAM} .*)", part)
            if found and not _PLACEHOLDER.search(found[1]):
                yield CommandLine(name, re.sub(r"\s*(?:2?>|<).*|\)$", "", found[1]).strip())


def parse(line: str) -> None:
    """Let the parser read a command line, down to the last subcommand, and run nothing."""
    words = shlex.split(line, comments=True)
    session = Session(argv=tuple(words[1:]), environ={})
    command: click.Command = application
    context = command.make_context(PROGRAM, words[1:], obj=session)
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context)


def wrong(lines: Iterator[CommandLine]) -> list[str]:
    """Return what the parser refuses, with its reason."""
    refused = []
    for line in lines:
        try:
            parse(line.text)
        except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
            continue  # --help and --version; the bare name of a group
        except (click.ClickException, PdbCliError) as error:
            refused.append(f"{line.page}: {line.text}: {error}")
    return refused


def lines_of_pages() -> Iterator[CommandLine]:
    for path in PAGES:
        yield from command_lines(path.name, path.read_text(encoding="utf-8"))


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Sphinx extension that fills the generated pages."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    return import_module("generated_pages")


def test_every_command_line_in_the_documentation_parses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = list(lines_of_pages())
    assert len(lines) > 60
    assert wrong(iter(lines)) == []
    capsys.readouterr()


@pytest.mark.parametrize(
    "line",
    [
        "pdb-cli downlaod 4hhb",
        "pdb-cli download 4hhb --paralel 4",
        "pdb-cli download 4hhb -t structure",
        "pdb-cli jobs stauts last",
        "pdb-cli jobs log",
        "pdb-cli --quite jobs",
    ],
)
def test_a_planted_mistake_is_caught(line: str) -> None:
    in_a_block = f"Text.\n\n```sh\n{line}   # comment\n```\n"
    in_the_text = f"Type `{line}` twice.\n"
    assert len(wrong(command_lines("planted.md", in_a_block))) == 1
    assert len(wrong(command_lines("planted.md", in_the_text))) == 1


def test_commands_are_found_behind_prompts_pipes_and_redirections() -> None:
    page = (
        "```sh\n$ pdb-cli jobs -o json > jobs.json\n"
        "cat a | pdb-cli download -l - --bg\nid=$(pdb-cli -q download 4hhb --bg)\n```\n"
    )
    assert [line.text for line in command_lines("page.md", page)] == [
        "pdb-cli jobs -o json",
        "pdb-cli download -l - --bg",
        "pdb-cli -q download 4hhb --bg",
    ]


def test_every_configuration_in_the_documentation_is_accepted(tmp_path: Path) -> None:
    examples = [
        (path.name, block.text)
        for path in PAGES
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.language == "toml"
    ]
    assert len(examples) >= 4
    for name, text in examples:
        config = tmp_path / name
        config.write_text(text, encoding="utf-8")
        load_settings(environ={"HOME": str(tmp_path)}, config_path=config)


def test_python_examples_in_the_documentation_run() -> None:
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for path in PAGES:
        for block in blocks(path.read_text(encoding="utf-8")):
            if block.language == "python":
                example = doctest.DocTestParser().get_doctest(block.text, {}, path.name, None, 0)
                assert example.examples, f"{path.name} has an example that nothing checks"
                runner.run(example)
    assert runner.tries > 10
    assert runner.failures == 0


def test_generated_commands_name_every_command_and_option(extension: Any) -> None:
    text = extension.fill("<!-- generated: commands -->\n")
    top = click.Context(application)
    for row in COMMANDS:
        assert f"## {PROGRAM} {row.name}\n" in text
        command = application.get_command(top, row.name)
        assert command is not None
        children = command.commands.values() if isinstance(command, click.Group) else ()
        for item in (command, *children):
            for parameter in item.params:
                if isinstance(parameter, click.Option):
                    assert max(parameter.opts, key=len) in text
    assert "jobs cancel" in text


def test_generated_settings_name_every_key(extension: Any) -> None:
    text = extension.fill("<!-- generated: settings -->\n")
    for key in KEYS:
        if key.path[-1] != "*":
            assert f"`{key.path[-1]}`" in text
    assert "Default: `16`. Option: `--parallel`." in text


def test_the_marks_of_the_program_agree_with_what_its_source_reads() -> None:
    has_effect = sys.modules["generated_settings"].has_effect
    assert {key.name for key in KEYS if key.has_effect} == {
        key.name for key in KEYS if has_effect(key.path)
    }


def test_keys_without_effect_are_marked(extension: Any, tmp_path: Path) -> None:
    text = extension.fill("<!-- generated: keys-without-effect -->\n")
    assert "`[api]`: all keys" in text
    assert "`parallel`" not in text
    has_effect = sys.modules["generated_settings"].has_effect
    assert has_effect(("download", "stall_timeout_s"))
    # A key that some module begins to read loses its mark.
    assert not has_effect(("api", "rcsb_data"))
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "info.py").write_text("url = settings.api.rcsb_data\n")
    assert has_effect(("api", "rcsb_data"), tmp_path)


def test_generated_exit_codes_are_complete(extension: Any) -> None:
    text = extension.fill("<!-- generated: exit-codes -->\n")
    assert [int(code) for code in re.findall(r"^`(\d+)`$", text, re.MULTILINE)] == list(ExitCode)


def test_an_unknown_generator_is_an_error(extension: Any) -> None:
    with pytest.raises(KeyError):
        extension.fill("<!-- generated: nothing-like-it -->\n")


def test_public_names_are_described_by_a_module_of_the_page() -> None:
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    for name in pdb_cli.__all__:
        value = getattr(pdb_cli, name)
        if not isinstance(value, str):
            # A package on the page shows what its modules define.
            homes = (value.__module__, value.__module__.rpartition(".")[0])
            assert any(f".. automodule:: {home}\n" in page for home in homes)


_REFERENCE = re.compile(r"docs/[\w/.-]+\.md|ADR (\d{4})")


def missing_pages(source: str) -> list[str]:
    """Return the pages and decisions a source text names that are not there."""
    missing = []
    for match in _REFERENCE.finditer(source):
        pattern = f"docs/adr/{match[1]}-*.md" if match[1] else match[0]
        if not list(REPOSITORY.glob(pattern)):
            missing.append(match[0])
    return missing


def test_pages_that_the_sources_name_are_there() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (REPOSITORY / "src").rglob("*.py"))
    text = "\n".join([*sources, (REPOSITORY / "README.md").read_text(encoding="utf-8")])
    assert len(_REFERENCE.findall(text)) > 5
    assert missing_pages(text) == []


def test_a_page_that_is_not_there_is_caught() -> None:
    text = "see docs/explanation/magic.md, docs/explanation/jobs.md, ADR 0006 and ADR 9999"
    assert missing_pages(text) == ["docs/explanation/magic.md", "ADR 9999"]


def tutorial_script(port: int) -> str:
    """Return the tutorial's commands as one script, without those that need the network."""
    lines = [
        block.text
        for block in blocks(TUTORIAL.read_text(encoding="utf-8"))
        if block.language == "sh" and "needs the network" not in " ".join(block.before.split())
    ]
    text = "".join(lines).replace(_TUTORIAL_PORT, str(port))
    # The server must be there when the first download asks, and gone when a command fails.
    look = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
    waiting = f'&\nuntil python3 -c "{look}" 2>/dev/null; do :; done\n'
    head = "set -eum -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    return head + text.replace("&\n", waiting, 1)


def test_tutorial_runs(isolated: Isolated, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_dir = isolated.home / "checkout" / ".venv" / "bin"
    bin_dir.mkdir(parents=True)
    program = bin_dir / PROGRAM
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pdb_cli "$@"\n')
    program.chmod(0o755)
    checkout = bin_dir.parent.parent
    (checkout / "src").symlink_to(REPOSITORY / "src")
    monkeypatch.delenv("PDB_CLI_JOBS_DIR")
    port = free_port()
    done = subprocess.run(
        ["bash", "-c", tutorial_script(port)],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 downloaded, 0 up to date" in done.stderr
    assert "0 downloaded, 2 up to date" in done.stderr
    assert "Job started: job_" in done.stdout
    assert re.search(r"status: +completed", done.stdout)
    assert "removed 1 job" in done.stderr
    assert len(list((isolated.home / "pdb").rglob("*.cif.gz"))) == 5
    wait_until(lambda: not is_listening(port), timeout_s=5)
