"""What ``sync`` refuses before it talks to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.cli.app import run
from pdb_cli.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("nonsense",), "known: wwpdb"),
        (("structures", "xyz"), "xyz"),
        (("pdbj",), "the target pdbj: it needs -t, one or more of emdb"),
        (("zz!",), "PREFIX begins with a digit or pdb_"),
        (("--ids", "1c58"), "goes without it: sync 1c58"),
        (("--ids", "-", "--print-timer"), "standard input"),
        (("pdbj", "-t", "emd"), "did you mean emdb"),
        (("structures", "-t", "assemblies"), "--type"),
        (("pdbj", "1ab", "-t", "emdb"), "not those of entries"),
        (("-t", "assemblies", "-f", "pdb"), "biounit"),
        (("--max-delete", "x"), "--max-delete"),
        (("--subpath", "a"), "--subpath"),
        (("pdbj", "-t", "emdb", "--subpath", "../x"), "--subpath"),
        (("-t", "validation", "-l", "all"), "validation"),
        (("--plan", "--bg"), "--bg"),
        (("--plan", "--print-timer"), "one of them"),
        (("--parallel", "0"), "--parallel"),
        (("--bwlimit", "1M"), "a valid number of KB/s"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], word: str
) -> None:
    environ = {"PDB_DIR": str(tmp_path / "pdb"), "HOME": str(tmp_path)}
    assert run(["sync", *arguments], environ) == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert word in printed.err
    assert not (tmp_path / "pdb").exists()


def test_without_a_collection_it_says_how_to_name_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sync"], {"HOME": str(tmp_path)}) == ExitCode.USAGE
    assert "paths.pdb_dir" in capsys.readouterr().err
