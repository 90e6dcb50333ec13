"""``validate --fix`` that is killed while it replaces one file, and what must be there then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from support.lab import write_config

if TYPE_CHECKING:
    from support.archive_simulator import ArchiveSimulator

HYA = "structures/divided/mmCIF/hy/3hya.cif.gz"
_PROGRAM = Path(__file__).with_name("dying_program.py")


class Moment(NamedTuple):
    """When it dies, and what is true then."""

    operation: str
    when: str
    ending: str
    """Of the path that the operation is about."""
    is_new: bool
    """Whether the new file is in its place; else it is the bad one."""
    is_kept: bool
    """Whether the bad one has its second name."""

    def __str__(self) -> str:
        """Return a name for the test."""
        return f"{self.when} {self.operation} of {self.ending.rpartition('/')[2]}"


_SECOND = f"quarantine/{HYA}"
_PART = ".3hya.cif.gz.part"
MOMENTS = (
    Moment("link", "before", _SECOND, is_new=False, is_kept=False),
    Moment("link", "after", _SECOND, is_new=False, is_kept=True),
    Moment("fsync", "before", _PART, is_new=False, is_kept=True),
    Moment("fsync", "after", _PART, is_new=False, is_kept=True),
    Moment("replace", "before", f"mmCIF{HYA.rpartition('mmCIF')[2]}", is_new=False, is_kept=True),
    Moment("replace", "after", f"mmCIF{HYA.rpartition('mmCIF')[2]}", is_new=True, is_kept=True),
    Moment("unlink", "before", _SECOND, is_new=True, is_kept=True),
    Moment("unlink", "after", _SECOND, is_new=True, is_kept=False),
    Moment("rmdir", "before", str(Path(_SECOND).parent), is_new=True, is_kept=False),
    Moment("rmdir", "after", str(Path(_SECOND).parent), is_new=True, is_kept=False),
)


def kill_and_repair(
    moment: Moment, mirror: ArchiveSimulator, collection: Path, config: Path
) -> list[str]:
    """Let a repair die at a moment, look, let the next one finish; return what is left then."""
    write_config(config, collection=collection, url=mirror.url)
    good = (mirror.tree.root / "data" / HYA).read_bytes()
    bad = good[:-30]
    place, second = collection / HYA, collection / ".pdb-cli" / "quarantine" / HYA
    place.parent.mkdir(parents=True)
    place.write_bytes(bad)
    repair = ["validate", "--fix"]
    dying = [sys.executable, str(_PROGRAM), moment.operation, moment.when, moment.ending]
    died = subprocess.run([*dying, *repair], capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert place.read_bytes() == (good if moment.is_new else bad)
    assert second.exists() is moment.is_kept
    if moment.is_kept:
        assert second.read_bytes() == bad
    command = [sys.executable, "-m", "pdb_cli"]
    done = subprocess.run([*command, *repair], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ("1 fixed" in done.stderr) is not moment.is_new
    assert place.read_bytes() == good
    assert mirror.requests
    return [
        name
        for folder in (collection / "structures", collection / ".pdb-cli" / "quarantine")
        for _, _, names in os.walk(folder)
        for name in names
    ]
