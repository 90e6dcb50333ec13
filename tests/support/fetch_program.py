"""A process that fetches: ``python fetch_program.py FOLDER URL PATH...``, one line per result.

For tests that kill, interrupt or race it. Exit code 130 when interrupted.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pdb_cli.transfer.fetch import HttpOptions, fetch_files
from support.fetching import RETRY, item_for


def main(folder: str, url: str, *paths: str) -> int:
    """Fetch the paths of a mirror into a folder."""
    items = (item_for(path, Path(folder), url) for path in paths)
    options = HttpOptions(connections=8, stall_timeout_s=30.0)
    try:
        with closing(fetch_files(items, options=options, retry=RETRY)) as run:
            for result in run:
                print(result.item.name, result.status, flush=True)  # noqa: T201 - a program
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
