"""The repository names no package registry, no path of a machine, and nothing left to do."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.package_copy import REPOSITORY
from support.programs import require_program

if TYPE_CHECKING:
    from pathlib import Path

# Written in pieces, so that this file does not hold what it forbids.
REGISTRY = (
    r"py" r"pi\.(org|python)|pythonhosted\.org|registry\.(npmjs|yarnpkg)|crates\.io/api"
    r"|(extra-)?index" r"-url[ =:]+\S|https?://[^\s\"'>)]+/simple\b"
)  # fmt: skip
# Homes of people, /home/ada and the like, are what examples are made of.
MACHINE_PATH = r"(?<![\w./])/(wo" r"rk|fa" r"rm|ro" r"ot)/"
UNFINISHED = r"\b(TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b"
FORBIDDEN = {
    "package registry": re.compile(REGISTRY),
    "path of a machine": re.compile(MACHINE_PATH + "|" + re.escape(f"{REPOSITORY}/")),
    "left to do": re.compile(UNFINISHED),
}


def files_of(repository: Path) -> list[Path]:
    """Return every file that is, or is about to be, under version control."""
    git = require_program("git", package="git")
    names = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        check=True,
    ).stdout
    paths = [repository / name.decode() for name in names.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def findings(repository: Path) -> list[str]:
    """Return what the text files of a repository should not hold, with the line."""
    found = []
    for path in files_of(repository):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a compressed entry
        for number, line in enumerate(lines, start=1):
            for kind, pattern in FORBIDDEN.items():
                if pattern.search(line):
                    found.append(f"{path.relative_to(repository)}:{number}: {kind}: {line.strip()}")
    return found


def test_repository_is_clean() -> None:
    assert findings(REPOSITORY) == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("--index" + "-url https://example.org/sim" + "ple", "package registry"),
        ("https://files.python" + "hosted.org/packages/x.whl", "package registry"),
        ("cache = '/ro" + "ot/.cache'", "path of a machine"),
        ("see `/wo" + "rk/data`", "path of a machine"),
        ("# TO" + "DO later", "left to do"),
        ("raise NotImplemented" + "Error", "left to do"),
        ("made in " + str(REPOSITORY / "dev"), "path of a machine"),
    ],
)
def test_planted_text_is_caught(tmp_path: Path, line: str, kind: str) -> None:
    git = require_program("git", package="git")
    subprocess.run([git, "init", "--quiet", tmp_path], check=True)
    (tmp_path / "fine.md").write_text("https://files.wwpdb.org/pub/pdb, ~/.cache, a/work/b\n")
    (tmp_path / "planted.md").write_text(f"one\n{line}\n")
    assert [finding.split(": ")[:2] for finding in findings(tmp_path)] == [["planted.md:2", kind]]
