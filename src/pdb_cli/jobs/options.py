"""What a job and its supervisor are told beside the command."""

# Annotations stay values: as text they triple what each named tuple costs at start-up (ADR 0009).
from collections.abc import Sequence
from typing import NamedTuple

from pdb_cli.jobs.launch import PYTHON

PDB_CLI = (*PYTHON, "-m", "pdb_cli")
"""How pdb-cli runs itself."""


class JobOptions(NamedTuple):
    """What a job is told beside its command."""

    grace_s: float = 10.0
    """Seconds between TERM and KILL when it is cancelled."""
    label: str | None = None
    """A name for people."""
    after: str | None = None
    """The job it waits for: an ``After`` as text."""
    restarted_from: str | None = None
    """The job whose arguments these are."""


class Handling(NamedTuple):
    """What a supervisor is told and no record holds."""

    notify: str = ""
    """Who is told of the end (see ``notify.py``); may hold passwords."""
    log_max_bytes: int = 0
    """The largest log; 0 for no limit."""
    program: Sequence[str] = PDB_CLI
    """What the arguments are given to; pdb-cli itself, unless a test says otherwise."""
    answer_wait_s: float = 30.0
    """How long the supervisor may take to answer, in seconds."""
