"""``pdb-cli completion``: the script that lets a shell complete commands and options."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

from pdb_cli.cli.exit_codes import ExitCode
from pdb_cli.cli.registry import COMPLETION_VARIABLE, PROGRAM


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script of a shell.

    \b
    bash:  pdb-cli completion bash > ~/.local/share/bash-completion/completions/pdb-cli
    zsh:   pdb-cli completion zsh > "${fpath[1]}/_pdb-cli"
    fish:  pdb-cli completion fish > ~/.config/fish/completions/pdb-cli.fish
    """  # noqa: D301 - click wants a real backspace
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"this click knows no completion for {shell}", context)
    root = context.find_root().command
    sys.stdout.write(completion(root, {}, PROGRAM, COMPLETION_VARIABLE).source() + "\n")
    return ExitCode.DONE
