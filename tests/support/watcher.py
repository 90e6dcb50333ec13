"""A process that looks at a folder all the time: ``python watcher.py FOLDER GOOD...``.

Whatever has a final name there must be, byte for byte, the file of the same name in one of the
folders ``GOOD``. It says ``ready``, looks until its standard input ends, and then prints a JSON
object: how often it looked, how many different files it saw, and the names of bad ones.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Watch:
    """What a watcher saw; complete when the context has ended."""

    looks: int = 0
    files: int = 0
    bad: list[str] = field(default_factory=list)


@contextmanager
def watched(folder: Path, *good: Path) -> Iterator[Watch]:
    """Let a process of its own look at a folder while the context lasts.

    Parameters
    ----------
    folder
        What is looked at; it need not exist yet.
    good
        Folders below which the files are as they should be, by their names.
    """
    watch = Watch()
    with subprocess.Popen(
        [sys.executable, __file__, folder, *good], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield watch
        finally:
            process.stdin.close()
            seen: dict[str, Any] = json.loads(process.stdout.read())
            watch.looks, watch.files, watch.bad = seen["looks"], seen["files"], seen["bad"]


def look(folder: Path, good: list[dict[str, Path]], seen: dict[tuple[str, int, int], bool]) -> None:
    """Look at every file with a final name that has not been seen as it is now."""
    for path in folder.rglob("*"):
        try:
            status = path.stat()
            if path.name.startswith(".") or ".pdb-cli" in path.parts or path.is_dir():
                continue
            key = (path.name, status.st_ino, status.st_mtime_ns)
            if not seen.get(key, False):
                data = path.read_bytes()
                # Other bytes than a moment ago: it was replaced since, and its successor comes.
                if path.stat().st_ino == status.st_ino:
                    seen[key] = any(
                        data == files[path.name].read_bytes()
                        for files in good
                        if path.name in files
                    )
        except FileNotFoundError:
            continue  # a partial file that has its name, or is gone


def main(folder: str, *good: str) -> None:
    """Look until the standard input ends."""
    seen: dict[tuple[str, int, int], bool] = {}
    bad: set[str] = set()
    files = [{path.name: path for path in Path(root).rglob("*") if path.is_file()} for root in good]
    looks = 0
    print("ready", flush=True)  # noqa: T201 - a program
    ended = False
    while not ended:
        # Asked first: what came before the end is seen.
        ended = bool(select.select([sys.stdin], [], [], 0)[0])
        look(Path(folder), files, seen)
        bad |= {name for (name, _, _), right in seen.items() if not right}
        looks += 1
    print(json.dumps({"looks": looks, "files": len(seen), "bad": sorted(bad)}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
