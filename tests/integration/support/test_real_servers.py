from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from support.nginx import Nginx
from support.ports import is_listening
from support.programs import require_program
from support.real_entries import CLASSIC_ROOT
from support.rsync_daemon import RsyncDaemon
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

HYA = "data/structures/divided/mmCIF/hy/3hya.cif.gz"


def test_nginx_serves_a_folder_and_ends(tmp_path: Path) -> None:
    program = require_program("nginx", package="nginx")
    with Nginx(program, CLASSIC_ROOT.parent.parent, folder=tmp_path) as nginx:
        with urllib.request.urlopen(f"{nginx.origin}/pub/pdb/{HYA}", timeout=10) as answer:
            assert answer.read() == (CLASSIC_ROOT / HYA).read_bytes()
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{nginx.origin}/pub/pdb/nothing", timeout=10)
        assert refusal.value.code == 404
        refusal.value.close()
        # It answers first and writes its log then.
        wait_until(lambda: len(nginx.requests()) == 2, what="both lines of the log")
    assert not is_listening(nginx.port)


def test_rsync_daemon_serves_both_modules_and_ends(tmp_path: Path) -> None:
    program = require_program("rsync", package="rsync")
    copy = tmp_path / "copy"
    copy.mkdir()
    with RsyncDaemon(program, CLASSIC_ROOT, folder=tmp_path) as daemon:
        for module, path in (("ftp", HYA), ("ftp_data", HYA.removeprefix("data/"))):
            url = f"rsync://127.0.0.1:{daemon.port}/{module}/{path}"
            subprocess.run([program, "-rt", url, copy], check=True, timeout=10)
            fetched = copy / "3hya.cif.gz"
            assert fetched.read_bytes() == (CLASSIC_ROOT / HYA).read_bytes()
            fetched.unlink()
        assert daemon.url == f"rsync://127.0.0.1:{daemon.port}/ftp"
        assert "3hya.cif.gz" in daemon.log()
    assert not is_listening(daemon.port)


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_a_missing_program_skips_here_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"no-such-program is not installed \(Debian package parts\)"):
        require_program("no-such-program", package="parts")
