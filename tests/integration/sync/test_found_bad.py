"""A file that ``validate`` found bad comes again, though its size and time are the mirror's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.sync_lab import SyncLab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cli import CliRunner

MMCIF = "structures/divided/mmCIF"
ROTTEN = (f"{MMCIF}/kq/1kqe.cif.gz", f"{MMCIF}/hy/3hya.cif.gz")


@pytest.fixture
def lab(isolated: object, run_cli: CliRunner, tmp_path: Path) -> Iterator[SyncLab]:
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    with SyncLab(tmp_path, config, run_cli) as made:
        made.tree.publish(add=["3hya", "1kqe", "1dsr"])
        yield made


def _rot(place: Path) -> None:
    """Change a byte in the middle, as a disk does: no size and no time tells."""
    before = place.stat()
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 0xFF
    with place.open("r+b") as file:
        file.write(data)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("transport", ["rsync", "https"])
def test_what_validate_found_bad_comes_again(lab: SyncLab, transport: str) -> None:
    way = ("--transport", transport)
    assert lab.sync(*way).returncode == 0
    for path in ROTTEN:
        _rot(lab.collection / path)
    assert lab.plan(*way)["changes"] == [], "nobody has looked at them yet"
    # What is bad says nothing of the mirror, however new it looks.
    os.utime(lab.collection / ROTTEN[1], (1_700_000_000, 1_700_000_000))
    assert lab.run("validate").returncode == 3
    # A mirror that does not have one just now: what is here stays, and is known to be bad.
    hidden = lab.tree.root / "data" / ROTTEN[0]
    data, status = hidden.read_bytes(), hidden.stat()
    rotten = (lab.collection / ROTTEN[0]).read_bytes()
    if transport == "https":
        hidden.unlink()
        assert lab.sync(*way, "--retry", "0").returncode == 3
        assert (lab.collection / ROTTEN[0]).read_bytes() == rotten
        hidden.write_bytes(data)
        os.utime(hidden, ns=(status.st_atime_ns, status.st_mtime_ns))
    plan = lab.plan(*way)
    planned = {change["path"]: (change["action"], change["reason"]) for change in plan["changes"]}
    expected = ROTTEN if transport == "rsync" else ROTTEN[:1]
    assert planned == dict.fromkeys(expected, ("changed", "found bad by validate"))
    # More that comes in the same run.
    lab.tree.publish(copies={"9xyz": "1kqe"})
    done = lab.sync(*way)
    assert done.returncode == 0, done.stderr
    assert f"{len(expected) + 1} transferred" in done.stderr
    assert lab.local() == lab.published(MMCIF)
    assert lab.plan(*way)["changes"] == []
