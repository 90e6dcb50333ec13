"""The table of commands and global options: all that ``--help`` needs, without importing any.

A command's module is imported when the command runs. It holds a click command named ``command``.
"""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from typing import NamedTuple

PROGRAM = "pdb-cli"

COMPLETION_VARIABLE = "_PDB_CLI_COMPLETE"
"""Set by the completion script of a shell; the parser then answers instead of running."""


class CommandRow(NamedTuple):
    """One command."""

    name: str
    module: str
    summary: str
    aliases: tuple[str, ...] = ()


class OptionRow(NamedTuple):
    """One global option."""

    usage: str
    summary: str


COMMANDS = (
    CommandRow(
        "download",
        "pdb_cli.cli.commands.download",
        "Fetch entries into the collection, verified.",
        ("dl",),
    ),
    CommandRow(
        "sync", "pdb_cli.cli.commands.sync", "Keep directories of the archive as a mirror has them."
    ),
    CommandRow(
        "update",
        "pdb_cli.cli.commands.update",
        "Bring the collection up to the archive's state, file by file.",
    ),
    CommandRow(
        "validate",
        "pdb_cli.cli.commands.validate",
        "See whether the files that are here are whole and right.",
        ("val",),
    ),
    CommandRow("jobs", "pdb_cli.cli.commands.jobs", "List and manage background jobs."),
    CommandRow(
        "config", "pdb_cli.cli.commands.config", "Show, check and change the settings.", ("cfg",)
    ),
    CommandRow(
        "index",
        "pdb_cli.cli.commands.index",
        "Show what is known of the collection; 'index rebuild' reads it anew.",
    ),
    CommandRow("demo", "pdb_cli.cli.commands.demo", "See the main job at work, without a network."),
    CommandRow(
        "completion", "pdb_cli.cli.commands.completion", "Print the completion script of a shell."
    ),
)

GLOBAL_OPTIONS = (
    OptionRow("--pdb-dir DIR", "Root of the collection (default: PDB_DIR, then the config file)."),
    OptionRow("--config FILE", "Read this config file instead of the usual one."),
    OptionRow("-v, --verbose", "Say more; an error shows its traceback."),
    OptionRow("-q, --quiet", "Say nothing but errors."),
    OptionRow("--color auto|always|never", "When to use colour (default: auto)."),
    OptionRow("-V, --version", "Print the version."),
    OptionRow("-h, --help", "Print this help; 'pdb-cli COMMAND --help' explains a command."),
)

ALIASES = {alias: row.name for row in COMMANDS for alias in row.aliases}
MODULES = {row.name: row.module for row in COMMANDS}


def top_level_help() -> str:
    """Return the text of ``pdb-cli --help``.

    Examples
    --------
    >>> top_level_help().splitlines()[0]
    'Usage: pdb-cli [OPTIONS] COMMAND [ARGS]...'
    """
    commands = [
        (row.name, row.summary + (f" Alias: {', '.join(row.aliases)}." if row.aliases else ""))
        for row in COMMANDS
    ]
    return "\n".join(
        [
            f"Usage: {PROGRAM} [OPTIONS] COMMAND [ARGS]...",
            "",
            "  Keep a local collection of Protein Data Bank files, correct and current,",
            "  with every long operation in the background.",
            "",
            "Commands:",
            *_table(commands),
            "",
            "Options:",
            *_table([(row.usage, row.summary) for row in GLOBAL_OPTIONS]),
            "",
            "Examples:",
            "  pdb-cli demo                              a few seconds, no network",
            "  pdb-cli download 4hhb 1abc                into the collection",
            "  pdb-cli download -l list.txt --bg         in the background",
            "  pdb-cli update --check                    what is outdated, what is obsolete",
            "  pdb-cli jobs                              what runs, what ended today",
            "  pdb-cli jobs log last --follow            watch it",
        ]
    )


def _table(rows: list[tuple[str, str]]) -> list[str]:
    """Align a table of two columns."""
    width = max(len(left) for left, _ in rows) + 2
    return [f"  {left:<{width}}{right}" for left, right in rows]
