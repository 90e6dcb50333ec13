"""What ``update`` says about one file, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdb_cli.cli.errors import reason_of
from pdb_cli.cli.output import OutputMode
from pdb_cli.operations.update.model import UpdateResult

if TYPE_CHECKING:
    from pdb_cli.operations.update.model import UpdatedFile

_UTC = "+00:00"

COLUMNS = {
    "id": "ENTRY",
    "type": "TYPE",
    "format": "FORMAT",
    "state": "STATE",
    "local_date": "LOCAL",
    "remote_date": "ARCHIVE",
    "result": "RESULT",
    "reason": "REASON",
}
ALL_COLUMNS = (
    "id",
    "type",
    "format",
    "path",
    "state",
    "local_date",
    "remote_date",
    "successors",
    "result",
    "reason",
)


def update_row(updated: UpdatedFile, mode: OutputMode) -> dict[str, Any]:
    """Return what a file is and what was done about it.

    Parameters
    ----------
    updated
        The file.
    mode
        In a table, several values stand in one cell, and dates have the form they have elsewhere;
        data keeps the archive's.
    """
    judged = updated.judged
    successors: Any = [str(entry) for entry in judged.successors]
    return {
        "id": str(judged.file.entry),
        "type": str(judged.file.data_type),
        "format": str(judged.file.file_format),
        "path": str(updated.path or judged.path),
        "state": str(judged.state),
        "local_date": _date(judged.local_date, mode),
        "remote_date": _date(judged.remote_date, mode),
        "successors": successors if mode is OutputMode.JSON else " ".join(successors),
        "result": str(updated.result) if updated.result is not None else None,
        "reason": _reason(updated),
    }


def _reason(updated: UpdatedFile) -> str | None:
    """Return what else there is to say."""
    if updated.error is not None:
        return f"{'not tried: ' if updated.is_untried else ''}{reason_of(updated.error)}"
    if updated.reason is not None or updated.result is UpdateResult.UPDATED:
        return updated.reason
    return updated.judged.reason


def _date(text: str | None, mode: OutputMode) -> str | None:
    """Return a date as it is shown."""
    if mode is OutputMode.TEXT and text is not None and text.endswith(_UTC):
        return text.removesuffix(_UTC) + "Z"
    return text
