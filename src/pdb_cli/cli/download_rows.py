"""What ``download`` says about one file, as data: on stdout, in the report, in the failed list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdb_cli.cli.errors import reason_of

if TYPE_CHECKING:
    from pdb_cli.archive.ids import EntryId
    from pdb_cli.operations.download.run import FileOutcome, PlannedFile


def outcome_row(outcome: FileOutcome) -> dict[str, Any]:
    """Return how it went with a file.

    Parameters
    ----------
    outcome
        Of the file.
    """
    return {
        "id": str(outcome.file.entry),
        "type": str(outcome.file.data_type),
        "format": str(outcome.file.file_format),
        "asked_format": str(outcome.replaces_format or outcome.file.file_format),
        "asked_ids": [str(entry) for entry in asked_entries(outcome)],
        "path": str(outcome.path),
        "status": str(outcome.outcome),
        "bytes": outcome.size_bytes,
        "sha256": outcome.sha256,
        "url": outcome.url,
        "mirror": outcome.mirror,
        "attempts": outcome.attempts,
        "seconds": round(outcome.duration_s, 3),
        "reason": reason_for(outcome),
    }


def plan_row(planned: PlannedFile) -> dict[str, Any]:
    """Return a line of a plan.

    Parameters
    ----------
    planned
        The line.
    """
    return {
        "action": str(planned.action),
        "id": str(planned.file.entry),
        "type": str(planned.file.data_type),
        "path": str(planned.path),
        "size": planned.size_bytes,
        "reason": planned.reason,
    }


def asked_entries(outcome: FileOutcome) -> tuple[EntryId, ...]:
    """Return the entries that somebody asked for when this file was fetched.

    Parameters
    ----------
    outcome
        Of the file.
    """
    return outcome.replaces_entries or (outcome.file.entry,)


def reason_for(outcome: FileOutcome) -> str | None:
    """Return why a file is not there; None if it is.

    Parameters
    ----------
    outcome
        Of the file.
    """
    if outcome.absence is not None:
        return str(outcome.absence)
    if outcome.error is None:
        return None
    return f"{'not tried: ' if outcome.is_untried else ''}{reason_of(outcome.error)}"
