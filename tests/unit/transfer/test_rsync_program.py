from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdb_cli.errors import RsyncUnavailableError
from pdb_cli.transfer.rsync_program import find_rsync, read_version

if TYPE_CHECKING:
    from pathlib import Path

OPENRSYNC = "openrsync: protocol version 29\nrsync version 2.6.9 compatible\n"


def fake_rsync(folder: Path, script: str) -> dict[str, str]:
    """Put a program called rsync into a folder, and return an environment that finds it."""
    program = folder / "rsync"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_no_program_is_said() -> None:
    with pytest.raises(RsyncUnavailableError, match="there is no rsync program"):
        find_rsync({"PATH": "/nonexistent"})
    with pytest.raises(RsyncUnavailableError):
        find_rsync({})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (OPENRSYNC, "openrsync"),
        ("rsync  version 2.6.9  protocol version 29", r"version 2\.6\.9, and 3\.1\.0 or later"),
        ("rsync  version 3.0.9  protocol version 30", r"3\.0\.9"),
        ("hello", "does not say which version"),
        ("", "does not say which version"),
    ],
)
def test_one_that_will_not_do_is_said(tmp_path: Path, said: str, why: str) -> None:
    environ = fake_rsync(tmp_path, f"printf '%s' '{said}'")
    with pytest.raises(RsyncUnavailableError, match=why) as caught:
        find_rsync(environ)
    assert caught.value.program == str(tmp_path / "rsync")


def test_one_that_does_not_run_is_said(tmp_path: Path) -> None:
    environ = fake_rsync(tmp_path, "")
    (tmp_path / "rsync").write_bytes(b"\x7fELF no program")
    with pytest.raises(RsyncUnavailableError, match="does not run"):
        find_rsync(environ)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("rsync  version 3.1.0  protocol version 31", (3, 1, 0)),
        ("rsync  version v3.2.3  protocol version 31", (3, 2, 3)),
        ("rsync  version 3.4.0pre1  protocol version 32", (3, 4, 0)),
        ("rsync  version 4.0  protocol version 40", (4, 0, 0)),
    ],
)
def test_versions_are_read(text: str, version: tuple[int, int, int]) -> None:
    assert read_version("rsync", text) == version


def test_the_users_variables_pass_and_those_that_change_names_do_not(tmp_path: Path) -> None:
    environ = fake_rsync(tmp_path, "echo 'rsync  version 3.2.7  protocol version 31'")
    environ |= {"RSYNC_PROXY": "proxy:3128", "RSYNC_ICONV": "latin1", "LC_ALL": "de_DE", "TZ": "X"}
    program = find_rsync(environ)
    assert str(program) == "rsync 3.2.7"
    assert program.environ["RSYNC_PROXY"] == "proxy:3128"
    assert (program.environ["LC_ALL"], program.environ["TZ"]) == ("C", "UTC0")
    assert "RSYNC_ICONV" not in program.environ
    # Empty: it asks nobody.
    assert not program.environ["RSYNC_PASSWORD"]
    with_one = find_rsync({**environ, "RSYNC_PASSWORD": "word"})
    assert with_one.environ["RSYNC_PASSWORD"] == "word"  # noqa: S105 - a stand-in
