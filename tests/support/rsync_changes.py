"""A mirror and a collection that change at random, and what must hold after each run."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from pdb_cli.operations.collection_plan import PlanAction
from support.rsync_lab import DIRECTORY, plain_rsync, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from pdb_cli.operations.collection_plan import GroupPlan
    from support.rsync_lab import RsyncLab

OLD_NS = 1_600_000_000_123_456_789
"""A time of long ago, not a whole second."""

names = st.sampled_from([f"{a}{b}/{n}{a}{b}{c}.cif.gz" for a in "ab" for b in "12" for n in (1, 2)
                         for c in "xy"])  # fmt: skip
releases = st.lists(
    st.tuples(st.sampled_from(["put", "touch", "remove", "local", "grow"]), names,
              st.integers(0, 40)),
    max_size=12,
)  # fmt: skip
"""What happens between two runs."""


def put(tree: Path, name: str, data: bytes, *, mtime_ns: int = OLD_NS) -> None:
    """Write a file with a time of its own."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    # rsync takes times within one second for equal: directories must not be as new as the test.
    os.utime(path.parent, ns=(mtime_ns, mtime_ns))


def paths(plan: GroupPlan, action: PlanAction) -> set[str]:
    """Return the paths below the tree that a plan has an action for."""
    changes = [*plan.transfers, *plan.deletions]
    return {one.path.removeprefix(DIRECTORY + "/") for one in changes if one.action is action}


def check_plan_is_run(
    lab: RsyncLab, url: str, archive: Path, steps: list[list[tuple[str, str, int]]]
) -> None:
    """Let mirror and collection change, and see that plan, run and plain rsync agree."""
    plain = lab.collection.with_name("plain")
    for folder in (archive, lab.root, plain):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for step in steps:
        for kind, name, number in step:
            change(archive, lab.root, kind, name, number)
        shutil.rmtree(plain)
        shutil.copytree(lab.root, plain)
        local = {name: seen for name, seen in snapshot(lab.root).items() if seen[1] is not None}
        synced = lab.sync()
        remote = {name: seen for name, seen in snapshot(archive).items() if seen[1] is not None}
        assert paths(synced.plan, PlanAction.NEW) == remote.keys() - local.keys()
        assert paths(synced.plan, PlanAction.DELETE) == local.keys() - remote.keys()
        assert synced.transferred == {
            *paths(synced.plan, PlanAction.NEW), *paths(synced.plan, PlanAction.CHANGED)
        }  # fmt: skip
        plain_rsync(url, plain)
        assert snapshot(lab.root) == snapshot(plain)
        assert lab.sync().settled == []


def change(archive: Path, local: Path, kind: str, name: str, number: int) -> None:
    """Do one thing to the mirror, or to the collection."""
    mtime_ns = OLD_NS + number * 10**9
    path = archive / name
    match kind:
        case "put":
            put(archive, name, bytes([number]) * number, mtime_ns=mtime_ns)
        case "grow" if path.exists():
            put(archive, name, path.read_bytes() + b"+", mtime_ns=mtime_ns)
        case "touch" if path.exists():
            os.utime(path, ns=(mtime_ns, mtime_ns))
        case "remove" if path.exists():
            path.unlink()
            os.utime(path.parent, ns=(mtime_ns, mtime_ns))
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        case "local":
            put(local, name, b"local", mtime_ns=mtime_ns)
        case _:  # there is nothing to touch
            pass
