"""The options that name entries, of the commands that work on some or on all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pdb_cli.cli.ids_input import IdsInput, read_ids
from pdb_cli.cli.options import in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pdb_cli.cli.session import Session

_REPLACED_BY_IDS = frozenset({"lists", "stdin"})
"""Parameters a job does not get: it gets what was read from them."""


def ids_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add IDS, ``-l``, ``--stdin`` and ``--skip-invalid`` to a command that needs ids."""
    return _ids_options("Ids from a file; - is stdin.", "Ids from standard input.")(command)


def only_ids_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command that works on all entries unless some are named."""
    return _ids_options(
        "Only the entries of a list; - is stdin.", "Only the entries on standard input."
    )(command)


def _ids_options(
    list_help: str, stdin_help: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options."""
    return in_order(
        click.argument("ids", nargs=-1, metavar="[IDS]..."),
        click.option(
            "-l",
            "--list",
            "lists",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help=list_help,
        ),
        click.option("--stdin", is_flag=True, help=stdin_help),
        click.option("--skip-invalid", is_flag=True, help="Go on without ids that are not valid."),
    )


class GivenIds(NamedTuple):
    """What the options say, before anything is read."""

    arguments: tuple[str, ...]
    lists: tuple[str, ...]
    """Paths; ``-`` is stdin."""
    skip_invalid: bool

    @classmethod
    def of(cls, options: dict[str, Any]) -> GivenIds:
        """Take them from the parameters of a command."""
        lists = (*options["lists"], *(["-"] if options["stdin"] else []))
        return cls(options["ids"], lists, options["skip_invalid"])

    def __bool__(self) -> bool:
        """Whether entries are named at all."""
        return bool(self.arguments or self.lists)

    def read(self, session: Session) -> IdsInput:
        """Read every id.

        Parameters
        ----------
        session
            Tells of ids that are left out.

        Raises
        ------
        InvalidIdsError, EmptyListError, FileAccessError
            As ``read_ids``.
        """
        return read_ids(
            self.arguments, lists=self.lists, skip_invalid=self.skip_invalid, say=session.say
        )


def start_ids_job(
    session: Session, context: click.Context, ids: IdsInput | None, *, changes: Path | None = None
) -> int:
    """Start the parsed command as a job, with the ids that were read.

    Parameters
    ----------
    session
        This run.
    context
        The command's.
    ids
        What was read; None for all entries.
    changes
        The root of the collection the job will have for itself, if it will.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CollectionBusyError
        Somebody else has the collection, and the job is to wait neither for him nor for a job.
    PdbCliError
        As ``start_job``.
    """
    from pdb_cli.cli.background import start_job  # noqa: PLC0415 - only with --bg

    if changes is not None and not (context.params["wait"] or context.params["after"]):
        from pdb_cli.cli.collection import check_free  # noqa: PLC0415 - seldom

        check_free(changes)
    frozen = None if ids is None else ids.frozen()
    return start_job(session, context, ids=frozen, without=_REPLACED_BY_IDS)
