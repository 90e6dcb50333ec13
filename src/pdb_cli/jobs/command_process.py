"""The last words of a job's command."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pdb_cli.jobs.log_cap import kept_part
from pdb_cli.jobs.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

_TAIL_BYTES = 4096
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z ")


def last_line(log: Path) -> str:
    """Return the last line of a log, without its time: the command's own reason.

    Parameters
    ----------
    log
        The file; an empty text is returned if it can not be read. Just after it was cut, the
        last line is in the part that was kept.
    """
    return _last_line_of(log) or _last_line_of(kept_part(log))


def _last_line_of(log: Path) -> str:
    """Return the last line of one file."""
    try:
        with open(open_regular(log), "rb") as file:  # noqa: PTH123 - a descriptor
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        text = "".join(item for item in line if item.isprintable()).strip()
        if text:
            return text[match.end() :] if (match := _TIME.match(text)) else text
    return ""
