"""A mirror that lists only a part: retried, left to another mirror, and never called done."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.programs import require_program
from support.rsync_daemon import RsyncDaemon
from support.sync_lab import SyncLab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cli import CliRunner

MMCIF = "structures/divided/mmCIF"
COPIES = {f"9a{n:02d}": "1kqe" for n in range(20)}
WAY = ("--transport", "rsync", "--delete", "--max-delete", "100%")


@pytest.fixture
def lab(isolated: object, run_cli: CliRunner, tmp_path: Path) -> Iterator[SyncLab]:
    """Give mirrors ``lab``, which has all, and ``part``, which may not read one directory."""
    config = isolated.config_home / "pdb-cli" / "config.toml"  # type: ignore[attr-defined]
    (tmp_path / "nobody").mkdir(mode=0o777)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o55)
    with SyncLab(tmp_path, config, run_cli) as made:
        made.tree.publish(copies=COPIES)
        hidden = made.tree.root / "data" / MMCIF / "a1"
        assert len(list(hidden.iterdir())) == 10
        hidden.chmod(0)
        part = RsyncDaemon(
            require_program("rsync", package="rsync"),
            made.tree.root,
            folder=tmp_path / "nobody",
            # root may read everything.
            settings="uid = 65534" if os.geteuid() == 0 else "",
        )
        with part:
            made.write_config(f'[mirrors.part]\nrsync = "{part.url}"\nlayout = "classic"\n')
            yield made
        hidden.chmod(0o755)


def test_what_is_listed_comes_and_the_exit_code_says_that_it_is_not_all(lab: SyncLab) -> None:
    kept = lab.collection / MMCIF / "zz" / "9zzz.cif.gz"
    kept.parent.mkdir(parents=True)
    kept.write_text("not on the mirror")
    done = lab.sync(*WAY, "-m", "part", "--retry", "1", "--retry-delay", "0")
    assert done.returncode == 3, done.stderr
    assert "10 transferred" in done.stderr
    assert lab.last()["retries"] == 1
    assert "not complete" in done.stderr.splitlines()[-1]
    assert kept.exists()
    last = lab.last()
    assert last["exit_code"] == 3
    assert "not complete" in last["reason"]
    [tree] = last["trees"]
    assert (tree["done"], tree["state"]) == (False, "incomplete")
    assert "incomplete" in lab.sync("--last").stdout
    # Nothing more is listed, and that is no success either.
    assert lab.sync(*WAY, "-m", "part", "--retry", "0").returncode == 3
    planned = lab.sync(*WAY, "-m", "part", "--retry", "0", "--plan")
    assert planned.returncode == 3
    assert "9zzz" not in planned.stdout


def test_nothing_listed_of_one_tree_leaves_the_others_their_run(lab: SyncLab) -> None:
    top = lab.tree.root / "data" / MMCIF
    (top / "a1").chmod(0o755)
    assert lab.sync(*WAY).returncode == 0
    before = lab.local()
    lab.put("data/assemblies/mmCIF/divided/kq/1kqe-assembly1.cif.gz", "of another type")
    hidden = [top / "a0", top / "a1"]
    for folder in hidden:
        folder.chmod(0)
    types = ("-t", "structures", "-t", "assemblies")
    done = lab.sync(*WAY, *types, "-m", "part", "--retry", "0")
    for folder in hidden:
        folder.chmod(0o755)
    assert done.returncode == 3, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pdb-cli: ")]
    assert "structures-mmcif" in line
    assert "not complete" in line
    assert lab.local() == before | lab.published("assemblies")
    assert len(lab.local()) > len(before)


def test_a_mirror_that_lists_all_is_taken_instead(lab: SyncLab) -> None:
    done = lab.sync(*WAY, "-m", "part", "-m", "lab", "--retry", "0")
    if os.geteuid() != 0:
        # Only the daemon of root may read all: then no mirror lists all.
        assert done.returncode == 3, done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "20 transferred" in done.stderr
    [tree] = lab.last()["trees"]
    assert (tree["state"], tree["planned"]["listing"]["mirror"]) == ("done", "lab")


def test_a_directory_in_the_way_of_a_file_is_named(lab: SyncLab) -> None:
    (lab.tree.root / "data" / MMCIF / "a1").chmod(0o755)
    inner = lab.collection / MMCIF / "a0" / "9a02.cif.gz" / "precious"
    inner.parent.mkdir(parents=True)
    inner.write_text("mine")
    done = lab.sync("--transport", "rsync")
    assert done.returncode == 3, done.stderr
    assert "9a02.cif.gz" in done.stderr.splitlines()[-1]
    assert "19 transferred" in done.stderr
    assert inner.read_text() == "mine"


def test_a_file_where_a_directory_belongs_stays(lab: SyncLab) -> None:
    (lab.tree.root / "data" / MMCIF / "a1").chmod(0o755)
    mine = lab.collection / MMCIF / "a1"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = lab.sync("--transport", "rsync", "--retry", "0")
    assert done.returncode == 1, done.stderr
    assert str(mine) in done.stderr.splitlines()[-1]
    assert mine.read_text() == "mine"
