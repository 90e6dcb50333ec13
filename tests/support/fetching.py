"""Fetch real files from fault servers: the items, quick settings, and what is left on disk."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pdb_cli.archive.identify import identify
from pdb_cli.transfer.fetch import FetchItem, HttpOptions, Source, fetch_files
from pdb_cli.transfer.retry import RetryPolicy
from pdb_cli.transfer.verify import expect
from support.real_entries import CLASSIC_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pdb_cli.events import Event
    from pdb_cli.transfer.fetch import FetchResult
    from support.fault_server import FaultServer

ROOT = "/pub/pdb/"
DIVIDED = ROOT + "data/structures/divided/"
SMALL = DIVIDED + "mmCIF/hy/3hya.cif.gz"
OTHER = DIVIDED + "mmCIF/kq/1kqe.cif.gz"
LEGACY = DIVIDED + "pdb/gd/pdb1gdr.ent.gz"

RETRY = RetryPolicy(retries=2, base_s=0.01)
"""Three tries, almost at once."""
OPTIONS = HttpOptions(
    connections=4, connect_timeout_s=5.0, stall_timeout_s=5.0, user_agent="pdb-cli/test"
)


def real_paths() -> dict[str, bytes]:
    """Return the bundled files by the path a mirror serves them under."""
    return {
        ROOT + path.relative_to(CLASSIC_ROOT).as_posix(): path.read_bytes()
        for path in sorted(CLASSIC_ROOT.rglob("*.gz"))
    }


def item_for(path: str, folder: Path, *mirrors: FaultServer | str) -> FetchItem:
    """Return the item for a path, from these mirrors in this order, into a folder."""
    known = identify(path)
    if known is None:
        raise AssertionError(f"{path} is not a file of the archive")
    urls = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
    name = path.removeprefix(ROOT + "data/")
    return FetchItem(
        name=name,
        sources=tuple(Source(f"mirror{n}", url + path) for n, url in enumerate(urls, start=1)),
        destination=folder / name,
        expectation=expect(known[0], path),
    )


def fetch(
    items: Iterable[FetchItem | None], *, options: HttpOptions = OPTIONS, retry: RetryPolicy = RETRY
) -> tuple[list[FetchResult], list[Event]]:
    """Fetch items to the end; return results and events."""
    events: list[Event] = []
    with closing(fetch_files(items, options=options, retry=retry, observe=events.append)) as run:
        return list(run), events


def fetch_one(
    item: FetchItem, *, options: HttpOptions = OPTIONS, retry: RetryPolicy = RETRY
) -> FetchResult:
    """Fetch one item."""
    results, _ = fetch([item], options=options, retry=retry)
    (result,) = results
    return result


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
