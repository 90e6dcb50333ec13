"""The effective KillUserProcesses, from directories as systems have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.jobs.logind import kills_session

if TYPE_CHECKING:
    from pathlib import Path

YES = "[Login]\nKillUserProcesses=yes\n"
NO = "[Login]\nKillUserProcesses=no\n"


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({}, False),
        ({"etc/systemd/logind.conf": YES}, True),
        ({"etc/systemd/logind.conf": NO}, False),
        ({"usr/lib/systemd/logind.conf": YES}, True),
        ({"usr/local/lib/systemd/logind.conf": YES, "usr/lib/systemd/logind.conf": NO}, True),
        # Only the first main file is read.
        ({"etc/systemd/logind.conf": "[Login]\n", "usr/lib/systemd/logind.conf": YES}, False),
        ({"etc/systemd/logind.conf": NO, "run/systemd/logind.conf": YES}, False),
        # A drop-in wins over the main file, wherever it lies; the last name wins over the others.
        ({"etc/systemd/logind.conf": NO, "usr/lib/systemd/logind.conf.d/50.conf": YES}, True),
        (
            {
                "etc/systemd/logind.conf.d/10.conf": YES,
                "usr/lib/systemd/logind.conf.d/20.conf": NO,
            },
            False,
        ),
        # Of two of one name that in /etc hides the other, an empty one too.
        (
            {"etc/systemd/logind.conf.d/a.conf": "", "usr/lib/systemd/logind.conf.d/a.conf": YES},
            False,
        ),
        (
            {"run/systemd/logind.conf.d/a.conf": YES, "usr/lib/systemd/logind.conf.d/a.conf": NO},
            True,
        ),
        ({"etc/systemd/logind.conf.d/a.conf.bak": YES}, False),
        # What it was built with, as the shipped file shows.
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, True),
        ({"etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\n"}, False),
        (
            {
                "etc/systemd/logind.conf": "[Login]\n#KillUserProcesses=no\n",
                "usr/lib/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n",
            },
            True,
        ),
        (
            {
                "usr/lib/systemd/logind.conf": "[Login]\n#KillUserProcesses=yes\n",
                "etc/systemd/logind.conf.d/a.conf": NO,
            },
            False,
        ),
        # How it may be written.
        ({"etc/systemd/logind.conf": "[Login]\n  KillUserProcesses = TRUE  \n"}, True),
        ({"etc/systemd/logind.conf": "[Other]\nKillUserProcesses=yes\n"}, False),
        ({"etc/systemd/logind.conf": YES + "KillUserProcesses=perhaps\n"}, True),
        ({"etc/systemd/logind.conf": YES + "; a comment\nKillUserProcesses=0\n"}, False),
    ],
)
def test_the_effective_setting(tmp_path: Path, files: dict[str, str], *, kills: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert kills_session("ann", root=tmp_path) is kills


@pytest.mark.parametrize(
    ("text", "killed"),
    [
        (YES, {"ann", "bob"}),
        (YES + "KillExcludeUsers=ann\n", {"root", "bob"}),
        (YES + "KillExcludeUsers=\n", {"root", "ann", "bob"}),
        (YES + "KillExcludeUsers=root\nKillExcludeUsers=ann\n", {"bob"}),
        (YES + "KillExcludeUsers=ann\nKillExcludeUsers=\nKillExcludeUsers=bob", {"root", "ann"}),
        (YES + "KillOnlyUsers=ann\n", {"ann"}),
        # It overrides KillUserProcesses both ways.
        (NO + "KillOnlyUsers=ann bob\nKillExcludeUsers=bob\n", {"ann"}),
        (NO + "KillOnlyUsers=ann\nKillOnlyUsers=\n", set()),
        (NO + "KillOnlyUsers=root\n", set()),
    ],
)
def test_who_is_spared_and_who_is_not(tmp_path: Path, text: str, killed: set[str]) -> None:
    (tmp_path / "etc/systemd").mkdir(parents=True)
    (tmp_path / "etc/systemd/logind.conf").write_text(text)
    assert {user for user in ("root", "ann", "bob") if kills_session(user, root=tmp_path)} == killed
