"""The fixtures that guard every test fire: a planted test that misbehaves is reported."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import processes
from support.network_guard import NetworkUsedError
from support.package_copy import REPOSITORY
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

MISBEHAVING = """
import os, socket, subprocess, sys

def test_reaches_out():
    socket.create_connection(("192.0.2.1", 80), timeout=1)

def test_leaves_a_process_behind(isolated):
    isolated.jobs_dir.mkdir()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child.returncode = 0  # nobody waits for it
    print("child", child.pid)

def test_behaves(isolated):
    assert os.environ["PDB_CLI_JOBS_DIR"] == str(isolated.jobs_dir)
    assert "HTTPS_PROXY" not in os.environ and "PDB_DIR" not in os.environ
"""


def test_misbehaving_tests_are_reported(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_planted.py").write_text(MISBEHAVING)
    result = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA",
            f"--rootdir={tmp_path}",
            "-o", f"pythonpath={REPOSITORY / 'tests'}", tmp_path,
        ],
        cwd=tmp_path,
        env={**os.environ, "HTTPS_PROXY": "http://192.0.2.1:1", "PDB_DIR": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert "FAILED test_planted.py::test_reaches_out - support.network_guard.Netw" in result.stdout
    assert "ERROR test_planted.py::test_leaves_a_process_behind" in result.stdout
    assert "left running after the test" in result.stdout
    assert "1 failed, 2 passed, 1 error" in result.stdout
    child = int(result.stdout.partition("child ")[2].split()[0])
    assert child not in [process.pid for process in processes.living()]


def test_every_test_has_a_time_limit(pytestconfig: pytest.Config) -> None:
    assert float(pytestconfig.getini("timeout")) == 60


def test_a_test_that_hangs_is_ended_and_the_next_one_runs(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(
        "import threading\n\n"
        "def test_hangs():\n    threading.Event().wait()\n\n"
        "def test_next():\n    assert True\n"
    )
    settings = REPOSITORY / "pyproject.toml"
    result = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n1",
            "-c", settings, f"--rootdir={tmp_path}", "-o", "timeout=0.5", tmp_path,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )  # fmt: skip
    assert "Timeout (>0.5s)" in result.stdout
    assert "1 failed, 1 passed" in result.stdout


def test_ci_does_not_let_tests_be_skipped(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(REPOSITORY / ".ci" / "run", tmp_path / ".ci")
    dev = tmp_path / "dev"
    dev.write_text('#!/bin/sh\necho "$1: CI=$CI"\n')
    dev.chmod(0o700)
    environ = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run([script], env=environ, capture_output=True, text=True, check=True)
    assert "\ntest: CI=true\n" in done.stdout


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "files.wwpdb.org"])
def test_other_machines_can_not_be_reached(host: str) -> None:
    with pytest.raises(NetworkUsedError):
        socket.create_connection((host, 443), timeout=1)


def test_udp_and_numeric_connects_are_guarded_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(NetworkUsedError):
            sock.connect(("192.0.2.1", 53))
        with pytest.raises(NetworkUsedError):
            sock.connect_ex(("192.0.2.1", 53))


def test_loopback_can_be_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_processes_are_found_by_environment_and_by_parent() -> None:
    child = subprocess.Popen(
        ["sh", "-c", "sleep 60 & wait"], env={**os.environ, "PDB_CLI_TEST_MARK": "a b"}
    )
    try:
        wait_until(lambda: len(processes.with_environment("PDB_CLI_TEST_MARK", "a b")) == 2)
        assert processes.with_environment("PDB_CLI_TEST_MARK", "a") == []
        grandchild = next(
            process
            for process in processes.descendants(os.getpid())
            if process.command == "sleep 60"
        )
        assert grandchild.parent_pid == child.pid
    finally:
        for process in processes.with_environment("PDB_CLI_TEST_MARK", "a b"):
            os.kill(process.pid, 9)
        child.wait()
    wait_until(lambda: not processes.with_environment("PDB_CLI_TEST_MARK", "a b"))
