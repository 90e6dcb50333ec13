"""A process that was suspended for long may have lost its collection: it changes nothing more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pdb_cli.storage import collection_lock
from support.fault_server import FaultServer
from support.lab import write_config
from support.updating import bring
from support.wait import wait_until

if TYPE_CHECKING:
    from support.lab import Lab

COPIES = {f"{number}{letter}bc": "3hya" for number in range(1, 7) for letter in "abc"}
NEXT = {"schema": 1, "host": "elsewhere", "pid": 42, "command": "pdb-cli sync"}


def files(lab: Lab) -> dict[str, bytes]:
    """Return the files of the archive that are in the collection."""
    return {path: data for path, data in lab.local("structures").items() if "/." not in path}


@pytest.mark.parametrize(
    ("command", "is_removed"),
    [("update", False), ("update", True), ("validate --fix", False), ("validate --fix", True)],
)
def test_who_lost_the_lock_while_suspended_changes_no_file(
    lab: Lab,
    command: str,
    is_removed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    tree = lab.mirror.tree
    tree.publish(copies=COPIES)
    bring(tree, lab.collection)
    old = files(lab)
    if command == "update":
        tree.publish(change=COPIES)
    else:
        for path in old:
            place = lab.collection / path
            place.write_bytes(old[path][:-20])
        old = files(lab)
    lock = lab.collection / ".pdb-cli" / "write.lock"
    with FaultServer(tree.folder, rate_bytes_per_s=400_000) as slow:
        write_config(lab.config, collection=lab.collection, url=f"{slow.url}/pub/pdb")
        with subprocess.Popen(
            [sys.executable, "-m", "pdb_cli", *command.split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until(lambda: files(lab) != old, timeout_s=30, what="the first file")
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            stopped_s = time.monotonic()
            between = files(lab)
            taken = "" if is_removed else json.dumps(NEXT)
            if is_removed:
                lock.unlink()
            else:
                lock.write_text(taken)
            wait_until(
                lambda: time.monotonic() - stopped_s > collection_lock._LOOK_EVERY_S,
                what="the next look at the lock",
            )
            process.send_signal(signal.SIGCONT)
            _, said = process.communicate(timeout=30)
    assert between not in (old, lab.published())
    assert files(lab) == between
    assert process.returncode == 3
    if is_removed:
        assert said.count("removed") == 1
        assert f"{lock} was removed" in said
        assert not lock.exists()
    else:
        assert "is being changed by pdb-cli sync (process 42 on elsewhere)" in said
        assert lock.read_text() == taken
