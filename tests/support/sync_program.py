"""A process that syncs over https: ``python sync_program.py COLLECTION URL``.

For tests that kill it. It says ``began`` when everything is planned.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pdb_cli.operations.sync.model import SyncSelection
from support.sync_https import HttpsSync


def main(collection: str, url: str) -> int:
    """Bring the structures of a collection up to date."""
    sync = HttpsSync(Path(collection), url)
    transport = sync.transport()
    trees = sync.trees("structures-mmcif")
    for tree, plan, error in transport.plan(
        trees, SyncSelection(), delete=True, observe=lambda _: None
    ):
        if plan is None:
            print(error, file=sys.stderr)  # noqa: T201 - a program
            return 1
        print("began", len(plan.transfers), flush=True)  # noqa: T201 - a program
        with closing(transport.execute(tree, plan, observe=lambda _: None)) as files:
            for _ in files:
                pass
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
