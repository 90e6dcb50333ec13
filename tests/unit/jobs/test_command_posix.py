"""A supervision takes the signals of its whole process: each test gives it one of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from support.jobs import is_gone
from support.wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = """
import json, os, pathlib, sys, time
from pdb_cli.jobs.process import system

def say(value):
    print(json.dumps(value), flush=True)

supervision = system().begin_supervision()
here = pathlib.Path(sys.argv[1])

def start(*command):
    return supervision.start(
        command, cwd="/", stdout=here / "out", stderr=here / "err",
        environ={**os.environ, "PDB_CLI_JOB_DIR": sys.argv[1]},
    )
"""


def supervise(directory: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + code, str(directory)], stdout=subprocess.PIPE, text=True
    )


def printed(process: subprocess.Popen[str]) -> list[object]:
    output, _ = process.communicate(timeout=30)
    return [json.loads(line) for line in output.splitlines()]


def test_a_stop_signal_ends_the_waiting_without_a_command(tmp_path: Path) -> None:
    code = (
        "say('ready')\nsupervision.wait(timeout_s=60)\nsay(supervision.stop_requested)\n"
        "started_s = time.monotonic()\nsupervision.wait(timeout_s=0.2)\n"
        "say(time.monotonic() - started_s >= 0.2)\nsay(supervision.stop_requested)"
    )
    process = supervise(tmp_path, code)
    assert process.stdout is not None
    assert process.stdout.readline() == '"ready"\n'
    process.send_signal(signal.SIGTERM)
    # It is heard once, and not forgotten.
    assert printed(process) == [True, True, True]


def test_a_stop_signal_ends_the_waiting_for_a_command(tmp_path: Path) -> None:
    code = (
        "command = start('/bin/sleep', '60')\nsay(command.wait(timeout_s=0.0))\nsay('ready')\n"
        "say(command.wait(timeout_s=60.0))\nsay(supervision.stop_requested)\n"
        "command.end(grace_s=lambda: 10.0, tick=lambda: None)\nsay(command.wait(timeout_s=60.0))\n"
        "say(command.wait(timeout_s=60.0))"
    )
    process = supervise(tmp_path, code)
    assert process.stdout is not None
    assert process.stdout.readline() == "null\n"
    assert process.stdout.readline() == '"ready"\n'
    process.send_signal(signal.SIGHUP)
    assert printed(process) == [None, True, [None, signal.SIGTERM], [None, signal.SIGTERM]]


def test_the_end_of_a_command_ends_the_waiting(tmp_path: Path) -> None:
    code = "command = start('/bin/sh', '-c', 'exit 3')\nsay(command.wait(timeout_s=60.0))\n"
    assert printed(supervise(tmp_path, code)) == [[3, None]]


def test_without_a_subreaper_a_daemon_is_found_by_its_mark(tmp_path: Path) -> None:
    daemon = "setsid sh -c 'echo $$ > pid; exec sleep 60' >/dev/null 2>&1 &"
    code = f"""
from pdb_cli.jobs.command_posix import PosixCommand
command = start("/bin/sh", "-c", "cd {tmp_path}; {daemon}")
while command.wait(timeout_s=1.0) is None:
    pass
while not (here / "pid").exists() or not (here / "pid").read_text():
    time.sleep(0.01)
pid = int((here / "pid").read_text())
command.end(grace_s=lambda: 10.0, tick=lambda: None)
say(os.path.exists(f"/proc/{{pid}}"))
marked = PosixCommand(supervision, command.pid, mark=("PDB_CLI_JOB_DIR", sys.argv[1]))
marked.end(grace_s=lambda: 10.0, tick=lambda: None)
say(pid)
"""
    escaped, pid = printed(supervise(tmp_path, code))
    assert escaped is True
    assert isinstance(pid, int)
    # Its new parent may take a moment to notice.
    wait_until(lambda: is_gone(pid), what="the daemon to end")
