"""The job's arguments give the same parameters again, whatever stood in them."""

from __future__ import annotations

import click
from hypothesis import given
from hypothesis import strategies as st

from pdb_cli.cli.background import _arguments

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@click.group()
@click.option("-v", "--verbose", count=True)
@click.option("--pdb-dir")
def root(**_: object) -> None:
    """Stand for the top level."""


@root.command()
@click.argument("ids", nargs=-1)
@click.option("-t", "--type", "types", multiple=True)
@click.option("--retry", type=int, default=5)
@click.option("--fallback/--no-fallback", default=None)
@click.option("--overwrite", is_flag=True)
@click.option("-l", "--list", "lists", multiple=True)
@click.option("--bg", is_flag=True)
def work(**_: object) -> None:
    """Stand for a long command."""


def _parse(arguments: list[str]) -> tuple[click.Context, click.Context]:
    top = root.make_context("root", list(arguments))
    name, command, rest = root.resolve_command(top, [*top._protected_args, *top.args])
    assert command is not None
    return top, command.make_context(name, rest, parent=top)


@given(
    ids=st.lists(TEXTS.filter(lambda text: not text.startswith("-"))),
    types=st.lists(TEXTS),
    pdb_dir=st.none() | TEXTS,
    retry=st.none() | st.integers(0, 9),
    fallback=st.sampled_from([(), ("--fallback",), ("--no-fallback",)]),
    verbose=st.integers(0, 3),
)
def test_the_arguments_parse_back_to_the_same_parameters(
    *,
    ids: list[str],
    types: list[str],
    pdb_dir: str | None,
    retry: int | None,
    fallback: tuple[str, ...],
    verbose: int,
) -> None:
    given_arguments = [
        *["-v"] * verbose,
        *([] if pdb_dir is None else [f"--pdb-dir={pdb_dir}"]),
        "work",
        *(f"--type={item}" for item in types),
        *([] if retry is None else ["--retry", str(retry)]),
        *fallback,
        "--bg",
        "--list=secret.txt",
        "--",
        *ids,
    ]
    top, context = _parse(given_arguments)
    again = list(_arguments(context, frozenset({"bg", "lists"}), ["--list", "frozen.list"]))
    top_again, context_again = _parse(again)
    assert top_again.params == top.params
    expected = {**context.params, "bg": False, "lists": ("frozen.list",)}
    assert context_again.params == expected
